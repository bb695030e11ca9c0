"""What was measured, as intervals: the ends between which gap, ‖∇R‖ and ‖θ − θ*‖ of a point lie for certain.

Rulings allow for what rounding did to a trajectory. An inequality that every point obeys needs less: what the
measurement of that one point may be wrong by, and, where one step joins two points, what rounding did to that step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from convlab.core.trace import Trace
from convlab.lab import rounding
from convlab.lab.readings import CLEAR
from convlab.lab.uncertainty import error_of

_SAFE = 10.0  # times the rounding of a measurement
_GRADIENT_STEP = frozenset({"gradient step", "exact oracle"})


@dataclass(frozen=True)
class Points:
    """One end of the intervals of what was measured at points [S, K]; ``after`` is the gap one step of ``eta`` later.

    ``noise`` is √(E‖∇f_t − ∇R‖²) there, ``longest`` the longest ∇f_t; ``step`` the length of the step that led there,
    and ``missed`` six times what the quadratic model of R at its start missed. Where there is none, or rounding
    decides, an entry is NaN.
    """

    gap: np.ndarray
    slope: np.ndarray  # ‖∇R‖
    distance: np.ndarray  # ‖θ − θ*‖
    after: np.ndarray
    eta: np.ndarray
    noise: np.ndarray
    longest: np.ndarray
    step: np.ndarray
    missed: np.ndarray


def ends(trace: Trace, output: str) -> tuple[Points, Points]:
    """The lower and the upper ends of what was measured at an output: each widened by what rounding and R* leave open.

    A gradient errs by the rounding ε near θ*, the root of its floor, and by (n + d)u of what it differs from there.
    """
    gap, gap_error = _interval(trace, output, "gap")
    square, _ = _interval(trace, output, "grad_norm2")
    dist2, _ = _interval(trace, output, "dist2")
    slope, distance = np.sqrt(square), np.sqrt(dist2)
    epsilon = trace.gradient_rounding
    unit = _SAFE * (trace.rows + trace.dimension + 4) * rounding.U
    smooth = trace.setting.known["L"].value if "L" in trace.setting.known else 0.0
    reached = np.where(np.isfinite(distance), distance, 0.0)
    slope_error = epsilon + unit * (slope + trace.dimension * smooth * reached)
    distance_error = math.sqrt(trace.error.get("dist2", 0.0)) + unit * distance  # of θ*, which moves it by as much
    after, after_error, eta = _after(trace, output, slope, distance)

    noise, longest = (_measured(trace, output, name) for name in ("noise2", "longest2"))
    step, missed = (_measured(trace, output, name) for name in ("step2", "model_error"))
    missed = np.where(_starts_below_the_floor(trace, output), np.nan, missed)
    noise_error = unit * (np.sqrt(noise) + slope)
    missed_error = 6 * np.abs(missed) * (unit + _SAFE * trace.relative.get("observed_M", 0.0))

    def end(sign: int) -> Points:
        def at_least_0(values: np.ndarray) -> np.ndarray:
            return np.asarray(np.maximum(values, 0.0))

        return Points(
            at_least_0(gap + sign * gap_error),
            at_least_0(slope + sign * slope_error),
            at_least_0(distance + sign * distance_error),
            at_least_0(after + sign * after_error),
            eta,
            at_least_0(np.sqrt(noise) + sign * noise_error),
            at_least_0(np.sqrt(longest) * (1 + sign * unit)),
            np.sqrt(step) * (1 + sign * unit),
            at_least_0(6 * np.abs(missed) + sign * missed_error),
        )

    return end(-1), end(1)


def _measured(trace: Trace, output: str, quantity: str) -> np.ndarray:
    """A quantity [S, K] as it was measured, NaN where it was not."""
    values = trace.measured[output].get(quantity)
    return np.full((len(trace.seeds), len(trace.t)), np.nan) if values is None else np.asarray(values, dtype=float)


def _interval(trace: Trace, output: str, quantity: str) -> tuple[np.ndarray, np.ndarray]:
    """A quantity [S, K] where it is finite and clear of its floor, else NaN, and the absolute error of it."""
    values = trace.measured[output].get(quantity)
    shape = (len(trace.seeds), len(trace.t))
    found = np.full(shape, np.nan) if values is None else np.asarray(values, dtype=float)
    least = CLEAR * np.maximum(trace.floor_of(quantity, output), rounding.least(trace))
    found = np.where(np.isfinite(found) & (found > least), found, np.nan)
    relative = _SAFE * (2 * (trace.rows + trace.dimension + 4) * rounding.U + trace.relative.get(quantity, 0.0))
    return found, error_of(trace, output, quantity) + np.asarray(relative * found)


def _starts_below_the_floor(trace: Trace, output: str) -> np.ndarray:
    """[S, K]: whether the checkpoint before lies below the floor of ‖∇R‖²: of steps from there rounding decides all."""
    slope = _measured(trace, output, "grad_norm2")
    below = slope <= CLEAR * trace.floor_of("grad_norm2", output)
    return np.concatenate([np.zeros_like(below[:, :1]), below[:, :-1]], axis=1)


def _after(
    trace: Trace, output: str, slope: np.ndarray, distance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gap after an exact gradient step from each checkpoint that is followed by one, its error, and η [1, K].

    A step is rounded by no more than δ = relative_step·(‖θ − θ*‖ + η‖∇R‖) + (η + 1/L)ε, see `rounding`, which moves the
    gap by ‖∇R(θ_{t+1})‖δ + (L/2)δ². Without L, or after steps of another kind, nothing is said.
    """
    setting = trace.setting
    nothing = np.full_like(slope, np.nan)
    steps = bool({"step_size", "learning_rate"} & setting.hyper.keys()) and setting.traits >= _GRADIENT_STEP
    smooth = setting.known["L"].value if "L" in setting.known else 0.0
    if output != "last" or not steps or setting.options.get("project", False) or not smooth > 0:
        return nothing, nothing, nothing
    eta = np.array([[setting.step_size(int(t)) for t in trace.t]])
    gap, error = _interval(trace, output, "gap")
    after, errors, slopes = nothing.copy(), nothing.copy(), nothing.copy()
    pairs = np.flatnonzero(np.diff(trace.t) == 1)
    after[:, pairs], errors[:, pairs], slopes[:, pairs] = gap[:, pairs + 1], error[:, pairs + 1], slope[:, pairs + 1]
    epsilon = trace.gradient_rounding
    with np.errstate(over="ignore", invalid="ignore"):
        moved = rounding.relative_step(trace) * (distance + np.abs(eta) * slope) + (np.abs(eta) + 1 / smooth) * epsilon
        moved = _SAFE * moved
        return after, errors + slopes * moved + smooth / 2 * moved**2, eta
