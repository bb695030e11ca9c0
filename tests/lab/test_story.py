"""The story of a ruling, against numbers worked out by hand, and of every committed ruling."""

from __future__ import annotations

import dataclasses
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from toys import CHECKPOINTS, chi_squares, ruled, setting_of, theorem_of, trace_of

from convlab.cli.story import show_story
from convlab.core.results import Results
from convlab.core.setting import Hyper, Known
from convlab.core.theorem import Assumption, Theorem
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict
from convlab.lab import catalog
from convlab.lab.changes import changes
from convlab.lab.evidence import deciding, evidence, flips
from convlab.lab.judge import judge
from convlab.lab.limits import mean_limits
from convlab.lab.plain_math import plain
from convlab.lab.points import asked_with
from convlab.lab.story import Story, chosen, story
from tests.experiments.committed import results_of

RESULTS = sorted(path.parent.name for path in (Path(__file__).parents[2] / "results").glob("*/index.json"))
CONVEX = ("convex", "smooth", "has minimiser", "gradient step", "exact oracle")
MEAN = theorem_of(lambda setting, t: 1.0, sense="expectation")
EXACTLY = 2e-7  # relative: where the bisection ends


def told(theorem: Theorem, *traces: Trace, name: str = "toy") -> Story:
    verdict = judge(name, theorem, traces, tuple(range(len(traces))), "trajectory")
    return story(Results("toy", "toy", "trajectory", traces, (verdict,)), theorem, verdict)


def section(found: Story, word: str) -> str:
    return "\n".join(dict(found.sections)[word])


def huber(share: float, horizon: int = 10, **changed: float) -> Trace:
    """A gap that is this share of L D²/(4T + 2) at t = T, L = 1, D = 2, after steps of 1/L."""
    setting = setting_of(horizon, CONVEX, **{"L": 1.0, "D": 2.0, **changed})
    setting = dataclasses.replace(setting, hyper={"step_size": Hyper("1/L", 1.0)})
    return trace_of([0, horizon], [1.0, share * 4 / (4 * horizon + 2)], setting)


# --- what would change it ---


@pytest.mark.parametrize(("share", "ruling"), [(1 / 7, "holds"), (7.0, "violated")])
def test_the_factor_of_each_constant_is_that_of_the_formula(share: float, ruling: str) -> None:
    """L D²/2 · 1/(2TηL + 1), η = 1 and T = 10: D counts squared, and fL gives f/(20f + 1) in place of 1/21."""
    theorem, trace = catalog.load("theorems", "gd_smooth_convex"), huber(share)
    verdict = ruled(theorem, trace)
    assert verdict.ruling == ruling
    found = {
        (flip.constant, flip.factor > 1): flip for flip in flips(theorem, verdict, evidence(theorem, [trace], verdict))
    }
    assert found["D", share > 1].factor == pytest.approx(math.sqrt(share), rel=EXACTLY)
    assert ("D", share < 1) not in found
    beyond = found["L", True]
    if share < 1:
        assert (beyond.factor, beyond.failed) == (
            pytest.approx(2, rel=EXACTLY),
            theorem.assumes[-1].words,
        )  # the step 2/L
        x = share / 21
        assert found["L", False].factor == pytest.approx(x / (1 - 20 * x), rel=EXACTLY)
        assert found["L", False].failed == ""
    else:  # f/(20f + 1) never reaches 7/21, but the other term of the maximum, f(f − 1)^20, does before f = 2
        assert beyond.factor * (beyond.factor - 1) ** 20 == pytest.approx(1 / 3, rel=1e-5)
        assert (beyond.failed, ("L", False) in found) == ("", False)


def test_on_an_attained_bound_any_change_of_a_constant_tells() -> None:
    text = section(told(catalog.load("theorems", "gd_smooth_convex"), huber(1.0)), "change")
    assert text.startswith("any larger measurement, or smaller bound: what was measured is the bound itself")
    assert "\nD (exact): any smaller" in text
    assert "\nL (exact): any smaller; or 2 times larger, and it no longer applies (needs a constant step_size" in text


