"""The Hessian of one output is N×N, of M outputs M×N×N: H[i,j,k] = (∇²f_i)_jk, symmetric in j and k; H v without it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus import derivatives
from convlab.lecture.shown import Shown, digits

_U = 2.0**-53


def _cubic(x: jax.Array) -> jax.Array:
    return x[0] ** 2 * x[1] + x[0] * x[1] ** 3


def _three(x: jax.Array) -> jax.Array:
    return jnp.stack([_cubic(x), jnp.exp(x[0] * x[1]), jnp.sin(x[0]) + x[1] ** 4])


def _three_hessians(x: np.ndarray) -> np.ndarray:
    a, b = x
    e = np.exp(a * b)
    return np.array(
        [
            [[2 * b, 2 * a + 3 * b**2], [2 * a + 3 * b**2, 6 * a * b]],
            [[b * b * e, (1 + a * b) * e], [(1 + a * b) * e, a * a * e]],
            [[-np.sin(a), 0.0], [0.0, 12 * b**2]],
        ]
    )


def run() -> Shown:
    """Hessians of one and of three outputs against closed forms, their asymmetry, and a product without the matrix."""
    x, v = np.array([2.0, 1.0]), np.array([0.5, -1.5])
    truth = _three_hessians(x)
    one = np.asarray(derivatives.hessian(_cubic, x))
    three = np.asarray(derivatives.hessian(_three, x))
    product = np.asarray(derivatives.hessian_vector_product(_cubic, x, v))
    rows, well = [], True
    for name, found, closed in (
        ("∇²f, f = x1² x2 + x1 x2³", one, truth[0]),
        ("∇²f of three outputs", three, truth),
        ("∇²f v", product, truth[0] @ v),
    ):
        error = float(np.abs(found - closed).max())
        uneven = "" if found.ndim < 2 else digits(float(np.abs(found - np.swapaxes(found, -1, -2)).max()))
        well &= found.shape == closed.shape and error <= 64 * _U * float(np.abs(closed).max())
        rows.append((name, str(found.shape), digits(error), uneven))
    notes = ("the three outputs: x1² x2 + x1 x2³, exp(x1 x2), sin x1 + x2⁴, at (2, 1).",)
    return Shown(("derivative", "shape", "largest error", "largest |H − Hᵀ|"), tuple(rows), notes, bool(well))
