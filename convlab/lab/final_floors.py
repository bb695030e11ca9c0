"""Floors of runs of any length: how near to θ* a method gets at all, as one number for each quantity.

An optimizer cannot tell points apart whose gradients are below ε, the rounding error of ∇R near θ*, nor, if it chooses
its steps by values of R, points whose values differ by less than these are rounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import jax
import numpy as np

from convlab.core.problem import Problem, Stationary
from convlab.core.setting import Setting
from convlab.lab import rounding

MOST = 1e300  # of a number that is written as it is


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
        # points are stored up to some u‖θ0‖, and gradients differ by L times that
        unseen = _number(problem, "L") * rounding.unit(dtype) * norm(problem.theta0)
        return {"gap": 0.0, "grad_norm2": unseen**2, "dist2": 0.0}
    epsilon, stored = _epsilon(problem, dtype), rounding.unit(dtype) * norm(optimum.hi)
    mu, distance = _number(problem, "mu"), _number(problem, "D")
    gap = min(epsilon**2 / (2 * mu), epsilon * distance) if mu > 0 else epsilon * distance
    dist2 = max((epsilon / mu) ** 2 if mu > 0 else 0.0, stored**2)
    if "L" not in problem.known:
        gap = max(gap, _number(problem, "G") * stored)
    return {"gap": gap, "grad_norm2": epsilon**2, "dist2": dist2, "decrement2": 2 * gap}


def of_values(problem: Problem, setting: Setting, t: np.ndarray, outputs: Iterable[str]) -> dict[str, np.ndarray]:
    """What a method cannot see that chooses its steps by values of R, which are rounded by b, as "output.quantity": [K]
    from the first step on; {} for other methods.

    Polyak's step (R(θ) − R*)/‖∇R‖² comes nearer while the gap is above b; then ‖∇R‖² ≤ 2Lb, ‖θ − θ*‖² ≤ 2b/μ.
    Backtracking from s takes the first η ≥ min(s, 1/(2L)) that is seen to bring a decrease, which is η‖∇R‖²/2 at least:
    it stands still where ‖∇R‖² ≤ 2b/η, so that its gap may be ‖∇R‖²/(2μ), more than b by the condition number. The
    gradients themselves are no less exact for that: `limits` says how exact. No floor is above where the run began.
    """
    searches, optimum = "backtracking step" in setting.traits, problem.optimum
    if not (searches or "risk_star" in setting.hyper) or optimum is None or optimum.hi is None:
        return {}
    b, mu, smooth = _rounding_of_values(problem, setting.dtype), _number(problem, "mu"), _number(problem, "L")
    slope2 = 2 * b * (max(2 * smooth, 1 / _shortest_step(setting)) if searches else smooth)
    gap = max(b, slope2 / (2 * mu) if mu > 0 else math.sqrt(slope2) * _number(problem, "D")) if searches else b
    dist2 = (slope2 / mu**2 if searches else 2 * b / mu) if mu > 0 else 0.0
    ends = {"gap": gap, "grad_norm2": slope2, "dist2": dist2}
    start, away = _number(problem, "initial_gap"), _number(problem, "D") ** 2
    for name, most in {"gap": start, "grad_norm2": 2 * smooth * start, "dist2": away}.items():
        ends[name] = min(ends[name], most) if most > 0 else ends[name]
    least = limits(problem, setting)
    floors = {name: np.where(t > 0, min(max(floor, least[name]), MOST), 0.0) for name, floor in ends.items()}
    return {f"{output}.{name}": floor for output in outputs for name, floor in floors.items()}


def _shortest_step(setting: Setting) -> float:
    """The least step that a search starts from, as far as the first and the last one tell."""
    if "step_size" not in setting.hyper:
        return MOST
    ends = [abs(setting.step_size(at)) for at in (0, max(setting.horizon - 1, 0))]
    return min((step for step in ends if step > 1 / MOST), default=MOST)


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


def near_stationary_point(centre: Stationary, setting: Setting, t: np.ndarray) -> dict[str, np.ndarray]:
    """What keeps gradient steps η_t away from θ̄, as "last.quantity": [K], m being the least curvature there.

    η_t∇R is not seen where it is below u‖θ̄‖, the rounding of θ, so that runs end where m‖θ − θ̄‖ is about
    ε + u‖θ̄‖/η_t; before, t steps add up to t(ηε + u‖θ̄‖). R is not convex on the way to θ̄, where rounding may move runs
    apart by more.
    """
    unit, least = rounding.unit(setting.dtype), float(centre.curvature)
    epsilon, stored = float(centre.rounding) * unit / rounding.U, unit * norm(centre.hi)
    eta = np.array([abs(setting.step_size(max(int(at) - 1, 0))) for at in t])
    with np.errstate(divide="ignore", invalid="ignore"):
        away = np.minimum((epsilon + stored / eta) / least, t * (max(eta.max(), eta[0]) * epsilon + stored))
    away2 = np.square(np.where((t > 0) & np.isfinite(away), away, 0.0))
    floor = {"grad_norm2": least**2 * away2, "stationary_gap": least / 2 * away2, "stationary_dist2": away2}
    return {f"last.{name}": values for name, values in floor.items()}


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
