"""What floating point alone can do to a run: how far it may carry the root of a judged quantity.

Roots, since rounding moves points. With ρ the distance by which rounding moves the judged point, each quantity q obeys

    |√q(θ + δ) − √q(θ)| ≤ Λ‖δ‖:   Λ = 1 for ‖θ − θ*‖²,  L for ‖∇R‖²,  √(L/2) for the gap, as |∇√gap| = ‖∇R‖/(2√gap)

so that a distance error moves q itself by 2Λρ√q to first order, far more than by the square (Λρ)² that it leaves at θ*.
"""

from __future__ import annotations

import math

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Theorem
from convlab.core.trace import Trace

# projected or not, proximal or not: neither map expands distances
_GRADIENT_STEPS = frozenset({"gradient step", "subgradient step", "proximal gradient step"})
U = 2.0**-53  # the unit roundoff of measurements, whatever the run's precision
STEP = 4.0  # roundings of θ − η g: of η, g, their product, the difference
# unit roundoff, and the square of the least normal number (of float64 the least normal square, as measured)
_PRECISIONS = {
    "float64": (2.0**-53, 2.0**-1022),
    "float32": (2.0**-24, 2.0**-252),
    "bfloat16": (2.0**-8, 2.0**-252),
    "float16": (2.0**-11, 2.0**-28),
}


def unit(dtype: str) -> float:
    """The unit roundoff of a precision."""
    return _PRECISIONS.get(dtype, _PRECISIONS["float64"])[0]


def underflow(dtype: str) -> float:
    """The size below which squares underflow in a precision."""
    return _PRECISIONS.get(dtype, _PRECISIONS["float64"])[1]


def least(trace: Trace) -> float:
    """The size below which squares underflow."""
    return _precision(trace)[1]


def relative_step(trace: Trace) -> float:
    """The rounding of one step relative to its point's distance from θ*: four roundings, and those of a gradient's
    sums, at most u for each term (which XLA's dot products come near to, where all terms are alike)."""
    return (STEP + trace.rows + trace.dimension - 1) * _precision(trace)[0]


def relative_measurement(theorem: Theorem, trace: Trace) -> float:
    """The relative error of a measured quantity, and of what the bound was measured from (D, initial_gap)."""
    return 2 * (trace.rows + trace.dimension) * U + trace.relative.get(theorem.quantity, 0.0)


def accumulated(setting: Setting, t: int) -> float:
    """How many roundings of one step are left after t steps, at most.

    One for each step where steps do not expand distances (gradient steps below 2/L on convex functions). A method with
    momentum may multiply what happened k steps ago by about k, as the double root of its residual polynomial does:
    t(t + 1) in all.
    """
    convex = {"convex", "strongly convex"} & setting.traits
    return float(t) if convex and _GRADIENT_STEPS & setting.traits else float(t) * (t + 1)


def remaining(theorem: Theorem, setting: Setting, t: int) -> float:
    """How many roundings of one step a theorem's quantity at step t has to be allowed, at most.

    Those that have accumulated on the way, but for theorems whose proof survives them. The smallest gradient is bound
    by a sum of decreases, whatever the trajectory: for an L-smooth R, steps θ − (h/L)(g + e), ‖e‖ ≤ ε, and a and b the
    norms of two gradients in a row, each at least m, the inequality that `gd_nonconvex` rests on becomes, for h ≤ 1,

        4L(R(θ_t) − R(θ_{t+1})) ≥ (1 + 2h − h²)a² − 2(1 − h)ab + b² − 2h((1 − h)a + b)ε − h²ε²,

    which is least at a = b = m if m ≥ ε: (4h − h²)m² − 2h(2 − h)mε − h²ε². So m is at most the bound's root plus ε. For
    h > 1 the same with ‖g_t − g_{t+1}‖ ≤ h(a + ε): at least (4h − h³)m² − 2h³mε − h³ε² if m ≥ ε(h² − 1)/(3 − h²), and
    m is at most the root plus the larger of εh/(2 − h) and that. Two more ε are for the choice of the smallest among
    gradients that are known up to ε. A step that is rounded by δ has ε = δL/h, and Λδ = Lδ = hε.
    """
    h = _longest_step(setting, t, 0.0) * setting["L"] if "L" in setting.known else math.inf
    if theorem.output != "smallest_gradient" or not setting.constant_step or not 0 < h < math.sqrt(3):
        return accumulated(setting, t)
    if not {"gradient step", "exact oracle"} <= setting.traits:
        return accumulated(setting, t)
    grown = 1.0 if h <= 1 else max(h / (2 - h), (h**2 - 1) / (3 - h**2))
    return (grown + 2.0) / h


