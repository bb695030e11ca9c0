"""Partial derivatives, and the gradient as a row: f(x1, x2) = x1² x2 + x1 x2³ and others, with the closed forms beside.

A derivative is a two-sided limit h → 0; each partial derivative is one along a coordinate. All of them together are a
row, since outputs come first and there is one output.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus import derivatives
from convlab.lecture.shown import Shown, digits

_A = np.array([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0], [1.0, 4.0, -2.0]])
_U = 2.0**-53
_EXAMPLES: tuple[
    tuple[str, str, Callable[[jax.Array], jax.Array], Callable[[np.ndarray], np.ndarray], list[float]], ...
] = (
    (
        "x1² x2 + x1 x2³",
        "(2 x1 x2 + x2³, x1² + 3 x1 x2²)",
        lambda x: x[0] ** 2 * x[1] + x[0] * x[1] ** 3,
        lambda x: np.array([2 * x[0] * x[1] + x[1] ** 3, x[0] ** 2 + 3 * x[0] * x[1] ** 2]),
        [2.0, 1.0],
    ),
    ("xᵀAx", "xᵀ(A + Aᵀ)", lambda x: x @ jnp.asarray(_A) @ x, lambda x: x @ (_A + _A.T), [1.0, -2.0, 0.5]),
    ("‖x‖", "xᵀ/‖x‖", jnp.linalg.norm, lambda x: x / np.sqrt(x @ x), [3.0, 4.0]),
    (
        "ln Σ exp x_i",
        "softmax(x)ᵀ",
        jax.nn.logsumexp,
        lambda x: np.exp(x) / np.exp(x).sum(),
        [0.0, 1.0, -1.0],
    ),
)


def run() -> Shown:
    """Each gradient, its shape, and how far it is from the closed form."""
    rows, well = [], True
    for name, closed_form, f, closed, x in _EXAMPLES:
        found, truth = np.asarray(derivatives.gradient(f, x)), closed(np.array(x))
        error = float(np.abs(found - truth).max())
        well &= error <= 64 * _U * float(np.abs(truth).max())
        row = "(" + ", ".join(digits(float(entry)) for entry in found) + ")"
        rows.append((name, closed_form, "(" + ", ".join(f"{entry:g}" for entry in x) + ")", row, digits(error)))
    notes = ("gradient(f, x) has the shape of x: one output, so one row.",)
    return Shown(("f", "∇f in closed form", "at x", "gradient(f, x)", "largest error"), tuple(rows), notes, well)
