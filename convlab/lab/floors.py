"""Floors: the size of each quantity, checkpoint by checkpoint, below which rounding decides.

A run in floating point and the run that its method would do in real numbers, from the same data, drift apart. In a
direction in which R has the curvature λ the distance δ between them obeys, step by step,

    δ_{t+1} ≤ ρ_λ δ_t + a_t,      a_t = η_t ε + c·u·‖θ*‖ + w·‖θ_t − θ*‖,      ρ_λ = |1 − η_t λ|,

ε the rounding error of a gradient near θ*, u‖θ*‖ that of a point that is stored, w = 4 + n + d − 1 units of roundoff
for what is rounded relative to the distance. So rounding adds up, t·a, until the contraction stops it at a/(ηλ): small
steps, which take longer to forget, end on a higher floor, (ε + u‖θ*‖/η)/λ. The quantities move by

    |√q(θ̂_t) − √q(θ_t)| ≤ Λ_λ δ_t,      Λ_λ = 1 for ‖θ − θ*‖²,  λ for ‖∇R‖²,  √(λ/2) for the gap,  √λ for Newton's λ²,

and the floor is F_t = max_λ (Λ_λ δ_t)² over the curvatures between μ and L: a value √q ≤ √F may be rounding alone.
For the gap of gradient descent that is (ε + u‖θ*‖/η)²·min(ηt/2, 1/(2μ)) near θ*.

Momentum answers one disturbance by |h_j| ≤ min(j + 1, 2/|z₁ − z₂|)·ρ^j after j steps, z₁ and z₂ the roots of its
characteristic polynomial and ρ the larger of their sizes, so that its δ is the recursion's, with this ρ, times
min(t, 2/|z₁ − z₂|, 1/(1 − ρ)), as Σ_j (j + 1)ρ^j = 1/(1 − ρ)²; momentum that grows to 1 is taken for 1. A Newton step
forgets all but the last solve, ε/λ. The mean of t points errs by the mean of their errors, and by u‖θ*‖(t + 1)/2 for
its own roundings; any other output by the largest so far.

Derived for quadratics, where directions do not mix, and steps that do not expand distances; near θ* every smooth R is
one. It is a prediction, held by tests against exact trajectories, and rulings allow ten times as much distance. For
methods and risks of another kind (no L, not convex, steps that R's values or a line search choose) one number serves
all checkpoints: what `limits` says of the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from convlab.core.problem import Problem
from convlab.core.setting import EXACT_EXPECTATION, Setting
from convlab.lab import rounding
from convlab.lab.final_floors import near_stationary_point, norm

_GRADIENT = frozenset({"gradient step", "subgradient step", "proximal gradient step"})
_MOMENTUM = frozenset({"Nesterov step", "accelerated proximal gradient step", "heavy-ball step"})
_NEWTON = "full Newton step"
_NUMBERS = 1 << 20  # in one of the tables that floors are read off
_CURVATURES = 33  # between mu and L, evenly in their logarithm
_FLATTEST = 1e-12  # of L, where no mu is known
_STORED = {"gradient": 1.0, "momentum": 5.0}  # roundings of points in one step
_ALIKE = 4.0  # seeds whose floors lie closer share the largest
Measured = Mapping[str, Mapping[str, np.ndarray]]


def along(problem: Problem, setting: Setting, t: np.ndarray, measured: Measured) -> dict[str, np.ndarray]:
    """The floors at the checkpoints t [K], as "output.quantity": [K], or [S, K] where seeds differ; {} where one number
    per quantity has to do (`limits`)."""
    if problem.stationary is not None and _GRADIENT & setting.traits and _steps(setting):
        return near_stationary_point(problem.stationary, setting, t) if "last" in measured else {}
    optimum, known = problem.optimum, setting.known
    smooth = known["L"].value if "L" in known else 0.0
    if optimum is None or optimum.hi is None or "convex" not in setting.traits or not 0.0 < smooth < math.inf:
        return {}
    kind = _kind(setting)
    if kind is None or EXACT_EXPECTATION in setting.traits or (kind == "Newton" and not _mu(setting) > 0.0):
        return {}
    if kind == "gradient" and abs(setting.step_size(max(int(t[-1]) - 1, 0))) * smooth > 2.0:
        return {}  # on a quadratic longer steps multiply roundings without end, on others until they are seen
    flattest = max(_mu(setting), _FLATTEST * smooth)
    curvatures = np.geomspace(min(flattest, smooth), smooth, _CURVATURES)[:, None, None]
    seeds, together = len(next(iter(measured.values()))["grad_norm2"]), max(1, _NUMBERS // (_CURVATURES * t.size))
    parts = []
    for low in range(0, seeds, together):
        rows = slice(low, low + together)
        part = {name: {key: array[rows] for key, array in found.items()} for name, found in measured.items()}
        parts.append(_of_seeds(problem, setting, kind, t, curvatures, part))
    return {name: _shared(np.concatenate([part[name] for part in parts])) for name in parts[0]}


def _of_seeds(
    problem: Problem, setting: Setting, kind: str, t: np.ndarray, curvatures: np.ndarray, measured: Measured
) -> dict[str, np.ndarray]:
    """The floors [S, K] of some seeds, from tables of curvatures × seeds × checkpoints."""
    optimum = problem.optimum
    assert optimum is not None
    unit = rounding.unit(setting.dtype)
    epsilon, size = float(optimum.rounding) * unit / rounding.U, norm(optimum.hi)
    stored = unit * size + math.sqrt(rounding.underflow(setting.dtype))
    relative = (rounding.STEP + problem.rows + _dimension(problem) - 1) * unit
    found: dict[str, np.ndarray] = {}
    with np.errstate(all="ignore"):  # runs that diverge
        distance = _distances(measured, "last", setting, t)
        start = unit * norm(problem.theta0) if setting.dtype != "float64" else 0.0  # θ0 itself is rounded
        last = _apart(setting, kind, t, curvatures, (epsilon, stored, relative, start), distance)
        for output in measured:
            own = unit * (size + _distances(measured, output, setting, t))
            moved = last if output == "last" else _of_output(output, last, t, own)
            for quantity, factor in _factors(curvatures, measured[output]):
                floor = np.max(np.square(factor * moved), axis=0)
                if quantity == "grad_norm2":  # ∇R itself was measured with that error
                    floor = np.maximum(floor, float(optimum.rounding) ** 2)
                floor = np.where(t > 0, np.maximum(floor, rounding.underflow(setting.dtype)), floor)
                found[f"{output}.{quantity}"] = floor
    return found


def _factors(curvatures: np.ndarray, measured: Mapping[str, np.ndarray]) -> list[tuple[str, Any]]:
    """Λ of every quantity that is there."""
    factors = [("dist2", 1.0), ("grad_norm2", curvatures), ("gap", np.sqrt(curvatures / 2))]
    return [*factors, ("decrement2", np.sqrt(curvatures))] if "decrement2" in measured else factors


def _steps(setting: Setting) -> bool:
    return bool({"step_size", "learning_rate"} & setting.hyper.keys())


def _kind(setting: Setting) -> str | None:
    if _NEWTON in setting.traits:
        return "Newton"
    if not _steps(setting) or not {"smooth", "smooth plus simple"} & setting.traits:
        return None
    return "gradient" if _GRADIENT & setting.traits else "momentum" if _MOMENTUM & setting.traits else None


def _apart(
    setting: Setting,
    kind: str,
    t: np.ndarray,
    curvatures: np.ndarray,
    rounded: tuple[float, float, float, float],
    distance: np.ndarray,
) -> np.ndarray:
    """δ [λ, S, K] of the last iterate."""
    epsilon, stored, relative, start = rounded
    apart = np.full((len(curvatures), *distance.shape), start)
    if kind == "Newton":
        adjacent = np.concatenate([[False], np.diff(t) == 1])
        before = np.where(adjacent, np.concatenate([distance[:, :1], distance[:, :-1]], axis=1), distance)
        apart[:] = np.where(t > 0, (epsilon + setting["L"] * relative * before) / curvatures + stored, start)
        return apart
    delta = np.full((len(curvatures), len(distance)), start)
    flat = curvatures[:, :, 0]
    for k in range(1, len(t)):
        steps = int(t[k] - t[k - 1])
        ends = [abs(setting.step_size(int(at))) for at in (t[k - 1], t[k] - 1)]
        longest, shortest = max(ends), min(ends)
        rates, echoes = zip(*(_response(setting, kind, eta, flat) for eta in (longest, shortest)), strict=True)
        rate = np.maximum(*rates)
        added = longest * epsilon + _STORED[kind] * stored + relative * np.maximum(distance[:, k - 1], distance[:, k])
        far = (longest * flat > 2.0) & (kind == "gradient")  # multiplied for now, and forgotten when steps are short
        delta = np.where(far, added / (longest * flat), rate**steps * delta + added * _summed(rate, steps))
        apart[:, :, k] = delta * np.minimum(np.maximum(*echoes), float(max(t[k], 1)))
    return apart


def _response(setting: Setting, kind: str, eta: float, curvatures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ρ and min(2/|z₁ − z₂|, 1/(1 − ρ)), 1 without momentum, for a step η at each curvature."""
    if kind == "gradient":
        return np.abs(1 - eta * curvatures), np.ones_like(curvatures)
    still = 1 - eta * curvatures
    if "heavy-ball step" in setting.traits:
        beta = setting.hyper["momentum"].at(0)
        one, two = 1 + beta - eta * curvatures, beta * np.ones_like(curvatures)
    else:
        beta = 1.0
        if "constant momentum" in setting.traits:
            root = math.sqrt(setting.hyper["kappa"].at(0))
            beta = (root - 1) / (root + 1)
        one, two = (1 + beta) * still, beta * still
    apart = np.sqrt((one**2 - 4 * two).astype(complex))
    size = np.maximum(np.abs(one + apart), np.abs(one - apart)) / 2
    two_apart = np.where(np.abs(apart) > 0, 2 / np.abs(np.where(apart == 0, 1.0, apart)), np.inf)
    return size, np.minimum(two_apart, np.where(size < 1, 1 / np.where(size < 1, 1 - size, 1.0), np.inf))


