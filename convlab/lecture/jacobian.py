"""The Jacobian of f: Rⁿ → Rᵐ is m×n, outputs first; its products with vectors need no matrix; df/dt along a curve.

J v is the derivative along v, one forward sweep; uᵀJ is one backward sweep. For x = x(t) the first with v = dx/dt is
df/dt = Σ_i ∂f/∂x_i dx_i/dt.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus import derivatives
from convlab.lecture.shown import Shown, digits

_U = 2.0**-53


def _polar(x: jax.Array) -> jax.Array:
    """(r, φ, z) to Cartesian coordinates, and the volume element r: R³ → R⁴."""
    r, phi, z = x
    return jnp.stack([r * jnp.cos(phi), r * jnp.sin(phi), z, r])


def _polar_jacobian(x: np.ndarray) -> np.ndarray:
    r, phi, _ = x
    return np.array(
        [
            [np.cos(phi), -r * np.sin(phi), 0.0],
            [np.sin(phi), r * np.cos(phi), 0.0],
            [0.0, 0.0, 1.0],
            [1.0, 0.0, 0.0],
        ]
    )


def run() -> Shown:
    """Both modes, the products, and df/dt on a helix, each against its closed form."""
    x, v, u = np.array([2.0, 0.5, -1.0]), np.array([1.0, -0.5, 2.0]), np.array([1.0, 2.0, -1.0, 0.5])
    J, t = _polar_jacobian(x), 0.75
    helix = jnp.stack([1.0 + t, 2.0 * t, t**2])  # x(t) = (1 + t, 2t, t²), dx/dt = (1, 2, 2t)
    along = np.array(
        [
            np.cos(2 * t) - 2 * (1 + t) * np.sin(2 * t),
            np.sin(2 * t) + 2 * (1 + t) * np.cos(2 * t),
            2 * t,
            1.0,
        ]
    )
    cases = (
        ("J, forward mode", "3 sweeps", derivatives.jacobian(_polar, x, "forward"), J),
        ("J, reverse mode", "4 sweeps", derivatives.jacobian(_polar, x, "reverse"), J),
        ("J, by shape", "forward", derivatives.jacobian(_polar, x), J),
        ("J v", "1 sweep", derivatives.jacobian_vector_product(_polar, x, v), J @ v),
        ("uᵀJ", "1 sweep", derivatives.vector_jacobian_product(_polar, x, u), u @ J),
        ("df/dt on a helix", "1 sweep", derivatives.jacobian_vector_product(_polar, helix, [1.0, 2.0, 2 * t]), along),
    )
    rows, well = [], True
    for name, cost, found, truth in cases:
        error = float(np.abs(np.asarray(found) - truth).max())
        well &= np.shape(found) == truth.shape and error <= 64 * _U * float(np.abs(truth).max())
        rows.append((name, cost, str(np.shape(found)), digits(error)))
    notes = ("f: (r, φ, z) ↦ (r cos φ, r sin φ, z, r) from R³ to R⁴, at (2, 0.5, −1).",)
    return Shown(("derivative", "cost", "shape", "largest error"), tuple(rows), notes, bool(well))
