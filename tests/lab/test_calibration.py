"""Rulings err as seldom as they say: the committed calibration, a small new one, and the seeds to ask for."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from toys import setting_of, theorem_of, trace_of

from convlab.core.theorem import Rate, Theorem
from convlab.core.trace import Trace
from convlab.lab.judge import judge
from tests.calibration import rulings

ONE = np.array([1])


def test_the_simulation_is_sgd_whose_expected_gap_is_known() -> None:
    """x_t = −Σξ/(μt), so that E gap_t = σ²/(2μt), and x_s and x_t correlate as √(s/t)."""
    t = np.array([1, 2, 5, 9])
    (gaps,) = rulings.gaps(20_000, 1, t, key=3)
    expected = rulings.SIGMA**2 / (2 * rulings.MU * t)
    relative = gaps / expected
    np.testing.assert_allclose(relative.mean(axis=0), 1, atol=5 * math.sqrt(2 / 20_000))
    correlations = np.corrcoef(relative, rowvar=False)  # of squares of Gaussians: the square of theirs
    np.testing.assert_allclose(correlations, np.minimum.outer(t, t) / np.maximum.outer(t, t), atol=0.05)
    np.testing.assert_allclose(
        np.exp(rulings.theorem(rulings.MEAN, 0.98).log_bound(setting_of(9), 9)), 0.98 * expected[-1]
    )  # type: ignore[misc]


def test_the_page_says_what_was_measured_and_no_error_is_likelier_than_stated() -> None:
    rows = rulings.read()
    assert (rulings.FOLDER / "README.md").read_text(encoding="utf-8") == rulings.page(rows)
    errors = [row for row in rows if row.wrong]
    cases = {(row.of, row.bound, row.ruling, row.seeds, row.checkpoints) for row in errors}
    wrong = ((1.0, "violated"), (0.999, "holds"))
    sizes = [(of, seeds) for of, chosen in rulings.SEEDS_OF.items() for seeds in chosen]
    assert cases == {(of, *case, seeds, points) for case in wrong for of, seeds in sizes for points in (1, 30)}
    for row in errors:
        assert row.repetitions >= 1_000
        assert row.interval[0] <= rulings.STATED, row
    for of in rulings.SEEDS_OF:
        found = {
            (row.seeds, row.checkpoints): row.found / row.repetitions for row in rows if row.of == of and not row.wrong
        }
        assert found[max(found)] >= 0.95
        assert found[max(seeds for seeds, _ in found), 1] >= 0.95


def test_the_interval_is_clopper_and_pearsons() -> None:
    """Its ends are where finding so many, or so few, has probability 0.005; for 0 of n the upper one is closed."""
    row = rulings.Row("mean", 1.0, "violated", 32, 1, 400, 0)
    assert row.interval == (0.0, pytest.approx(1 - 0.005 ** (1 / 400)))
    low, high = rulings.Row("mean", 0.999, "holds", 32, 1, 50, 3).interval
    assert sum(math.comb(50, k) * low**k * (1 - low) ** (50 - k) for k in range(3, 51)) == pytest.approx(0.005)
    assert sum(math.comb(50, k) * high**k * (1 - high) ** (50 - k) for k in range(4)) == pytest.approx(0.005)


def test_a_small_calibration() -> None:
    """Other draws than the committed ones; at most as many errors as 0.5% explain at the level 99%."""
    wrong = [(1.0, "violated"), (0.999, "holds")]
    for seeds in (32, 128):
        for row in rulings.measure(wrong, False, seeds, 300, ONE, key=11):  # type: ignore[arg-type]
            assert row.kept, row
    (row,) = rulings.measure([(0.98, "violated")], False, 2**17, 4, ONE, key=12)
    assert row.found == 4


# --- "about m seeds would confirm it" ---


def _theorem(ratio: float, kind: str = "upper") -> Theorem:
    """The expectation 1 is ``ratio`` times the bound."""
    no_rate = Rate("power", lambda setting: math.nan, "")
    return theorem_of(lambda setting, t: 1 / ratio, sense="expectation", kind=kind, rate=no_rate)


def _trace(values: np.ndarray) -> Trace:
    """Of gaps [S, K] at the steps 1, …, K."""
    return trace_of(range(values.shape[1] + 1), np.hstack([values[:, :1], values]))


@pytest.mark.parametrize(
    ("ratio", "seeds", "points", "kind"),
    [(0.7, 32, 1, "upper"), (1.25, 64, 3, "upper"), (1.4, 64, 1, "lower")],
)
def test_the_seeds_that_are_asked_for_settle_it(ratio: float, seeds: int, points: int, kind: str) -> None:
    """Runs of SGD, extended to as many seeds as the open ruling names: at least four of five are settled then.

    What is named as the ruling to come is the one that comes, again in four of five.
    """
    generator = np.random.default_rng(seeds + points)
    steps = np.arange(1, points + 1)

    def gaps(count: int) -> np.ndarray:
        return np.cumsum(generator.standard_normal((count, points)), axis=1) ** 2 / steps

    true, settled, foreseen = _theorem(ratio, kind), [], []
    while len(settled) < 60:
        first = gaps(seeds)
        before = judge("toy", true, [_trace(first)], (0,), "trajectory")
        if before.ruling != "inconclusive":
            continue
        asked = re.search(r"about ([\d,]+) seeds would (settle|confirm|refute) it", before.why)
        assert asked, before.why
        more = int(asked[1].replace(",", "")) - seeds
        assert more > 0
        if more > 2**17:  # a mean that fell onto the bound itself
            settled.append(False)
            continue
        after = judge("toy", true, [_trace(np.vstack([first, gaps(more)]))], (0,), "trajectory").ruling
        settled.append(after != "inconclusive")
        if asked[2] != "settle":
            foreseen.append(after == {"confirm": "holds", "refute": "violated"}[asked[2]])
    assert np.mean(settled) >= 0.8
    assert np.mean(foreseen) >= 0.8