def test_what_the_measured_points_exclude_is_said() -> None:
    """‖θ_0 − θ*‖ = D was measured: that D is a third too large cannot be."""
    trace = huber(0.25)
    seen = dataclasses.replace(
        trace, measured={"last": {**trace.measured["last"], "dist2": np.array([[4.0, 1.0]])}}, dimension=1
    )
    text = section(told(catalog.load("theorems", "gd_smooth_convex"), seen), "change")
    assert "D (exact): 2 times smaller (what was measured excludes that)" in text
    assert (
        "excludes" not in section(told(catalog.load("theorems", "gd_smooth_convex"), trace), "change").split("\nD (")[1]
    )


def test_a_lower_bound_is_told_mirrored() -> None:
    lower = theorem_of(lambda setting, t: setting["G"] ** 2 / t, kind="lower", constants=("G",))
    trace = trace_of([0, 1, 4], [9, 2.5, 1.0], setting_of(4, G=1.0))  # 2.5 and 4 times the bound
    found = told(lower, trace)
    text = section(found, "change")
    assert text.startswith("a measurement 2.5 times smaller, or a bound 2.5 times larger")
    assert "G (exact): 1.581 times larger" in text  # √2.5
    assert "at least 1 is claimed: measured/bound = 2.5000" in section(found, "numbers")


def test_a_diverged_run_has_no_bound_that_covers_it() -> None:
    constant = theorem_of(lambda setting, t: setting["G"] / t, constants=("G",))
    found = told(constant, trace_of([0, 1, 4], [1, 0.1, np.nan], setting_of(4, G=1.0)))
    assert found.ruling == "violated"
    assert section(found, "change").startswith("no bound covers a run that diverged")
    assert section(found, "change").endswith("G: no factor up to a million")


def test_steps_are_varied_one_pair_at_a_time() -> None:
    """dist2' ≤ (M/(2μ))² dist2²: measured at a fourth of it, M is twice too large and μ half of what it might be."""
    theorem = catalog.load("theorems", "newton_local_quadratic")
    setting = setting_of(2, [a.trait for a in theorem.assumes if a.trait], M=2.0, mu=1.0)
    options = {"backtracking": False, "ridge": 0.0}
    setting = dataclasses.replace(setting, hyper={"step_size": Hyper("1.0", 1.0), "ridge": Hyper("0.0", 0.0)})
    trace = trace_of([0, 1, 2], [0.1, 0.1**2 / 4, (0.1**2 / 4) ** 2 / 8], setting, quantity="dist2")
    trace = dataclasses.replace(trace, setting=dataclasses.replace(setting, options=options))
    verdict = ruled(theorem, trace)
    assert verdict.ruling == "holds", verdict.why
    factors = {flip.constant: flip.factor for flip in flips(theorem, verdict, evidence(theorem, [trace], verdict))}
    assert factors == {"M": pytest.approx(0.5, rel=1e-6), "mu": pytest.approx(2, rel=1e-6)}


# --- the numbers ---


def test_an_expectation_is_told_with_the_limits_that_ruled() -> None:
    samples = chi_squares(64, 0.2)
    trace = trace_of(CHECKPOINTS, samples)
    verdict = ruled(MEAN, trace)
    point = deciding(MEAN, verdict, evidence(MEAN, [trace], verdict))
    assert point is not None
    k = CHECKPOINTS.index(point.t)
    low, mean, high = (float(end) for end in mean_limits(samples[:, k], 0.01 / (2 * 4)))  # four checkpoints after t = 0
    assert (point.low, point.centre, point.high) == (low, mean, high)
    assert mean == pytest.approx(max(samples[:, 1:].mean(axis=0)))
    text = section(told(MEAN, trace), "numbers")
    assert f"mean {mean:.4g} of 64 seeds, [{low:.4g}, {high:.4g}] (99% limits, simultaneous over 4 checkpoints)" in text
    times = min(1 / float(mean_limits(samples[:, k], 0.01 / 8)[2]) for k in range(1, 5))
    assert f"a mean with its limits {times:.4g} times larger" in section(told(MEAN, trace), "change")


def test_the_worst_seed_is_named_and_censored_points_are_counted() -> None:
    values = np.array([[1, 0.1, 0.1, 0.1, 0.1], [1, 0.1, 0.1, 0.15, 1e-30]])
    trace = dataclasses.replace(trace_of(CHECKPOINTS, values, floor=0.15), seeds=(7, 8))  # the bound is 0.1 at t = 10
    text = section(told(theorem_of(), trace), "numbers")
    assert "at t = 5: 0.15 (seed 8, the worst); at most 0.2 is claimed: measured/bound = 0.7500" in text
    assert "and below 1.5e-01 rounding decides\n3 checkpoints judged, 1 below the floor; 2 seeds, T = 10" in text


