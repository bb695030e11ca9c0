"""Potentials of gradient descent with the step 1/L on a convex, L-smooth R: two numbers that no step may raise.

    V_t = t·gap_t + (L/2)‖θ_t − θ*‖²,      W_t = (2t + 1)L·gap_t + t(t + 2)‖∇R(θ_t)‖² + L²‖θ_t − θ*‖²

So neither grows from one checkpoint to any later one, however many steps lie between. Both see an L that is too small
as soon as it hurts, since the run then steps too far. V serves a smooth part plus a simple one, too: a proximal
gradient step obeys 2(R(θ⁺) − R*) ≤ L(‖θ − θ*‖² − ‖θ⁺ − θ*‖²) and raises R no more (Beck and Teboulle 2009, Lemma 2.3).
How rounding moves R across a kink is not followed there, and only growth by a half is called one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from convlab.core.setting import EXACT_EXPECTATION
from convlab.core.trace import Trace
from convlab.lab import rounding
from convlab.lab.intervals import Points, ends

_NEEDED = frozenset({"gradient step", "exact oracle", "convex", "smooth"})
_COMPOSITE = frozenset({"proximal gradient step", "exact oracle", "convex", "smooth plus simple"})
_CALLED_GROWTH = 1.5  # of a proximal gradient step's V
_SAME = 1e-12  # relative, of a step that is 1/L
_SAFE = 10.0


def raised(trace: Trace) -> str | None:
    """The first potential that grew between two checkpoints by more than rounding may do, in words; else None."""
    setting = trace.setting
    composite = setting.traits >= _COMPOSITE
    if (
        not (composite or setting.traits >= _NEEDED)
        or EXACT_EXPECTATION in setting.traits
        or "last" not in trace.measured
    ):
        return None
    if not setting.constant_step or abs(setting.step_size() * setting["L"] - 1) > _SAME:
        return None
    low, high = ends(trace, "last")
    called = _CALLED_GROWTH if composite else 1.0
    for name, before, after in _potentials(trace, low, high):
        if composite and not name.startswith("V_t"):
            continue
        with np.errstate(all="ignore"):
            grown = np.where(np.isfinite(before) & np.isfinite(after) & (after > called * before), after / before, 0.0)
        if grown.any():
            seed, k = (int(i) for i in np.unravel_index(int(np.argmax(grown)), grown.shape))
            by, at = f"{100 * (float(grown[seed, k]) - 1):.3g}%", int(trace.t[k + 1])
            return f"hypothesis failed: {name} grows by {by} up to t = {at}, where no step of 1/L may raise it"
    return None


def _potentials(trace: Trace, low: Points, high: Points) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The name, the upper ends at the checkpoints [S, K − 1], widened, and the lower ends at those that follow.

    A step is rounded by no more than δ, see `intervals`, which moves R by ‖∇R‖δ + (L/2)δ², ‖θ − θ*‖² by
    2‖θ − θ*‖δ + δ² and ‖∇R‖² by 2L‖∇R‖δ + L²δ². Along the run none of the three grows: the first checkpoint's serve.
    """
    L, t = trace.setting["L"], trace.t.astype(float)
    epsilon = trace.gradient_rounding
    start, end, steps = t[:-1], t[1:], np.diff(t)
    slope, distance = high.slope[:, :-1], high.distance[:, :-1]
    moved = _SAFE * (rounding.relative_step(trace) * (distance + slope / L) + 2 * epsilon / L) * steps
    of_gap, of_distance = slope * moved + L / 2 * moved**2, 2 * distance * moved + moved**2
    of_slope = 2 * L * slope * moved + (L * moved) ** 2

    def first(p: Points, t: np.ndarray, cut: slice) -> np.ndarray:
        return np.asarray(t * p.gap[:, cut] + L / 2 * p.distance[:, cut] ** 2)

    def second(p: Points, t: np.ndarray, cut: slice) -> np.ndarray:
        squares = t * (t + 2) * p.slope[:, cut] ** 2 + L**2 * p.distance[:, cut] ** 2
        return np.asarray((2 * t + 1) * L * p.gap[:, cut] + squares)

    earlier, later = slice(None, -1), slice(1, None)
    widened = first(high, start, earlier) + end * of_gap + L / 2 * of_distance
    yield "V_t = t·gap + (L/2)·‖θ − θ*‖²", widened, first(low, end, later)
    widened = (
        second(high, start, earlier) + (2 * end + 1) * L * of_gap + end * (end + 2) * of_slope + L**2 * of_distance
    )
    yield "W_t = (2t + 1)L·gap + t(t + 2)·‖∇R‖² + L²·‖θ − θ*‖²", widened, second(low, end, later)
