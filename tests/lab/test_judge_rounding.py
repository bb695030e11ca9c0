"""The judge where floating point decides: floors, distances that are rounded, long sums, extreme numbers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from toys import CHECKPOINTS as T
from toys import chi_squares, ruled, setting_of, theorem_of, trace_of

from convlab.core.theorem import Theorem
from convlab.core.trace import Trace

U = 2.0**-53

# --- the rounding floor ---

STEEP = theorem_of(lambda setting, t: 10.0 ** (-4 * t))


def test_bounds_below_the_floor_are_not_judged() -> None:
    stagnating = trace_of(T, [1, 1e-5, 1e-9, 5e-15, 5e-15], floor=1e-14)
    verdict = ruled(STEEP, stagnating)
    assert verdict.ruling == "holds"
    assert verdict.why.endswith("; at 2 of 4 points the bound lies below the rounding floor")
    assert verdict.ratio is not None
    assert np.isnan(verdict.ratio[2:]).all()
    assert verdict.worst_ratio == pytest.approx(0.1)
    # stagnating some floors above it is still rounding
    assert ruled(STEEP, trace_of(T, [1, 1e-5, 1e-9, 5e-13, 5e-13], floor=1e-14)).ruling == "holds"


def test_far_above_a_floor_nothing_is_excused() -> None:
    assert ruled(STEEP, trace_of(T, [1, 1e-5, 1e-9, 1e-9, 1e-9], floor=1e-14)).ruling == "violated"


def test_a_measurement_below_the_floor_holds_if_the_bound_lies_above_it() -> None:
    assert ruled(theorem_of(), trace_of(T, [1, 0, 0, 0, 0], floor=0.01)).ruling == "holds"
    verdict = ruled(theorem_of(), trace_of(T, [1, 0, 0, 0, 0], floor=0.15))
    assert verdict.ruling == "holds"
    assert "1 of 4 points" in verdict.why


def test_where_all_is_below_the_floor_nothing_is_ruled() -> None:
    verdict = ruled(STEEP, trace_of(T, [1, 1e-9, 1e-9, 1e-9, 1e-9], floor=1e-2))
    assert (verdict.ruling, verdict.worst_ratio) == ("inconclusive", None)
    assert verdict.why == "at all 4 points the bound lies below the rounding floor"


def test_a_bound_that_contracts_faster_than_floating_point_is_not_refuted_by_rounding() -> None:
    once = theorem_of(lambda setting, t: 0.0)
    verdict = ruled(once, trace_of([0, 1, 2, 3], [1, (2 * U) ** 2, (2 * U) ** 4, 0]))
    assert verdict.ruling == "inconclusive"
    assert ruled(once, trace_of([0, 1, 2, 3], [1, 1e-20, 1e-30, 1e-30])).ruling == "violated"
    assert ruled(once, trace_of([0, 1, 2], [0, 0, 0])).ruling == "inconclusive"  # started at the minimiser


# --- rounding away from zero ---


def rounded(values: object, quantity: str, epsilon: float, L: float = 4.0, **facts: object) -> Trace:
    """Checkpoints 0, 1 of a run whose gradients err by ε; ρ = (1 + 1/L) ε after one step of length 1."""
    trace = trace_of([0, 1], values, setting_of(1, L=L), quantity=quantity)
    return replace(trace, floor={quantity: 0.0, "grad_norm2": epsilon**2}, **facts)  # type: ignore[arg-type]


ONE = {quantity: theorem_of(lambda setting, t: 1.0, quantity=quantity) for quantity in ("gap", "dist2", "grad_norm2")}
ROOTS = {"gap": math.sqrt(4.0 / 2), "dist2": 1.0, "grad_norm2": 4.0}  # Λ where L = 4


@pytest.mark.parametrize("quantity", ROOTS)
def test_a_distance_error_counts_in_the_root(quantity: str) -> None:
    """m may exceed B = 1 by 2Λρ and is not refuted below ten times that, though (Λρ)² is a hundred thousandth of it."""
    moved = ROOTS[quantity] * 1.25e-5

    def at(share: float) -> str:
        value = (1 + share * moved) ** 2
        return ruled(ONE[quantity], rounded([1.0, value], quantity, 1e-5)).ruling

    assert [at(share) for share in (0.0, 0.99, 1.01, 9.99, 10.01)] == [
        "holds",
        "holds",
        "inconclusive",
        "inconclusive",
        "violated",
    ]


def test_the_measured_gradient_says_how_steep_the_gap_is() -> None:
    """Along a flat direction ‖∇R‖/(2√gap) = √(μ/2) replaces √(L/2)."""
    mu = 0.01
    flat = {"last": {"gap": np.ones((1, 2)), "grad_norm2": np.full((1, 2), 2 * mu)}}
    moved = 1.25e-5 * (math.sqrt(2 * mu) + 1e-5) / 2
    for share, ruling in ((0.99, "holds"), (1.01, "inconclusive"), (9.9, "inconclusive"), (10.2, "violated")):
        flat["last"]["gap"][0, 1] = (1 + share * moved) ** 2
        assert ruled(ONE["gap"], rounded([1, 1], "gap", 1e-5, measured=flat)).ruling == ruling


def test_a_bound_within_ten_roundings_of_the_run_is_not_judged() -> None:
    below = ruled(ONE["dist2"], rounded([1.0, 1.0], "dist2", 0.1))
    assert (below.ruling, below.why) == ("inconclusive", "at all 1 points the bound lies below the rounding floor")
    assert ruled(ONE["dist2"], rounded([1.0, 6.0], "dist2", 0.1)).ruling == "violated"
    mean, seeds = replace(ONE["dist2"], sense="expectation"), (4096, 2)  # so many that none of them missed anything
    assert ruled(mean, rounded(np.full(seeds, 1.0), "dist2", 1e-3)).ruling == "holds"
    assert ruled(mean, rounded(np.full(seeds, (1 + 5 * 1.25e-3) ** 2), "dist2", 1e-3)).ruling == "inconclusive"
    assert ruled(mean, rounded(np.full(seeds, (1 + 11 * 1.25e-3) ** 2), "dist2", 1e-3)).ruling == "violated"


def test_a_lower_bound_allows_for_the_same_distance() -> None:
    lower = replace(ONE["dist2"], kind="lower")
    for share, ruling in ((0.99, "holds"), (1.01, "inconclusive"), (9.99, "inconclusive"), (10.01, "violated")):
        assert ruled(lower, rounded([1.0, (1 - share * 1.25e-5) ** 2], "dist2", 1e-5)).ruling == ruling


def test_long_sums_and_coarse_measurements_widen_the_bound() -> None:
    above = trace_of([0, 1], [1.0, 1 + 1e-12])
    once = theorem_of(lambda setting, t: 1.0)
    assert ruled(once, above).ruling == "violated"
    for facts in ({"dimension": 20_000}, {"rows": 20_000}, {"relative": {"gap": 2e-12}}):
        assert ruled(once, replace(above, **facts)).ruling == "holds"  # type: ignore[arg-type]
        assert ruled(times_half(once), replace(above, **facts)).ruling == "violated"  # type: ignore[arg-type]


def times_half(theorem: Theorem) -> Theorem:
    bound = theorem.log_bound
    assert bound is not None
    return replace(theorem, log_bound=lambda setting, t: bound(setting, t) - math.log(2))


def test_extreme_numbers_raise_no_warning() -> None:
    tiny = theorem_of(log_bound=lambda setting, t: -5000.0 * t)
    assert ruled(tiny, trace_of(T, [1, 1, 1, 1, 1])).ruling == "violated"
    assert "1e+217" in ruled(tiny, trace_of([0, 1], [1, 1])).why
    huge = theorem_of(log_bound=lambda setting, t: 5000.0 * t)
    assert ruled(huge, trace_of(T, [1, 1e308, 1e308, 1e308, 1e308])).ruling == "holds"
    assert ruled(huge, trace_of(T, chi_squares(32, 1e306)), sweep="horizon sweep").ruling == "holds"