def test_the_error_of_the_optimum_is_told_where_it_decides() -> None:
    found = told(theorem_of(), trace_of(CHECKPOINTS, [2, 0.5, 0.1, 0.1, 0.099], error=0.002))
    assert "interval of R*: width 2.0e-03; error of the measurement at most 2.0e-03" in section(found, "numbers")
    assert section(found, "change").startswith(
        "at t = 10 the measurement is 1.0e-03 from the bound, with an error of 2.0e-03"
    )


# --- open, and not applicable ---


def test_what_an_open_ruling_waits_for() -> None:
    def asked(theorem: Theorem, trace: Trace) -> str:
        found = told(theorem, trace)
        assert found.ruling == "inconclusive"
        return section(found, "change")

    assert "8 seeds are too few" in asked(MEAN, trace_of(CHECKPOINTS, chi_squares(8, 0.1)))
    seeds = asked(MEAN, trace_of(CHECKPOINTS, chi_squares(64, 0.8)))
    assert "seeds would" in seeds
    assert 'expectation = "exact"' in seeds
    below = asked(theorem_of(), trace_of(CHECKPOINTS, np.full(5, 1e-3), setting_of(10, dtype="float32"), floor=2.0))
    assert "fewer steps, or float64" in below
    assert "vacuous" in asked(theorem_of(log_bound=lambda s, t: math.inf), trace_of([0, 1], [1, 1]))
    end = theorem_of(valid="at the horizon")
    assert "checkpoints where the theorem speaks" in asked(end, trace_of(CHECKPOINTS, np.ones(5), setting_of(20)))


def test_not_applicable_says_which_step_to_write() -> None:
    theorem = catalog.load("theorems", "gd_smooth_convex")
    long = dataclasses.replace(
        huber(1.0, L=4.0),
        setting=dataclasses.replace(huber(1.0, L=4.0).setting, hyper={"step_size": Hyper("2.1/L", 0.525)}),
    )
    found = told(theorem, long)
    assert found.ruling == "not applicable"
    assert section(found, "change") == "step_size < 2/L = 0.5, and it applies"
    assert "✗ a constant step_size with 0 < step_size < 2/L: step_size = 2.1/L = 0.525 exceeds 2/L = 0.5" in section(
        found, "needs"
    )
    noisy = dataclasses.replace(
        long, setting=dataclasses.replace(long.setting, traits=long.setting.traits - {"exact oracle"})
    )
    assert (
        section(told(theorem, noisy), "change")
        == "another run, one with the exact oracle, f_t = R\nstep_size < 2/L = 0.5"
    )
    unknown = dataclasses.replace(long, setting=dataclasses.replace(long.setting, known={}))
    assert section(told(theorem, unknown), "change") == "a problem of which L is known"


def test_an_estimate_is_never_called_proved() -> None:
    trace = huber(0.5)
    known = {**trace.setting.known, "L": Known(1.0, "estimated")}
    found = told(
        catalog.load("theorems", "gd_smooth_convex"),
        dataclasses.replace(trace, setting=dataclasses.replace(trace.setting, known=known)),
    )
    assert found.ruling == "not applicable"
    assert "L = 1 (estimated)" in section(found, "bound")
    assert "L: an estimate, which is never accepted" in section(found, "bound")
    assert "proved" not in section(found, "bound")


def test_an_unmet_hypothesis_quotes_what_was_found() -> None:
    picky = theorem_of(assumes=(Assumption("G = 1", lambda s: s["G"] == 1, finding=lambda s: f"G = {s['G']}"),))
    found = told(picky, trace_of(CHECKPOINTS, np.ones(5), setting_of(10, G=3.0)))
    assert section(found, "needs") == "✗ G = 1: G = 3.0"
    assert section(found, "change") == "another run, one with G = 1"


# --- every committed ruling ---


