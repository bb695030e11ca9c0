"""The direction in which a function increases most, found from its values alone, against its gradient (outputs first:
the row of one output). As the radius goes to zero the first becomes ∇f/‖∇f‖.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus import inputs
from convlab.calculus.derivatives import value_and_gradient
from convlab.calculus.inputs import CalculusError, Function

_BATCH = 64  # directions that are tried at once
_CIRCLE = 256  # directions on a circle, before the closer looks
_STARTS = 512  # random directions, the best of which starts the search
_ROUNDS = 50
_TAKE = "a direction of steepest ascent is that of one output"


@dataclass(frozen=True)
class SteepestAscent:
    """``measured``: the unit vector u with the largest f(x + h u) − f(x) that was found, h = ``radius``, from values
    alone; ``gradient``: ∇f/‖∇f‖; both of x's shape. ``angle`` is between the two, in radians; ``increase`` that of
    f along the measured one, ``gradient_increase`` along the gradient's, ``slope`` is ‖∇f(x)‖.

    ``resolution`` is the angle from the best direction within which the increase changes by less than f's rounding.
    """

    measured: np.ndarray
    gradient: np.ndarray
    angle: float
    radius: float
    increase: float
    gradient_increase: float
    slope: float
    resolution: float
    evaluations: int

    def __str__(self) -> str:
        return (
            f"radius {self.radius:g}: {math.degrees(self.angle):.3g} degrees between the direction of the largest "
            f"increase, {self.increase:.6g}, and the gradient's, {self.gradient_increase:.6g}"
        )


def steepest_ascent(f: Function, x: Any, radius: float = 1e-3, seed: int = 0) -> SteepestAscent:
    """The unit vector u that maximises f(x + h u) − f(x), from values of f alone, beside ∇f(x)/‖∇f(x)‖.

    ∇f is a row of x's shape (outputs first). By Cauchy and Schwarz ∇f·u = ‖∇f‖ cos φ is largest at φ = 0. What is
    measured has the curvature too: with H the Hessian and g = ∇f/‖∇f‖ the angle is h ‖(I − g gᵀ)H g‖/‖∇f‖ + O(h²). For
    small h rounding takes over: the increase changes by h‖∇f‖ φ²/2 over an angle φ, so that values which are off by
    δ = 2 ε |f| tell directions apart down to the ``resolution`` √(2 δ/(h‖∇f‖)), more where f itself cancels digits.

    In two dimensions all angles are scanned, then ever closer around the best. In more, the best of random directions
    (``seed``) is turned in one plane after another, each a scan of the full circle, until no turn helps: a local
    maximum, which for small h is the only one. f is a scalar function of one array. CalculusError where an argument
    does not fit, and where x is stationary: h‖∇f‖ ≤ 4 δ.

    >>> found = steepest_ascent(lambda x: x[0] ** 2 * x[1] + x[0] * x[1] ** 3, [2.0, 1.0])  # ∇f = (5, 10)
    >>> found.gradient.round(4).tolist(), found.measured.round(4).tolist()
    ([0.4472, 0.8944], [0.4472, 0.8944])
    """
    where = "steepest_ascent"
    x = inputs.array(where, x, "x", some=True)
    h = inputs.array(where, radius, "radius", ())
    if not inputs.is_concrete((x, h)):
        raise CalculusError(f"{where}: x is traced; the search needs numbers, so it runs outside jit")
    if not 0.0 < float(h) < math.inf:
        raise CalculusError(f"{where}: radius = {float(h):g}; it should be positive and finite")
    seed = inputs.whole(where, seed, "seed", 0, 2**32 - 1)
    inputs.output(where, f, x, scalar=_TAKE)
    value, gradient = value_and_gradient(f, x, where)
    flat = np.asarray(gradient, float).reshape(-1)
    slope = float(np.linalg.norm(flat))
    if not math.isfinite(slope):
        raise CalculusError(f"{where}: ∇f(x) is not finite; x should lie where f is differentiable")
    search = _Search(f, x, float(h))
    start = search.start(np.random.default_rng(seed))
    rounding = 2.0 * float(np.finfo(x.dtype).eps) * max(abs(float(value)), search.largest)
    if float(h) * slope <= 4.0 * rounding:
        raise CalculusError(
            f"{where}: x is stationary to rounding, ‖∇f(x)‖ = {slope:.2g}: over the radius {float(h):g} no direction "
            "is the steepest; x should lie where f has a slope"
        )
    resolution = min(math.pi, math.sqrt(2.0 * rounding / (float(h) * slope)))
    best = search.climbed(start, resolution)
    toward = flat / slope
    increase, along = search.increases(np.stack([best, toward]))
    return SteepestAscent(
        measured=best.reshape(x.shape),
        gradient=toward.reshape(x.shape),
        angle=2.0 * math.asin(min(1.0, 0.5 * float(np.linalg.norm(best - toward)))),
        radius=float(h),
        increase=float(increase),
        gradient_increase=float(along),
        slope=slope,
        resolution=resolution,
        evaluations=search.evaluations,
    )


class _Search:
    """The search among unit vectors: it knows the values of f, and no derivative."""

    def __init__(self, f: Function, x: jax.Array, h: float) -> None:
        self.size, self.evaluations, self.largest = x.size, 0, 0.0
        self._rng = np.random.default_rng(0)
        start = f(x)

        @jax.jit
        def values(directions: jax.Array) -> tuple[jax.Array, jax.Array]:
            around = jax.vmap(lambda u: f(x + h * jnp.reshape(u, x.shape)))(directions.astype(x.dtype))
            return around - start, jnp.max(jnp.abs(around))

        self._values: Callable[[np.ndarray], Any] = values

    def increases(self, directions: np.ndarray) -> np.ndarray:
        """f(x + h u) − f(x) for each row u, in batches of one size, so that it is compiled once."""
        found = []
        for first in range(0, len(directions), _BATCH):
            batch = directions[first : first + _BATCH]
            padded = np.concatenate([batch, np.repeat(batch[-1:], _BATCH - len(batch), axis=0)])
            increase, largest = self._values(padded)
            if not math.isfinite(float(largest)):
                raise CalculusError(
                    "steepest_ascent: f is not finite everywhere at the distance radius from x; radius should be less"
                )
            self.largest = max(self.largest, float(largest))
            found.append(np.asarray(increase, float)[: len(batch)])
        self.evaluations += len(directions)
        return np.concatenate(found)

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """The best of random directions; of both where there are no more."""
        self._rng = rng
        tried = rng.normal(size=(_STARTS, self.size)) if self.size > 1 else np.array([[1.0], [-1.0]])
        tried /= np.linalg.norm(tried, axis=1, keepdims=True)
        best: np.ndarray = tried[np.argmax(self.increases(tried))]
        return best

    def climbed(self, u: np.ndarray, resolution: float) -> np.ndarray:
        """u, turned in the planes of u and an orthonormal basis of what is orthogonal to it, over and over.

        On a linear function one round of turns is exact.
        """
        for _ in range(_ROUNDS if self.size > 1 else 0):
            basis = np.linalg.qr(np.column_stack([u, self._rng.normal(size=(self.size, self.size - 1))]))[0][:, 1:]
            before = u
            for e in basis.T:
                u = self._turned(u, e, resolution)
            if self.size == 2 or float(np.linalg.norm(u - before)) <= 2.0 * resolution:
                break
        return u

    def _turned(self, u: np.ndarray, e: np.ndarray, resolution: float) -> np.ndarray:
        """The best direction on the circle cos φ u + sin φ e: all of it, then ever closer around the best angle."""
        angles = np.linspace(-math.pi, math.pi, _CIRCLE, endpoint=False)
        step = 2.0 * math.pi / _CIRCLE
        while True:
            directions = np.outer(np.cos(angles), u) + np.outer(np.sin(angles), e)
            best = int(np.argmax(self.increases(directions)))
            if step <= 0.25 * resolution or step < 1e-12:
                return np.asarray(directions[best] / np.linalg.norm(directions[best]))
            angles = angles[best] + np.linspace(-step, step, _BATCH)
            step = 2.0 * step / (_BATCH - 1)
