"""Floors of runs of any length: how near to θ* a method gets at all, as one number for each quantity.

An optimizer cannot tell points apart whose gradients are below ε, the rounding error of ∇R near θ*, nor, if it chooses
its steps by values of R, points whose values differ by less than these are rounded.
"""

from __future__ import annotations

import math

import jax
import numpy as np

from convlab.core.problem import Problem, Stationary
from convlab.core.setting import Setting
from convlab.lab import rounding


def limits(problem: Problem, setting: Setting) -> dict[str, float]:
    """One floor per quantity, for runs of any length, from ε, the rounding error of ∇R near θ*; grad_norm2's is ε².

    gap ≤ ε²/(2μ) where ‖∇R‖ ≤ ε, for a μ-strongly convex R (Polyak–Łojasiewicz), else gap ≤ ε·‖θ0 − θ*‖ by convexity;
    ‖θ − θ*‖ ≤ ε/μ. Newton's λ² is twice the gap near θ*. A point is stored up to u‖θ*‖, which moves the gap of a
    G-Lipschitz R by as much as G times that. In float32 ε is larger by the ratio of the unit roundoffs.
    """
    optimum, dtype = problem.optimum, setting.dtype
    if problem.stationary is not None:
        return _at_stationary_point(problem.stationary, dtype)
    if optimum is None or optimum.hi is None:
        return {"gap": 0.0, "grad_norm2": 0.0, "dist2": 0.0}
    epsilon, stored = _epsilon(problem, dtype), rounding.unit(dtype) * norm(optimum.hi)
    mu, distance = _number(problem, "mu"), _number(problem, "D")
    gap = min(epsilon**2 / (2 * mu), epsilon * distance) if mu > 0 else epsilon * distance
    dist2 = max((epsilon / mu) ** 2 if mu > 0 else 0.0, stored**2)
    if "L" not in problem.known:
        gap = max(gap, _number(problem, "G") * stored)
    found = {"gap": gap, "grad_norm2": epsilon**2, "dist2": dist2}
    for name, floor in _blind(problem, setting).items():
        found[name] = max(found[name], floor)
    return {**found, "decrement2": 2 * found["gap"]}


def _blind(problem: Problem, setting: Setting) -> dict[str, float]:
    """What a method cannot see that chooses its steps by values of R, which are rounded by b.

    Polyak's step (R(θ) − R*)/‖∇R‖² comes nearer while the gap is above b; then ‖∇R‖² ≤ 2Lb, ‖θ − θ*‖² ≤ 2b/μ.
    Backtracking from s takes the first η ≥ min(s, 1/(2L)) that is seen to bring a decrease, which is η‖∇R‖²/2 at least:
    it stands still where ‖∇R‖² ≤ 2b/η, so that its gap may be ‖∇R‖²/(2μ), more than b by the condition number.
    """
    searches = "backtracking step" in setting.traits
    if not searches and "risk_star" not in setting.hyper:
        return {}
    b, mu, smooth = _rounding_of_values(problem, setting.dtype), _number(problem, "mu"), _number(problem, "L")
    if not searches:
        return {"gap": b, "grad_norm2": 2 * smooth * b, "dist2": 2 * b / mu if mu > 0 else 0.0}
    first = setting.step_size() if "step_size" in setting.hyper else math.inf
    slope2 = 2 * b * max(2 * smooth, 1 / first if first > 0 else 0.0)
    if mu > 0:
        return {"gap": max(b, slope2 / (2 * mu)), "grad_norm2": slope2, "dist2": slope2 / mu**2}
    return {"gap": max(b, math.sqrt(slope2) * _number(problem, "D")), "grad_norm2": slope2}


def _rounding_of_values(problem: Problem, dtype: str) -> float:
    """The size of R(θ) − R* below which values, whose terms are of the size of R* or of what R starts from, say
    nothing, (n + d + 8)·u·|R| and the width of R*; 0 where R* = 0, which values tend to without cancellation."""
    optimum = problem.optimum
    assert optimum is not None
    low, high = float(optimum.risk_low), float(optimum.risk_high)
    least = max(abs(low), abs(high))
    if least == 0.0:
        return 0.0
    terms = problem.rows + sum(leaf.size for leaf in jax.tree.leaves(problem.theta0)) + 8
    start = _number(problem, "initial_gap")
    return float(terms * rounding.unit(dtype) * (least + start) + (high - low) / 2)


def _at_stationary_point(centre: Stationary, dtype: str) -> dict[str, float]:
    """‖θ − θ̄‖ ≤ ε/m and R(θ) − R(θ̄) ≤ ε²/(2m) where ‖∇R(θ)‖ ≤ ε near θ̄, m the least curvature there."""
    epsilon, least = float(centre.rounding) * rounding.unit(dtype) / rounding.U, float(centre.curvature)
    stationary = {"stationary_gap": epsilon**2 / (2 * least), "stationary_dist2": (epsilon / least) ** 2}
    return {"gap": 0.0, "grad_norm2": epsilon**2, "dist2": 0.0, **stationary}


def at_rest(problem: Problem, setting: Setting, t: np.ndarray) -> dict[str, np.ndarray]:
    """What keeps gradient steps η_t away from θ*, as "last.quantity": [K]: ‖∇R‖ ≤ ε + u‖θ*‖/η_t, since η_t∇R is not
    seen where it is below the rounding of θ, and what follows of gap and distance as for `limits`."""
    optimum = problem.optimum
    assert optimum is not None
    slope, mu = _least_slope(_epsilon(problem, setting.dtype), norm(optimum.hi), setting, t), _number(problem, "mu")
    floor = {"grad_norm2": slope**2, "gap": slope * _number(problem, "D")}
    if mu > 0:
        floor = {"grad_norm2": slope**2, "gap": slope**2 / (2 * mu), "dist2": slope**2 / mu**2}
    return {f"last.{name}": values for name, values in floor.items()}


def near_stationary_point(centre: Stationary, setting: Setting, t: np.ndarray) -> dict[str, np.ndarray]:
    """As `at_rest`, of θ̄ with the least curvature m there. R is not convex on the way to it, where rounding may move
    runs apart by more."""
    epsilon, least = float(centre.rounding) * rounding.unit(setting.dtype) / rounding.U, float(centre.curvature)
    slope2 = _least_slope(epsilon, norm(centre.hi), setting, t) ** 2
    floor = {"grad_norm2": slope2, "stationary_gap": slope2 / (2 * least), "stationary_dist2": slope2 / least**2}
    return {f"last.{name}": values for name, values in floor.items()}


def _least_slope(epsilon: float, size: float, setting: Setting, t: np.ndarray) -> np.ndarray:
    """ε + u‖θ*‖/η_t [K], 0 at the start."""
    eta = np.array([abs(setting.step_size(max(int(at) - 1, 0))) for at in t])
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = epsilon + rounding.unit(setting.dtype) * size / eta
    return np.where((t > 0) & np.isfinite(slope), slope, 0.0)


def _epsilon(problem: Problem, dtype: str) -> float:
    optimum = problem.optimum
    assert optimum is not None
    epsilon = float(optimum.rounding)
    if dtype == "float32":
        epsilon = max(epsilon * 2.0**29, 2.0**-24 * _number(problem, "L") * _number(problem, "D"))
    return epsilon


def _number(problem: Problem, name: str) -> float:
    value = problem.known[name].value if name in problem.known else 0.0
    return value if math.isfinite(value) else 0.0


def norm(tree: object) -> float:
    return math.sqrt(sum(float(np.square(leaf).sum()) for leaf in jax.tree.leaves(tree)))
