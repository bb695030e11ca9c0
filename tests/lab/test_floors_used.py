"""What a floor does: it is kept in files, drawn, and keeps points out of rulings and fits; float32 is never refuted."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toys import newton_of, ruled, setting_of, theorem_of, trace_of

from convlab.core.errors import ConvlabError
from convlab.core.results import Results
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace
from convlab.lab import catalog, store
from convlab.lab.judge import judge
from convlab.lab.rates import measured_rate
from convlab.lab.readings import readings
from convlab.lab.records import load_trace, save_trace
from convlab.plots import gap_curves, up_steps
from convlab.plots._style import GREY
from tests.running import run

# --- reading a floor ---


def test_a_floor_is_read_in_one_way() -> None:
    trace = trace_of([0, 1, 2], np.ones((2, 3)), floor=1e-9)
    assert np.array_equal(trace.floor_of("gap"), np.full((2, 3), 1e-9))
    assert not trace.floor_of("dist2").any()
    along = np.array([0.0, 1e-8, 2e-8])
    each = np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 4.0]])
    both = dataclasses.replace(trace, floor={"gap": 1e-9, "last.gap": along, "best.gap": each, "grad_norm2": 4e-20})
    assert np.array_equal(both.floor_of("gap"), np.stack([along, along]))
    assert np.array_equal(both.floor_of("gap", "best"), each)
    assert np.array_equal(both.floor_of("gap", "average(0..T-1)"), np.full((2, 3), 1e-9))
    assert both.gradient_rounding == 2e-10


# --- files ---


def saved(folder: Path, trace: Trace) -> Path:
    return save_trace(folder, "cell", trace, {"data": ""})


def stored(seeds: tuple[int, ...], floor: dict[str, Any]) -> Trace:
    measured = {
        "last": {"gap": np.ones((len(seeds), 3)), "grad_norm2": np.ones((len(seeds), 3))},
        "average(0..T-1)": {"gap": np.ones((len(seeds), 3)), "grad_norm2": np.ones((len(seeds), 3))},
    }
    trace = trace_of([0, 1, 2], np.ones((len(seeds), 3)))
    return dataclasses.replace(trace, seeds=seeds, measured=measured, floor=floor)


def test_floors_are_kept_in_files_and_those_of_several_files_joined(tmp_path: Path) -> None:
    along, each = np.array([0.0, 1e-9, 2e-9]), np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 4.0]])
    first = stored((0, 1), {"gap": 1e-9, "last.gap": along, "average(0..T-1).gap": each})
    second = stored((2, 3, 4), {"gap": 1e-9, "last.gap": 2 * along, "average(0..T-1).gap": along})
    paths = [saved(tmp_path, first), saved(tmp_path, second)]
    alone = load_trace(paths[:1], 2, "")
    assert np.array_equal(alone.floor_of("gap"), first.floor_of("gap"))
    assert np.array_equal(alone.floor_of("gap", "average(0..T-1)"), each)
    assert set(alone.measured) == {"last", "average(0..T-1)"}  # no floor is taken for a measurement
    joined = load_trace(paths, 4, "")
    assert joined.floor_of("gap").shape == (4, 3)
    assert np.array_equal(joined.floor_of("gap")[:, 2], [2e-9, 2e-9, 4e-9, 4e-9])
    assert np.array_equal(joined.floor_of("gap", "average(0..T-1)")[:, 2], [2.0, 4.0, 2e-9, 2e-9])
    assert joined.floor["gap"] == 1e-9


def test_files_from_before_floors_along_a_run_are_read_and_judged(tmp_path: Path) -> None:
    trace = stored((0,), {"gap": 1e-6, "grad_norm2": 0.0, "dist2": 0.0})
    path = saved(tmp_path, trace)
    record, arrays = store.load_task(path)
    assert not [key for key in arrays if key.startswith("floor")]
    assert record["floor"] == {"gap": 1e-6, "grad_norm2": 0.0, "dist2": 0.0}
    again = load_trace([path], 1, "")
    assert np.array_equal(again.floor_of("gap"), np.full((1, 3), 1e-6))
    assert ruled(theorem_of(), again).ruling == ruled(theorem_of(), trace).ruling == "violated"
    assert ruled(theorem_of(), dataclasses.replace(again, floor={"gap": 0.15})).ruling == "inconclusive"


@pytest.mark.parametrize("name", ["quickstart", "newton_doubles_digits"])
def test_committed_results_are_read_with_their_floors(name: str) -> None:
    folder = Path(__file__).parents[2] / "results" / name / "tasks"
    for path in sorted(folder.glob("*.npz"))[:3]:
        trace = load_trace([path], json.loads(path.with_suffix(".json").read_text())["record"]["seeds"][1], "")
        for output, quantities in trace.measured.items():
            for quantity in quantities:
                assert trace.floor_of(quantity, output).shape == (len(trace.seeds), len(trace.t))


def test_a_floor_of_another_shape_is_no_floor(tmp_path: Path) -> None:
    path = saved(tmp_path, stored((0,), {"gap": 0.0, "last.gap": np.zeros(2)}))
    with pytest.raises(ConvlabError, match="not a task file of this convlab"):
        load_trace([path], 1, "")


# --- rulings and fits ---

T = np.array([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])


def floored(values: np.ndarray, floor: np.ndarray, quantity: str = "gap", **known: float) -> Trace:
    trace = trace_of(T[: len(values)], values, setting_of(int(T[len(values) - 1]), **known), quantity=quantity)
    return dataclasses.replace(trace, floor={quantity: 0.0, f"last.{quantity}": floor})


def test_a_floor_that_grows_censors_the_points_above_which_it_lies_and_no_others() -> None:
    bound = 1 / np.maximum(T, 0.5)
    floor = np.where(T >= 128, 0.02, 1e-30)
    verdict = ruled(theorem_of(), floored(np.where(T >= 128, 0.01, 0.5 * bound), floor))
    assert verdict.ruling == "holds"
    assert verdict.ratio is not None
    assert verdict.t is not None
    assert np.array_equal(np.isnan(verdict.ratio), verdict.t >= 128)
    early = ruled(theorem_of(), floored(np.where(T >= 128, 0.01, 0.5 * bound), floor[::-1].copy()))
    assert early.ruling == "violated"  # the same floors at other checkpoints excuse nothing there


def test_points_near_their_floor_enter_no_fit() -> None:
    """Down to T = 64 the gap is 1/T; then it stands still, a hundred floors and less above its floor."""
    values, floor = np.maximum(1.0 / np.maximum(T, 0.5), 1 / 64), np.where(T > 64, 2e-4, 1e-12)
    slope, _ = measured_rate(theorem_of(), [floored(values, floor)], "trajectory")
    assert slope is not None
    assert slope.window[1] <= 64
    assert slope.value == pytest.approx(-1, abs=1e-9)
    flat, _ = measured_rate(theorem_of(), [floored(values, np.full(len(T), 1e-12))], "trajectory")
    assert flat is None or abs(flat.value + 1) > 1e-3 or flat.window[1] <= 64
    clean = [r.t for r in readings(theorem_of(), [floored(values, floor)]) if r.floor[0] < 1e-6]
    assert clean == [1, 2, 4, 8, 16, 32, 64]


def test_steps_into_the_floor_enter_no_order() -> None:
    """e → e² four times, then 1e-13: an order of 2, which the last step would spoil."""
    t = np.arange(7)
    values = np.array([0.3**2, 0.3**4, 0.3**8, 0.3**16, 0.3**32, 1e-18, 1e-18])
    trace = dataclasses.replace(
        trace_of(t, values, quantity="dist2"),
        floor={"dist2": 0.0, "last.dist2": np.where(t >= 5, 1e-18, 1e-40)},
    )
    slope, _ = measured_rate(newton_of(), [trace], "trajectory")
    assert slope is not None
    assert slope.value == pytest.approx(2, abs=1e-6)
    assert slope.window[1] == 4


# --- figures ---


def results_of(trace: Trace, *verdicts: Any) -> Results:
    from tests.plots.plot_makers import results

    return results("floors", "Floors", (trace,), verdicts)


def test_what_lies_below_a_floor_is_grey_and_the_floor_is_drawn() -> None:
    values = 1.0 / np.maximum(T, 0.5) ** 2
    floor = np.where(T > 0, 1e-9 * T**1.5, 0.0)
    (axes,) = gap_curves.plot(results_of(floored(values, floor))).axes
    lines = {line.get_label(): line for line in axes.lines}
    grey, drawn = lines["_below"], lines["_floor"]
    assert grey.get_color() == GREY
    below = np.asarray(grey.get_ydata(), float)
    assert np.array_equal(np.isfinite(below), values <= floor)
    assert (values <= floor).sum() == 2
    shown = np.asarray(drawn.get_ydata(), float)
    assert np.array_equal(shown[1:], floor[1:])
    low, high = axes.get_ylim()
    assert low < floor[-1] < high
    assert "rounding floor" in [text.get_text() for text in axes.texts]


def test_a_floor_far_below_its_run_is_not_drawn() -> None:
    (axes,) = gap_curves.plot(results_of(floored(1.0 / np.maximum(T, 0.5), np.where(T > 0, 1e-20 * T, 0.0)))).axes
    assert "_floor" not in [line.get_label() for line in axes.lines]


def test_steps_from_below_a_floor_are_not_counted() -> None:
    values = np.array([1, 0.5, 0.6, 0.3, 0.2, 1e-6, 2e-6, 1e-6, 2e-6])
    trace = dataclasses.replace(
        trace_of(np.arange(9), values), floor={"gap": 0.0, "last.gap": np.where(np.arange(9) >= 5, 1e-5, 0.0)}
    )
    rises, counts = up_steps._rises(trace, "last")
    assert np.array_equal(counts[0], np.arange(8) < 5)
    assert rises.sum() == 1


# --- single precision ---

# theorems whose own instances attain, or nearly attain, their bounds, and cost little for 10^6 steps
ATTAINED = (
    *("gd_smooth_convex", "gd_strongly_convex_distance", "gd_strongly_convex_gap", "gd_smooth_convex_average"),
    *("gd_nonconvex", "gd_quadratic", "heavy_ball_quadratic", "nesterov_smooth_convex", "proximal_gradient_convex"),
)


def single(name: str) -> tuple[Theorem, Trace]:
    theorem: Theorem = catalog.load("theorems", name)
    spec = theorem.instance.spec
    outputs = tuple(dict.fromkeys(["last", theorem.output]))
    return theorem, run(
        spec["problem"],
        [spec["optimizer"]],
        oracle=spec.get("oracle"),
        horizon=10**6,
        dtype="float32",
        outputs=outputs,
    )[0]


@pytest.mark.parametrize("name", ATTAINED)
def test_a_million_steps_in_single_precision_refute_nothing(name: str) -> None:
    theorem, trace = single(name)
    verdict = judge(name, theorem, [trace], (0,), "trajectory")
    assert verdict.ruling in ("holds", "inconclusive", "not applicable"), verdict.why
    assert "below the rounding floor" in verdict.why  # at the end rounding decides, and it says so
    quantity = "gap" if "convex" in trace.setting.traits else theorem.quantity
    assert trace.floor_of(quantity, theorem.output)[0, 1:].min() > 0


def test_the_floor_of_a_run_in_single_precision_is_in_its_figure() -> None:
    """Huber's function, whose bound is attained after 10^6 steps: there each step is some 8 units of roundoff."""
    _, trace = single("gd_smooth_convex")
    floor, gap = trace.floor_of("gap")[0], trace.measured["last"]["gap"][0]
    assert 1e-3 * gap[-1] < floor[-1]
    (axes,) = gap_curves.plot(results_of(trace)).axes
    (drawn,) = [line for line in axes.lines if line.get_label() == "_floor"]
    assert np.array_equal(np.asarray(drawn.get_ydata(), float)[1:], floor[1:])
    low, high = axes.get_ylim()
    assert low < floor[-1] < high
    # the last step's rounding is u·D a step, so √(gap) moved by at most √floor
    exactly = 1 / (4 * 10**6 + 2)
    assert abs(math.sqrt(gap[-1]) - math.sqrt(exactly)) <= math.sqrt(floor[-1])
