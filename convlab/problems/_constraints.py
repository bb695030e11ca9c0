"""Sets to minimise over: their Euclidean projections P(θ) = argmin_{z in C} ‖z − θ‖, and facts of quadratics on them.

A projection takes (θ [d], constants) as `Problem.project` does and reads constants["radius"] where the set has one. It
neither overflows nor loses digits up to 1e307: numbers are scaled or shifted before they are squared or summed.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum
from convlab.core.setting import Known
from convlab.problems._enclosure import exactly, nearly, norm
from convlab.problems._parameters import positive
from convlab.problems._spectra import start_of

Array = npt.NDArray[np.float64]
_ROUNDING = 1e-14  # how far outside a start may be for having been rounded


def ball(theta: jax.Array, constants: Any) -> jax.Array:
    """The projection onto {‖θ‖ <= radius}: θ·min(1, radius/‖θ‖)."""
    radius = jnp.asarray(constants["radius"], theta.dtype)
    largest = jnp.max(jnp.abs(theta))
    scale = jnp.where(largest > radius, largest, radius)
    unit = theta / scale
    length = jnp.sqrt(jnp.sum(jnp.square(unit)))
    outside = length > radius / scale
    return jnp.where(outside, radius * (unit / jnp.where(outside, length, 1.0)), theta)


def box(theta: jax.Array, constants: Any) -> jax.Array:
    """The projection onto {|θ_i| <= radius}, coordinate by coordinate."""
    radius = jnp.asarray(constants["radius"], theta.dtype)
    return jnp.clip(theta, -radius, radius)


def simplex(theta: jax.Array, constants: Any) -> jax.Array:
    """The projection onto {θ >= 0, Σθ_i = 1}: max(θ − τ, 0), with τ found from the sorted coordinates.

    With u the coordinates in decreasing order, τ = (u_1 + … + u_k − 1)/k for the last k with u_k > (u_1 + … + u_k −
    1)/k (Held, Wolfe and Crowder, Math. Program. 6 (1974); Duchi et al., ICML 2008). A shift of all coordinates shifts
    τ, so the largest is moved to 0; then τ lies in [−1, 0), and what is below −1 has no part in it.
    """
    shifted = jnp.maximum(theta - jnp.max(theta), -2.0)
    u = -jnp.sort(-shifted)
    count = jnp.arange(1, theta.shape[0] + 1, dtype=theta.dtype)
    levels = (jnp.cumsum(u) - 1.0) / count
    last = jnp.sum((u > levels).astype(jnp.int32)) - 1  # the condition holds up to k and then no more
    return jnp.maximum(shifted - levels[last], 0.0)


PROJECTIONS: dict[str, Callable[[jax.Array, Any], jax.Array]] = {"ball": ball, "box": box, "simplex": simplex}


def radius_of(constraint: str | None, radius: float | None) -> float | None:
    """The radius as a number, if the set has one; ConvlabError if it is missing, superfluous or not positive."""
    if constraint is not None and constraint not in PROJECTIONS:
        raise ConvlabError(f"constraint = '{constraint}'; allowed: {', '.join(PROJECTIONS)}")
    if constraint in ("ball", "box"):
        if radius is None:
            raise ConvlabError(f"constraint = '{constraint}' needs a radius")
        return positive("radius", radius)
    if radius is not None:
        raise ConvlabError(f"radius = {radius}; only constraint = 'ball' and 'box' have one")
    return None


def check_start(constraint: str, radius: float | None, theta0: Array) -> None:
    """ConvlabError if θ0 is not in the set (up to rounding)."""
    if constraint == "simplex":
        total = math.fsum(theta0.tolist())
        if theta0.min() < 0.0 or abs(total - 1.0) > _ROUNDING:
            raise ConvlabError(
                f"theta0 is outside the simplex: its numbers must not be negative, and sum to 1 ({total})"
            )
        return
    assert radius is not None
    size = float(np.linalg.norm(theta0) if constraint == "ball" else np.abs(theta0).max())
    if size > radius * (1.0 + _ROUNDING):
        name = "‖theta0‖" if constraint == "ball" else "max |theta0_i|"
        raise ConvlabError(f"theta0 is outside the {constraint}: {name} = {size}; it must be at most radius = {radius}")


def on_simplex(eigenvalues: Array, D: float, start: str, theta0: tuple[float, ...] | None) -> tuple[Optimum, Array]:
    """The minimiser of ½ Σ λ_i θ_i² on the simplex, θ*_i = (1/λ_i)/Σ(1/λ_j), and θ0, (1, 0, …, 0) unless given.

    Raises ConvlabError where an eigenvalue is 0, or D or start is given.
    """
    if eigenvalues.min() <= 0.0:
        raise ConvlabError("constraint = 'simplex' needs positive eigenvalues; the least one is 0")
    if D != 1.0 or start != "uniform":
        raise ConvlabError("constraint = 'simplex' begins at (1, 0, …, 0): leave D and start out, or give theta0")
    with decimal.localcontext(prec=50):
        inverse = [1 / decimal.Decimal(value) for value in eigenvalues.tolist()]
        total = sum(inverse, start=decimal.Decimal(0))
        star = [value / total for value in inverse]
        hi = np.array([float(value) for value in star])
        lo = np.array([float(value - decimal.Decimal(near)) for value, near in zip(star, hi.tolist(), strict=True)])
        minimum = nearly(1 / (2 * total)).ends()
    size = float(np.linalg.norm(hi))
    rounding = 2.0**-53 * (float(np.linalg.norm(eigenvalues * hi)) + float(eigenvalues.max()) * size)
    low, high = (np.array(end) for end in minimum)
    optimum = Optimum(hi, lo, low, high, np.array(2.0**-104 * size), np.array(rounding))
    if theta0 is None:
        return optimum, np.eye(1, len(hi))[0]
    return optimum, start_of(eigenvalues, D, start, theta0, None)


def facts(constraint: str, radius: float | None, eigenvalues: Array) -> dict[str, Known]:
    """G = max ‖Λθ‖ on the set, attained at a vertex or on the steepest axis, and the diameter of the set."""
    d, top = len(eigenvalues), float(eigenvalues.max())
    if radius is None:
        return {"G": Known(top, "exact"), "diameter": exactly(2 if d > 1 else 0).root().above()}
    if constraint == "ball":
        return {"G": exactly(top).times(radius).above(), "diameter": Known(2.0 * radius, "exact")}
    return {
        "G": norm(eigenvalues).times(radius).above(),
        "diameter": exactly(d).root().times(Fraction(radius) * 2).above(),
    }