def _summed(rate: np.ndarray, steps: int) -> np.ndarray:
    """1 + ρ + … + ρ^(n−1)."""
    log = np.log(np.maximum(rate, 1e-300))
    ratio = np.expm1(steps * log) / np.where(log == 0, 1.0, np.expm1(log))
    return np.asarray(np.where(np.abs(rate - 1) * steps < 1e-8, float(steps), ratio))


def _of_output(output: str, last: np.ndarray, t: np.ndarray, own: np.ndarray) -> np.ndarray:
    """δ of an output that is made of iterates; ``own`` is one rounding of its point."""
    largest = np.maximum.accumulate(last, axis=2)
    if not output.startswith(("average", "weighted_average")):
        return np.asarray(largest)
    if output.startswith("average"):
        pieces = np.diff(t) * np.maximum(last[:, :, 1:], last[:, :, :-1])
        total = np.concatenate([np.zeros_like(last[:, :, :1]), np.cumsum(pieces, axis=2)], axis=2)
        largest = np.minimum(largest, total / np.maximum(t, 1) + last / np.maximum(t, 1))
    return np.asarray(largest + own * (t + 1) / 2)


def _distances(measured: Measured, output: str, setting: Setting, t: np.ndarray) -> np.ndarray:
    """‖θ − θ*‖ [S, K] of an output as measured, the known D where it was not."""
    some = next(iter(measured.values()))
    shape = np.asarray(some["grad_norm2"]).shape
    if "dist2" in measured.get(output, {}):
        return np.asarray(np.sqrt(np.asarray(measured[output]["dist2"], dtype=float)))
    return np.full(shape, setting.known["D"].value if "D" in setting.known else 0.0)


def _shared(floor: np.ndarray) -> np.ndarray:
    """[S, K], or [K] where the seeds' floors are about alike; 0 where nothing is finite any more."""
    floor = np.where(np.isfinite(floor), floor, 0.0)
    largest = floor.max(axis=0)
    return np.asarray(largest if bool((floor * _ALIKE >= largest).all()) else floor)


def _mu(setting: Setting) -> float:
    return setting.known["mu"].value if "mu" in setting.known else 0.0


def _dimension(problem: Problem) -> int:
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(problem.theta0))
