"""Theorems that hold with probability 1 − δ: seeds beyond the bound are counted, and the limits are the binomial's."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import CHECKPOINTS as T
from toys import ruled, setting_of, theorem_of, trace_of

from convlab.core.errors import ConvlabError
from convlab.core.setting import EXACT_EXPECTATION
from convlab.core.theorem import Theorem
from convlab.core.verdict import Verdict
from convlab.lab import api, counts
from convlab.lab.config import load_experiment
from convlab.lab.judge import judge
from tests.calibration import rulings

ONE: dict[str, Any] = {"sense": "probability", "rate": None}


def bounded_by(value: float, **changes: Any) -> Theorem:
    return theorem_of(lambda setting, t: value, **{**ONE, **changes})


def asked(theorem: Theorem, *traces: Any, delta: float | None = None, sweep: str = "trajectory") -> Verdict:
    return judge("toy", theorem, traces, tuple(range(len(traces))), sweep, delta=delta)  # type: ignore[arg-type]


def at_most(k: int, n: int, p: Fraction) -> Fraction:
    """P(Bin(n, p) ≤ k), in fractions."""
    return sum((math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1)), Fraction(0))


@pytest.mark.parametrize("n", [1, 7, 40, 120])
def test_the_limits_are_where_the_binomial_law_puts_them(n: int) -> None:
    """In fractions: the upper limit is at most δ exactly where P(Bin(n, δ) ≤ k) ≤ tail; the lower one is mirrored."""
    size = np.array([float(n)])
    for delta, tail in (
        (Fraction(1, 10), Fraction(1, 200)),
        (Fraction(1, 2), Fraction(1, 50)),
        (Fraction(1, 50), Fraction(1, 3)),
    ):
        confirm = [k for k in range(n + 1) if at_most(k, n, delta) <= tail]
        refute = [k for k in range(n + 1) if 1 - (at_most(k - 1, n, delta) if k else 0) < tail]
        most = int(counts.most_that_confirm(size, float(delta), float(tail))[0])
        few = int(counts.fewest_that_refute(size, float(delta), float(tail))[0])
        assert most == (max(confirm) if confirm else -1)
        assert few == (min(refute) if refute else n + 1)
        for k in range(0, n + 1, max(1, n // 10)):
            assert (counts.upper_limit(k, n, float(tail)) <= delta) == (k in confirm)
            assert (counts.lower_limit(k, n, float(tail)) > delta) == (k in refute)


def test_quantiles_lie_between_order_statistics_and_say_what_counts_say() -> None:
    values = np.random.default_rng(3).exponential(size=300)
    low, centre, high = counts.quantile_limits(values, 0.005, 0.1)
    assert low < centre < high
    assert {low, centre, high} <= set(values)
    assert (values > centre).sum() == 30
    for bound in np.sort(values)[::7] * (1 + 1e-9):
        k = int((values > bound).sum())
        assert (bound >= high) == (counts.upper_limit(k, 300, 0.005) <= 0.1)
        assert (bound < low) == (counts.lower_limit(k, 300, 0.005) > 0.1)
    assert counts.quantile_limits(values[:20], 0.005, 0.1)[2] == math.inf  # 0.9²⁰ is not small enough


# --- rulings ---


def with_share(above: int, seeds: int = 400) -> np.ndarray:
    """Gaps below 1 but for those of the first seeds."""
    values = np.full((seeds, len(T)), 0.5)
    values[:above] = 2.0
    return values


def test_the_three_rulings_and_their_sentences() -> None:
    few = asked(bounded_by(1.0), trace_of(T, with_share(10)))
    assert few.ruling == "holds"
    assert few.delta == 0.1
    assert few.worst_ratio == pytest.approx(0.5)
    assert few.why.startswith("the 0.9-quantile of 400 seeds, over the bound, is at most 0.5000 (at t = 1); ")
    assert "; 10 of 400 seeds lie above it at t = 1, a probability in [" in few.why
    many = asked(bounded_by(1.0), trace_of(T, with_share(80)))
    assert (many.ruling, many.worst_ratio) == ("violated", pytest.approx(2.0))
    assert many.why.startswith("too many seeds are beyond the bound: 80 of 400 seeds lie above it at t = 1")
    open_ = asked(bounded_by(1.0), trace_of(T, with_share(32)))
    assert open_.ruling == "inconclusive"
    assert re.search(r"about [\d,]+ seeds would (confirm|settle) it", open_.why)
    assert asked(bounded_by(1.0), trace_of(T, with_share(32)), delta=0.3).ruling == "holds"
    assert asked(bounded_by(1.0), trace_of(T, with_share(32)), delta=0.01).ruling == "violated"


def test_the_limits_hold_at_once() -> None:
    """Each of four checkpoints is asked at the level 0.01/8: what one alone would confirm, four together leave open."""
    k = next(k for k in range(400, 0, -1) if counts.upper_limit(k, 400, 0.005) <= 0.1)
    assert counts.upper_limit(k, 400, 0.005 / 4) > 0.1
    alone = trace_of([0, 10], with_share(k)[:, :2], setting_of(10))
    assert asked(bounded_by(1.0), alone).ruling == "holds"
    assert asked(bounded_by(1.0), trace_of(T, with_share(k))).ruling == "inconclusive"


def test_all_t_at_once_counts_runs() -> None:
    """Each run is above the bound at one checkpoint of its own: one in eight at every t, and half of all runs."""
    values = np.full((400, len(T)), 0.5)
    for seed in range(200):
        values[seed, 1 + seed % 4] = 2.0
    each, joint = bounded_by(1.0), bounded_by(1.0, valid="all t at once")
    assert asked(each, trace_of(T, values), delta=0.25).ruling == "holds"
    verdict = asked(joint, trace_of(T, values), delta=0.25)
    assert verdict.ruling == "violated"
    assert "200 of 400 runs go above it at some checkpoint" in verdict.why
    assert asked(joint, trace_of(T, values), delta=0.6).ruling == "holds"
    sweep = [trace_of(T, values, setting_of(10)), trace_of([0, 1, 20], values[:, :3], setting_of(20))]
    verdict = asked(joint, *sweep, delta=0.4, sweep="horizon sweep")
    assert verdict.ruling == "violated"
    assert "(T = 10)" in verdict.why
    with pytest.raises(TypeError, match="all t at once"):
        theorem_of(valid="all t at once")


def test_divergence_error_and_lower_bounds() -> None:
    values = with_share(0)
    values[:100, 3:] = np.nan
    gone = asked(bounded_by(1.0), trace_of(T, values))
    assert gone.ruling == "violated"
    assert "100 of them diverged" in gone.why
    values[:100, 3:] = np.where(np.arange(100)[:, None] < 5, np.nan, 0.5)
    assert asked(bounded_by(1.0), trace_of(T, values)).ruling == "holds"
    unsure = trace_of(T, np.where(with_share(80) > 1, 1.001, 0.5), error=0.01)  # 80 seeds that may lie on either side
    verdict = asked(bounded_by(1.0), unsure)
    assert verdict.ruling == "inconclusive"
    assert "0 to 80 of 400 seeds" in verdict.why
    lower = bounded_by(1.0, kind="lower")
    below = 1 / with_share(80)  # 2 but for 80 seeds at 1/2
    assert asked(lower, trace_of(T, below)).ruling == "violated"
    assert asked(lower, trace_of(T, below), delta=0.3).ruling == "holds"
    assert asked(lower, trace_of(T, below), delta=0.3).worst_ratio == pytest.approx(2.0)


def test_without_randomness_a_run_obeys_what_holds_with_probability() -> None:
    exact = setting_of(10, ("convex", "exact oracle"))
    assert (
        asked(bounded_by(1.0), trace_of(T, np.full(5, 0.9), exact)).why == "measured/bound is at most 0.9000 (at t = 1)"
    )
    assert asked(bounded_by(1.0), trace_of(T, np.full(5, 1.1), exact)).ruling == "violated"
    computed = setting_of(10, ("convex", EXACT_EXPECTATION))
    verdict = asked(bounded_by(1.0), trace_of(T, np.full(5, 0.9), computed))
    assert (verdict.ruling, verdict.why) == (
        "not applicable",
        "it speaks of a probability, and here expectations alone were computed",
    )


def test_the_bound_may_depend_on_delta() -> None:
    theorem = theorem_of(lambda setting, t: -math.log(setting["delta"]), constants=("delta",), **ONE)
    values = np.random.default_rng(5).exponential(size=(4000, len(T)))
    for delta in (0.5, 0.1, 0.02):
        loose, tight = (
            asked(
                theorem_of(lambda s, t, c=c: c - math.log(s["delta"]), **ONE), trace_of(T, values), delta=delta
            ).ruling
            for c in (1.0, -1.0)
        )
        assert (loose, tight) == ("holds", "violated")
        assert asked(theorem, trace_of(T, values), delta=delta).ruling == "inconclusive"  # P(gap > bound) = δ


# --- seeds ---


def test_the_seeds_that_are_asked_for_settle_it() -> None:
    """P(above) = 0.06 where 0.1 is allowed, and 0.15: the number that an open ruling names settles four of five."""
    generator, settled, foreseen = np.random.default_rng(8), [], []
    for share in (0.06, 0.15):
        for _ in range(20):
            first = np.where(generator.random((150, 3)) < share, 2.0, 0.5)
            before = ruled(bounded_by(1.0), trace_of(range(3), first))
            found = re.search(r"about ([\d,]+) seeds would (settle|confirm|refute) it", before.why)
            if before.ruling != "inconclusive":
                continue
            assert found, before.why
            m = int(found[1].replace(",", ""))
            assert m > 150
            if m > 10**6:
                settled.append(False)
                continue
            rest = np.where(generator.random((m - 150, 3)) < share, 2.0, 0.5)
            after = ruled(bounded_by(1.0), trace_of(range(3), np.vstack([first, rest]))).ruling
            settled.append(after != "inconclusive")
            if found[2] != "settle":
                foreseen.append(after == {"confirm": "holds", "refute": "violated"}[found[2]])
    assert len(settled) > 25
    assert np.mean(settled) >= 0.8
    assert np.mean(foreseen) >= 0.8


EXTENDED = """
title = "Asked for more seeds"
[problem]
name = "quadratic"
dimension = 1
D = 4.0
[optimizer]
name = "sgd"
step_size = "1/(2*L)"
oracle = {{ name = "additive_noise", sigma = 1.0 }}
[run]
horizon = 3
seeds = {seeds}
[[claim]]
theorem = "{theorem}"
{delta}
expect = "inconclusive"
"""


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("theorem", "delta", "seeds"), [("sgd_strongly_convex", "", 8), ("sgd_gaussian_quantile", "delta = 0.5", 12)]
)
def test_a_run_is_extended_by_the_seeds_that_its_ruling_asks_for(
    theorem: str, delta: str, seeds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through files: what was run stays as it is, only the missing seeds are run, and the ruling is settled."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "more.toml"
    path.write_text(EXTENDED.format(theorem=theorem, delta=delta, seeds=seeds))
    first = api.run(load_experiment(str(path)))
    (verdict,) = first.verdicts
    assert verdict.ruling == "inconclusive"
    found = re.search(r"about ([\d,]+) seeds would (?:confirm|settle) it|an expectation: (\d+) are needed", verdict.why)
    assert found, verdict.why
    more = int((found[1] or found[2]).replace(",", ""))
    assert first.folder is not None
    before = {file.name: file.read_bytes() for file in (first.folder / "tasks").glob("*.npz")}
    path.write_text(EXTENDED.format(theorem=theorem, delta=delta, seeds=more).replace("inconclusive", "holds"))
    second = api.run(load_experiment(str(path)))
    assert second.folder is not None
    after = {file.name: file.read_bytes() for file in (second.folder / "tasks").glob("*.npz")}
    assert before.items() <= after.items()
    spans = sorted(
        re.findall(r"-s(\d+)-(\d+)\.npz", " ".join(after.keys() - before.keys())), key=lambda span: int(span[0])
    )
    assert (spans[0][0], spans[-1][1]) == (str(seeds), str(more)), f"{verdict.why}: {spans}"
    gap = first.results.traces[0].measured["last"]["gap"]
    np.testing.assert_array_equal(second.results.traces[0].measured["last"]["gap"][:seeds], gap)
    assert second.verdicts[0].ruling == "holds", second.verdicts[0].why


def test_a_claim_says_delta_and_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "more.toml"
    text = EXTENDED.format(theorem="sgd_gaussian_quantile", delta="delta = 0.25", seeds=4)
    path.write_text(text)
    (claim,) = load_experiment(str(path)).claims
    assert claim.delta == 0.25
    assert claim.from_json(claim.to_json()) == claim
    for wrong in ("1.5", "0", "true", '"0.1"'):
        path.write_text(text.replace("delta = 0.25", f"delta = {wrong}"))
        with pytest.raises(ConvlabError, match=r"claim.0.delta: .* is no probability of failure"):
            load_experiment(str(path))
    path.write_text(text.replace("sgd_gaussian_quantile", "sgd_strongly_convex"))
    with pytest.raises(ConvlabError, match=r"claim.0.delta: 'sgd_strongly_convex' speaks in expectation"):
        api.run(load_experiment(str(path)), out=tmp_path)


# --- how often it errs ---


def test_a_small_calibration_of_quantiles() -> None:
    """P(gap > bound) = δ exactly: "violated" is wrong at c = 1 and "holds" at 0.999, each as seldom as stated."""
    for seeds in (64, 256):
        for row in rulings.measure(
            [(1.0, "violated"), (0.999, "holds")], False, seeds, 250, np.array([1]), key=21, of=rulings.QUANTILE
        ):
            assert row.kept, row
    (row,) = rulings.measure([(0.9, "violated")], False, 2**15, 4, np.array([1]), key=22, of=rulings.QUANTILE)
    assert row.found == 4


def test_the_bound_of_the_calibration_is_exceeded_with_probability_delta() -> None:
    (gaps,) = rulings.gaps(200_000, 1, np.array([3]), key=23)
    bound = math.exp(rulings.theorem(rulings.QUANTILE, 1.0).log_bound(setting_of(3, delta=0.1), 3))  # type: ignore[misc]
    above = int((gaps > bound).sum())
    assert counts.lower_limit(above, 200_000, 1e-4) < 0.1 < counts.upper_limit(above, 200_000, 1e-4)


def test_runs_are_counted_as_seldom_wrongly() -> None:
    """Three independent checkpoints with P(above) = p each: a run is above anywhere with 1 − (1 − p)³ = δ."""
    p, generator, wrong = 1 - 0.9 ** (1 / 3), np.random.default_rng(31), {"violated": 0, "holds": 0}
    for _ in range(300):
        above = generator.random((256, 4)) < p
        ruling = asked(bounded_by(1.0, valid="all t at once"), trace_of(range(4), np.where(above, 2.0, 0.5))).ruling
        if ruling != "inconclusive":
            wrong[ruling] += 1
    for found in wrong.values():  # at most 0.5% each, to what 300 repetitions say
        assert counts.lower_limit(found, 300, 0.005) <= 0.005
