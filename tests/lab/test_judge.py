"""The judge, ruling by ruling: when it says yes, when no, when it cannot tell, and in which words."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from toys import CHECKPOINTS as T
from toys import chi_squares, newton_of, ruled, setting_of, theorem_of, trace_of

from convlab.core.setting import Known, Setting
from convlab.core.theorem import Assumption
from convlab.core.trace import Trace
from convlab.lab.judge import judge

U = 2.0**-53


# --- every run ---


def test_below_the_bound_it_holds() -> None:
    verdict = ruled(theorem_of(), trace_of(T, [9, 0.5, 0.25, 0.15, 0.02]))
    assert verdict.ruling == "holds"
    assert verdict.why == "measured/bound is at most 0.7500 (at t = 5)"
    assert (verdict.worst_ratio, verdict.worst_t) == (pytest.approx(0.75), 5)
    assert verdict.t is not None
    assert list(verdict.t) == [1, 2, 5, 10]
    assert verdict.ratio is not None
    np.testing.assert_allclose(verdict.ratio, [0.5, 0.5, 0.75, 0.2])
    assert verdict.log_bound is not None
    np.testing.assert_allclose(np.exp(verdict.log_bound), [1, 0.5, 0.2, 0.1])
    assert verdict.expect is None
    assert verdict.as_expected


def test_on_the_bound_it_holds_and_beyond_its_rounding_it_is_violated() -> None:
    attained = trace_of(T, [2, 1, 0.5, 0.2, 0.1])
    assert ruled(theorem_of(), attained).why == "measured/bound is at most 1.0000 (at t = 1): the bound is attained"
    inside = trace_of(T, [2, 1, 0.5, 0.2, 0.1 * (1 + 70 * U)])  # 8·t·u = 80u
    assert ruled(theorem_of(), inside).ruling == "holds"
    outside = trace_of(T, [2, 1, 0.5, 0.2, 0.1 * (1 + 300 * U)])
    assert ruled(theorem_of(), outside).ruling == "violated"
    single = trace_of(T, [2, 1, 0.5, 0.2, 0.1 * (1 + 60 * 2.0**-24)], setting_of(10, dtype="float32"))
    verdict = ruled(theorem_of(), single)
    assert verdict.ruling == "holds"
    assert verdict.why.endswith("(at t = 10), within the rounding of the trajectory")


def test_one_seed_above_the_bound_violates_it() -> None:
    values = np.full((3, 5), 0.01)
    values[1, 3] = 0.3
    values[2, 4] = 0.4
    verdict = ruled(theorem_of(), trace_of(T, values))
    assert verdict.ruling == "violated"
    assert verdict.why == "measured exceeds the bound: measured/bound is 4.0000 at t = 10, first at t = 5"
    assert (verdict.worst_ratio, verdict.worst_t) == (pytest.approx(4), 10)
    assert not verdict.as_expected


def test_the_error_of_the_measurement_decides_neither_way() -> None:
    close = trace_of(T, [2, 0.5, 0.1, 0.1, 0.099], error=0.002)
    verdict = ruled(theorem_of(), close)
    assert verdict.ruling == "inconclusive"
    assert "the error and the rounding floor leave it open at t = 10" in verdict.why
    assert ruled(theorem_of(), trace_of(T, [2, 0.5, 0.1, 0.1, 0.101], error=0.002)).ruling == "inconclusive"
    assert ruled(theorem_of(), trace_of(T, [2, 0.5, 0.1, 0.1, 0.103], error=0.002)).ruling == "violated"
    assert ruled(theorem_of(), trace_of(T, [2, 0.5, 0.1, 0.1, 0.097], error=0.002)).ruling == "holds"


def test_a_loose_bound_is_called_loose() -> None:
    assert ruled(theorem_of(), trace_of(T, np.full(5, 1e-6))).why.endswith(": the bound is loose here")


# --- divergence ---


def test_a_divergence_violates_an_upper_bound() -> None:
    verdict = ruled(theorem_of(), trace_of(T, [1, 0.1, 0.1, np.nan, np.nan]))
    assert verdict.ruling == "violated"
    assert verdict.why == "the run diverged by t = 5, where the bound is 0.2000"
    assert verdict.worst_ratio == math.inf
    values = np.full((20, 5), 0.01)
    values[3, 4] = np.nan
    for sense in ("every run", "expectation"):
        verdict = ruled(theorem_of(sense=sense), trace_of(T, values))
        assert (verdict.ruling, verdict.why) == (
            "violated",
            "1 of 20 seeds diverged by t = 10, where the bound is 0.1000",
        )


def test_a_lower_bound_is_not_violated_by_a_divergence() -> None:
    lower = theorem_of(kind="lower")
    assert ruled(lower, trace_of(T, [5, 5, 5, np.nan, np.nan])).ruling == "holds"


def test_an_infinite_measurement_exceeds_every_finite_bound() -> None:
    verdict = ruled(theorem_of(), trace_of(T, [1, 0.1, 0.1, np.inf, np.inf]))
    assert (verdict.ruling, verdict.why) == ("violated", "the run diverged by t = 5, where the bound is 0.2000")
    for sense in ("every run", "expectation"):
        values = np.full((20, 5), 0.01)
        values[3, 4] = np.inf
        distance = theorem_of(sense=sense, quantity="dist2")
        assert ruled(distance, trace_of(T, values, error=0.001, quantity="dist2")).ruling == "violated"
    silent = ruled(theorem_of(log_bound=lambda s, t: math.inf), trace_of(T, [1, 1, np.inf, 1, 1]))
    assert silent.ruling == "inconclusive"
    assert "says nothing" in silent.why
    assert ruled(theorem_of(kind="lower"), trace_of(T, [5, 5, 5, np.inf, np.inf])).ruling == "holds"


# --- expectations ---

MEAN = theorem_of(lambda setting, t: 1.0, sense="expectation")


def test_an_expectation_needs_room_for_its_limits() -> None:
    verdict = ruled(MEAN, trace_of(T, chi_squares(256, 0.4)))
    assert verdict.ruling == "holds"
    assert verdict.why.startswith("the mean of 256 seeds, over the bound, is at most 0.4")
    verdict = ruled(MEAN, trace_of(T, chi_squares(256, 1.0)))
    assert verdict.ruling == "inconclusive"
    assert "99% simultaneous limit of the mean is" in verdict.why
    assert verdict.why.endswith(" seeds would settle it, none if the bound is attained")
    verdict = ruled(MEAN, trace_of(T, chi_squares(256, 0.8)))
    assert verdict.why.endswith(" seeds would confirm it")
    verdict = ruled(MEAN, trace_of(T, chi_squares(256, 2.0)))
    assert verdict.ruling == "violated"
    assert verdict.why.startswith("the mean of 256 seeds exceeds the bound, ")
    assert "(99% simultaneous lower limit 1." in verdict.why


def test_a_seed_above_the_bound_violates_no_expectation() -> None:
    values = np.full((64, 5), 0.3)
    values[0] = 2.0
    assert ruled(MEAN, trace_of(T, values)).ruling == "holds"


def test_few_seeds_refute_but_never_confirm() -> None:
    steady = np.linspace(0.9, 1.1, 8)[:, None] * np.ones(5)
    verdict = ruled(MEAN, trace_of(T, 0.1 * steady))
    assert verdict.ruling == "inconclusive"
    assert verdict.why.endswith("; 8 seeds are too few to confirm an expectation: 30 are needed")
    twenty_nine = np.linspace(0.9, 1.1, 29)[:, None] * np.ones(5)
    assert ruled(MEAN, trace_of(T, 0.1 * twenty_nine)).ruling == "inconclusive"
    assert ruled(MEAN, trace_of(T, 0.1 * np.linspace(0.9, 1.1, 30)[:, None] * np.ones(5))).ruling == "holds"
    assert ruled(MEAN, trace_of(T, 10 * steady)).ruling == "violated"
    alone = ruled(MEAN, trace_of(T, np.full(5, 10.0)))  # one seed has no spread to speak of
    assert alone.ruling == "inconclusive"
    assert alone.why.endswith("; 1 seed is too few to confirm an expectation: 30 seeds are needed")


def test_under_the_exact_oracle_a_run_is_its_expectation() -> None:
    exact = setting_of(10, ("convex", "exact oracle"))
    assert ruled(MEAN, trace_of(T, np.full(5, 1.0), exact)).ruling == "holds"
    assert ruled(MEAN, trace_of(T, np.full(5, 1.01), exact)).ruling == "violated"


@pytest.mark.parametrize("seeds", [32, 64, 256])
def test_on_a_bound_that_is_attained_it_is_seldom_wrong(seeds: int) -> None:
    """E gap = bound at five checkpoints: 'violated' and 'holds' are both rare (simultaneous level 1 %)."""
    rulings = [ruled(MEAN, trace_of(T, chi_squares(seeds, 1.0, key))).ruling for key in range(200)]
    assert rulings.count("violated") <= 4
    # the bound is attained, so "holds" is no error of the ruling; it needs every upper limit below the mean
    assert rulings.count("holds") == 0


def test_best_under_a_random_oracle_confirms_and_never_refutes() -> None:
    best = theorem_of(output="lowest")  # the name does not matter, what the output says of itself does

    def trace(value: float, setting: Setting | None = None) -> Trace:
        return replace(trace_of(T, np.full(5, value), setting, output="lowest"), confirms_only=("lowest",))

    assert ruled(best, trace(0.01)).ruling == "holds"
    verdict = ruled(best, trace(9.0))
    assert verdict.ruling == "inconclusive"
    assert "'lowest' under a random oracle may confirm, never refute" in verdict.why
    assert ruled(best, trace(9.0, setting_of(10, ("convex", "exact oracle")))).ruling == "violated"
    assert ruled(best, replace(trace(9.0), confirms_only=())).ruling == "violated"


# --- lower bounds, horizons, steps, sweeps ---


def test_lower_bounds_are_mirrored() -> None:
    lower = theorem_of(kind="lower")
    verdict = ruled(lower, trace_of(T, [9, 1.5, 2, 3, 4]))
    assert (verdict.ruling, verdict.worst_ratio, verdict.worst_t) == ("holds", pytest.approx(1.5), 1)
    assert verdict.why == "measured/bound is at least 1.5000 (at t = 1)"
    verdict = ruled(lower, trace_of(T, [9, 1.5, 2, 0.1, 4]))
    assert verdict.ruling == "violated"
    assert verdict.why == "measured falls short of the bound: measured/bound is 0.5000 at t = 5"
    assert ruled(lower, trace_of(T, [9, 1, 0.5, 0.2, 0.1 * (1 - 40 * U)])).ruling == "holds"
    mean = theorem_of(lambda setting, t: 1.0, kind="lower", sense="expectation")
    assert ruled(mean, trace_of(T, chi_squares(256, 3.0))).ruling == "holds"
    assert ruled(mean, trace_of(T, chi_squares(256, 0.3))).ruling == "violated"


def test_at_the_horizon_only_the_end_counts() -> None:
    end = theorem_of(valid="at the horizon")
    verdict = ruled(end, trace_of(T, [9, 9, 9, 9, 0.05]))
    assert verdict.ruling == "holds"
    assert verdict.t is not None
    assert list(verdict.t) == [10]
    cut = ruled(end, trace_of(T, [9, 9, 9, 9, 0.05], setting_of(20)))
    assert (cut.ruling, cut.why) == (
        "inconclusive",
        "there is no checkpoint at the horizon, the only step it speaks of",
    )


def test_per_step_judges_consecutive_checkpoints() -> None:
    newton = newton_of()
    values = [0.5, 0.2, 0.03, 5e-4, 2e-7, 3e-14, 8e-28, 6e-55, 1e-87]
    verdict = ruled(newton, trace_of(range(9), values, quantity="dist2"))
    assert verdict.ruling == "holds", verdict.why
    assert verdict.worst_t == 7
    assert "at 1 of 8 points" in verdict.why  # the last step's own rounding
    values[4] = 4e-7
    assert ruled(newton, trace_of(range(9), values, quantity="dist2")).ruling == "violated"
    sparse = ruled(newton, trace_of([0, 2, 4], [0.5, 0.01, 1e-5], quantity="dist2"))
    assert sparse.ruling == "inconclusive"
    assert "a checkpoint at every step" in sparse.why
    partly = ruled(newton, trace_of([0, 1, 10, 11], [0.5, 0.2, 1e-3, 1e-7], quantity="dist2"))
    assert partly.t is not None
    assert list(partly.t) == [1, 11]


def test_per_step_stops_at_the_floor_and_at_a_divergence() -> None:
    newton = newton_of()
    at_floor = trace_of(range(5), [0.1, 0.001, 1e-7, 3e-13, 3e-13], quantity="dist2", floor=1e-13)
    assert ruled(newton, at_floor).ruling == "holds"
    never_above = ruled(newton, trace_of(range(3), [1e-20, 1e-22, 1e-22], quantity="dist2", floor=1e-20))
    assert never_above.ruling == "inconclusive"
    assert (
        never_above.why == "every step starts below the rounding floor: what a bound says of such a point is rounding"
    )
    gone = ruled(newton, trace_of(range(4), [0.5, 0.2, np.nan, np.nan], quantity="dist2"))
    assert (gone.ruling, gone.why) == ("violated", "the run diverged by t = 2, where the bound is 0.0400")


def test_a_sweep_reads_the_end_of_each_run() -> None:
    runs = [trace_of([0, 1, N], [1, 99, 0.5 / N], setting_of(N)) for N in (10, 100, 1000)]
    verdict = judge("toy", theorem_of(), [runs[1], runs[2], runs[0]], (7, 8, 9), "worst-case sweep", "holds")
    assert (verdict.ruling, verdict.why) == ("holds", "measured/bound is at most 0.5000 (at T = 10)")
    assert verdict.cells == (7, 8, 9)
    assert verdict.t is not None
    assert list(verdict.t) == [10, 100, 1000]
    assert verdict.slope is not None
    assert verdict.slope.value == pytest.approx(1)
    steps = [
        trace_of(range(4), np.array([0.1, 0.01, 1e-4, 1e-8]) / N, setting_of(3 + N), quantity="dist2") for N in (1, 2)
    ]
    verdict = judge("toy", newton_of(2.0), steps, (0, 1), "horizon sweep")
    assert verdict.ruling == "holds"
    assert verdict.t is not None
    assert list(verdict.t) == [4, 5]


# --- applicability ---


def test_the_first_hypothesis_that_fails_is_quoted() -> None:
    plain = setting_of(10, ())
    assert ruled(theorem_of(), trace_of(T, np.ones(5), plain)).why == "needs a convex risk"
    told = replace(plain, denied={"convex": "a neural network is none"})
    verdict = ruled(theorem_of(), trace_of(T, np.ones(5), told))
    assert (verdict.ruling, verdict.why) == ("not applicable", "needs a convex risk: a neural network is none")
    short = Assumption("a short step", lambda s: s.step_size() < s["L"], None, lambda s: f"it is {s.step_size()}")
    long = trace_of(T, np.ones(5), setting_of(10, L=0.5))
    assert ruled(theorem_of(assumes=(short,)), long).why == "needs a short step: it is 1.0"
    assert ruled(theorem_of(assumes=(short,)), trace_of(T, np.ones(5))).why == "L is unknown"
    horizons = [trace_of(T, np.ones(5)), trace_of(T, np.ones(5), setting_of(20, ()))]
    assert ruled(theorem_of(), *horizons).why == "at T = 20: needs a convex risk"


def test_constants_must_be_known_on_the_right_side() -> None:
    def why(name: str, how: str, kind: str = "upper") -> str:
        setting = replace(setting_of(10), known={name: Known(1.0, how)})  # type: ignore[arg-type]
        return ruled(theorem_of(constants=(name,), kind=kind), trace_of(T, np.full(5, 0.01), setting)).why

    assert why("L", "estimated") == "only an estimate of L is known"
    assert why("L", "lower bound") == "only a lower bound of L is known"
    assert why("mu", "upper bound") == "only an upper bound of mu is known"
    for name, how in (("L", "upper bound"), ("L", "computed"), ("mu", "lower bound"), ("D", "exact")):
        assert why(name, how).startswith("measured/bound")
    assert why("L", "upper bound", "lower") == "only an upper bound of L is known"


def test_what_was_not_measured_is_not_judged() -> None:
    verdict = ruled(theorem_of(output="average"), trace_of(T, np.ones(5)))
    assert verdict.ruling == "not applicable"
    assert verdict.why == "it speaks of the output 'average', which was not measured: add it to the outputs of [run]"
    nowhere = replace(trace_of(T, np.full(5, np.nan)), status=("done",))
    assert ruled(theorem_of(), nowhere).why == "gap was not measured: no minimiser or minimum is known"
    assert ruled(theorem_of(), trace_of([0], [1.0])).why == "there is no checkpoint after the start"


def test_judging_needs_neither_jax_nor_matplotlib() -> None:
    code = (
        "import sys; from importlib import import_module as load; load('convlab.lab.judge');"
        "[load('convlab.theorems.' + name) for name in ('gd_smooth_convex', 'sgd_strongly_convex')];"
        "sys.exit(bool({'jax', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