@pytest.mark.parametrize("name", RESULTS)
def test_every_committed_ruling_has_its_half_page(name: str) -> None:
    """At most 36 lines of 100 columns; the deciding point is the one that the verdict calls the worst."""
    results = results_of(name)
    some = results.verdicts if len(results.verdicts) < 60 else results.verdicts[::7]
    for verdict in some:
        theorem: Theorem = catalog.load("theorems", verdict.theorem)
        found = story(results, theorem, verdict)
        words = [word for word, _ in found.sections]
        assert words == [
            word for word in ("why", "numbers", "kind", "bound", "needs", "rate", "change") if word in words
        ]
        assert {"why", "numbers", "kind", "bound", "needs", "change"} <= set(words), found.label
        lines = shown(found, verdict).splitlines()
        assert len(lines) <= 36, (found.label, found.theorem)
        assert max(map(len, lines)) <= 100
        _agrees(theorem, [results.traces[cell] for cell in verdict.cells], verdict)


def shown(found: Story, verdict: Verdict) -> str:
    out = io.StringIO()
    show_story(found, verdict, Console(file=out, width=100, color_system=None))
    return out.getvalue()


def _agrees(theorem: Theorem, traces: list[Trace], verdict: Verdict) -> None:
    """What the story recomputes is what the judge said."""
    traces = asked_with(theorem, traces, verdict.delta)
    found = evidence(theorem, traces, verdict)
    point = deciding(theorem, verdict, found)
    if point is None or verdict.worst_ratio is None:
        assert verdict.worst_ratio is None
        return
    if verdict.ruling == "holds":
        assert math.exp(point.log_ratio) == pytest.approx(verdict.worst_ratio, rel=1e-9)
    if verdict.ruling == "inconclusive" and point.seeds and theorem.sense == "probability":
        assert f"the {1 - traces[0].setting['delta']:g}-quantile of {point.seeds} seeds" in verdict.why
    elif verdict.ruling == "inconclusive" and point.seeds:
        limit = point.high / math.exp(point.log_bound)
        assert f"the 99% simultaneous limit of the mean is {limit:.4f}× the bound" in verdict.why
    assert changes(theorem, verdict, traces, found, traces[0])


def test_formulas_are_plain() -> None:
    """No markup is left, and brackets match."""
    for name in catalog.names("theorems"):
        text = plain(catalog.load("theorems", name).formula)
        assert not set(text) & set("\\$\x01\x02"), (name, text)
        assert text.count("(") == text.count(")"), (name, text)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("gd_smooth_convex_average", {"D": 3.0, "η": 0.25, "T": 8.0}),
        ("nesterov_smooth_convex", {"D": 3.0, "η": 0.25, "T": 8.0}),
        ("polyak_smooth", {"L": 5.0, "D": 3.0, "T": 8.0}),
        ("sgd_bounded_second_moment", {"D": 3.0, "G": 2.0, "η": 0.25, "T": 8.0}),
        ("sgd_smooth_convex_average", {"D": 3.0, "𝓛": 1.5, "σ": 0.7, "η": 0.25, "T": 8.0}),
    ],
)
def test_a_plain_formula_is_the_bound(name: str, values: dict[str, float]) -> None:
    """Read as written, with products spelt out, it gives log_bound's number: no bracket is lost."""
    theorem = catalog.load("theorems", name)
    text = plain(theorem.formula).replace("σ*", "σ").replace("−", "-").translate(str.maketrans({"²": "^2"}))
    for symbol, value in values.items():
        text = text.replace(symbol, f"({value})")
    found = float(eval(re.sub(r"(?<=[\d)])(?=\()", "*", text.replace("^", "**"))))
    names = {"L": "L", "D": "D", "G": "G_expected", "𝓛": "L_expected", "σ": "sigma_star"}
    setting = setting_of(8, CONVEX, **{names[key]: value for key, value in values.items() if key in names})
    setting = dataclasses.replace(setting, hyper={"step_size": Hyper("0.25", 0.25)})
    assert theorem.log_bound is not None
    assert found == pytest.approx(math.exp(theorem.log_bound(setting, 8)))


def test_a_run_is_chosen_by_its_label() -> None:
    results = results_of("gd_reaches_one_over_t")
    assert len(chosen(results, "gd_smooth_convex")) == 3
    (one,) = chosen(results, "gd_smooth_convex", "gd, step_size = 2.1/L, on quadratic")
    assert one.ruling == "not applicable"
