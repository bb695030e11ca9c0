"""What is not known of θ* and R*: by how much a measured gap or distance may be wrong for that alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from convlab.core.trace import Trace

if TYPE_CHECKING:
    from convlab.core.problem import Problem

_ENDS = 8 * 2.0**-53  # of R*: what rounding its two ends outwards may add, at most two units in the last place each


def errors(problem: Problem) -> dict[str, float]:
    """Absolute errors of the measurements, as far as they are the same at every point.

    A gap is measured against θ* = hi + lo by a formula in which R* does not occur: what counts is how far the minimiser
    may be from there, r, which moves a smooth R* by at most L r²/2, and by G r one that is Lipschitz. An interval for
    R* that is wider than its own rounding counts whole, and so does any where there is no minimiser.
    """
    optimum, known = problem.optimum, problem.known
    if optimum is None:
        return {"gap": 0.0, "grad_norm2": 0.0, "dist2": 0.0}
    low, high, r = float(optimum.risk_low), float(optimum.risk_high), float(optimum.radius)
    width = high - low
    if optimum.hi is not None:
        width = 0.0 if width <= _ENDS * max(abs(low), abs(high)) else width
        if "L" in known:
            width += known["L"].value * r * r / 2
        elif "G" in known:
            width += known["G"].value * r
    found = {"gap": width, "grad_norm2": 0.0, "dist2": r * r}
    centre = problem.stationary
    if centre is not None:
        found["stationary_gap"] = float(centre.risk_high) - float(centre.risk_low)
        found["stationary_dist2"] = float(centre.radius) ** 2
    return found


def error_of(trace: Trace, output: str, quantity: str) -> np.ndarray:
    """A bound on the absolute error of a quantity [S, K], from the interval of R* and the radius r of θ*.

    R(θ) − R* = D(θ, θ*) exactly, D the divergence R(θ) − R(θ') − ⟨∇R(θ'), θ − θ'⟩; measured is that about the known
    θ' at distance r from θ*, where ‖∇R(θ')‖ <= L r: off by L r‖θ − θ'‖ + L r²/2. ‖θ − θ*‖² is off by 2r‖θ − θ'‖ + r².
    """
    constant, r = trace.error.get(quantity, 0.0), math.sqrt(trace.error.get("dist2", 0.0))
    reached = _distances(trace, output)
    if quantity == "dist2":
        return constant + 2 * r * reached
    if quantity == "gap" and r > 0.0 and "L" in trace.setting.known:
        return np.asarray(constant + trace.setting["L"] * r * reached)
    return np.full_like(reached, constant)


def _distances(trace: Trace, output: str) -> np.ndarray:
    """‖θ − θ*‖ as measured [S, K]; D where it was not."""
    found = trace.measured[output].get("dist2")
    start = trace.setting["D"] if "D" in trace.setting.known else 0.0
    if found is None:
        return np.full((len(trace.seeds), len(trace.t)), start)
    dist2 = np.asarray(found, dtype=float)
    return np.where(np.isfinite(dist2), np.sqrt(np.where(np.isfinite(dist2), dist2, 0.0)), start)