def condition(setting: Setting) -> float:
    """L/μ, or 1 where it is unknown."""
    return setting["L"] / setting["mu"] if {"L", "mu"} <= setting.known.keys() and setting["mu"] > 0 else 1.0


def drift(theorem: Theorem, trace: Trace, t: int) -> float:
    """ρ: how far gradients and points that are rounded to an absolute error can carry a run from the exact one.

    A gradient errs by ε near θ* (the root of its floor, which is at least L·u‖θ*‖) and a point by u‖θ*‖ ≤ ε/L, so that
    a gradient step errs by (η + 1/L)ε, and one that multiplies by an inverse Hessian by (1/μ + 1/L)ε. Steps that do not
    expand distances add these up, t times, and no more than 1/(1 − r) times where each contracts by
    r = max(|1 − ηL|, |1 − ημ|) and the last point is judged. Without L nothing is known; then 0.
    """
    setting = trace.setting
    if "L" not in setting.known or not setting["L"] > 0:
        return 0.0
    smooth, mu = setting["L"], setting["mu"] if "mu" in setting.known else 0.0
    gradient_step, newton = bool(_GRADIENT_STEPS & setting.traits), any("Newton" in trait for trait in setting.traits)
    multiplied = newton or not {"step_size", "learning_rate"} & setting.hyper.keys()  # by up to an inverse curvature
    eta = 1 / mu if mu > 0 and multiplied and not gradient_step else _longest_step(setting, t, 1 / smooth)
    steps = 1.0 if theorem.valid == "per step" else remaining(theorem, setting, t)
    if gradient_step and mu > 0 and theorem.output == "last" and setting.constant_step:
        contraction = max(abs(1 - eta * smooth), abs(1 - eta * mu))
        steps = min(steps, 1 / (1 - contraction)) if contraction < 1 else steps
    return steps * (eta + 1 / smooth) * trace.gradient_rounding


def _longest_step(setting: Setting, t: int, default: float) -> float:
    """The larger of the first step and the last: schedules fall, or warm up and fall."""
    if not {"step_size", "learning_rate"} & setting.hyper.keys():
        return default
    return max(abs(setting.step_size(0)), abs(setting.step_size(max(t - 1, 0))))


def lipschitz(theorem: Theorem, trace: Trace, k: int) -> np.ndarray:
    """Λ [S] at checkpoint k; for the gap of a convex R ‖∇R(θ)‖/(2√gap) at the point itself, where it was measured."""
    seeds, known = len(trace.seeds), trace.setting.known
    smooth = known["L"].value if "L" in known else math.inf
    if theorem.quantity == "dist2":
        return np.ones(seeds)
    if theorem.quantity == "grad_norm2":
        return np.full(seeds, smooth)
    largest = np.full(seeds, math.sqrt(smooth / 2))
    gap, slope = _column(trace, theorem.output, "gap", k), _column(trace, theorem.output, "grad_norm2", k)
    if gap is None or slope is None:
        return largest
    there = np.isfinite(gap) & np.isfinite(slope) & (gap > 0)
    steep = np.sqrt(np.where(there, slope, 0.0)) + trace.gradient_rounding
    return np.where(there, np.minimum(steep / (2 * np.sqrt(np.where(there, gap, 1.0))), largest), largest)


def stretch(theorem: Theorem, trace: Trace, k: int, lambdas: np.ndarray) -> np.ndarray:
    """max(1, Λ‖θ − θ*‖/√q) [S], of ‖θ − θ*‖/√q the larger of its values at checkpoint k and at the start.

    So much larger relative to √q is a rounding that was relative to ‖θ − θ*‖. For a quadratic's gap it is 1 along
    eigenvectors and at most √κ. Where the distance was not measured it is unknown, and taken for 1.
    """
    farthest = np.zeros_like(lambdas)
    for at in {k, *np.flatnonzero(trace.t == 0)}:
        value = _column(trace, theorem.output, theorem.quantity, at)
        distance = _column(trace, theorem.output, "dist2", at)
        if value is None or distance is None:
            return np.ones_like(lambdas)
        there = np.isfinite(value) & np.isfinite(distance) & (value > 0)
        ratio = np.sqrt(np.where(there, distance, 0.0)) / np.sqrt(np.where(there, value, 1.0))
        farthest = np.maximum(farthest, ratio)
    return np.asarray(np.maximum(1.0, np.where(np.isfinite(lambdas), lambdas, 0.0) * farthest))


def _column(trace: Trace, output: str, quantity: str, k: int) -> np.ndarray | None:
    quantities = trace.measured.get(output, {})
    if quantity not in quantities:
        return None
    column: np.ndarray = np.asarray(quantities[quantity], dtype=float)[:, k]
    return column


def _precision(trace: Trace) -> tuple[float, float]:
    return _PRECISIONS.get(trace.setting.dtype, _PRECISIONS["float64"])
