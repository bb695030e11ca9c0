"""Least squares over all rows through its Gram matrix: ∇R(θ) = Aθ − b + ridge θ, A = XᵀX/n and b = Xᵀy/n formed once.

A full gradient then takes d² numbers in place of 2nd. R itself stays the mean over the rows: ½θᵀAθ − bᵀθ + ½mean(y²)
loses all digits where R is small beside R(0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.custom_derivatives import SymbolicZero

from convlab.core.errors import ConvlabError
from convlab.problems import _double as dd
from convlab.problems._certify import SAFE, U, accumulation
from convlab.problems._glm import least_squares_risk

Array = npt.NDArray[np.float64]
_ROWS = 256  # of a block, whose product is rounded; over the blocks the sum is in doubled precision


def averages(full_gradient: str, X: Array, y: Array) -> dict[str, Array]:
    """What ``full_gradient`` needs: for "gram" ``gram`` and ``moment``, for "rows" nothing. ConvlabError for any other
    word, and for a Gram matrix that is larger than the rows it replaces."""
    if full_gradient not in ("rows", "gram"):
        raise ConvlabError(f"least_squares: full_gradient = {full_gradient!r}; allowed: 'rows', 'gram'")
    if full_gradient == "rows":
        return {}
    n, d = X.shape
    if d > 2 * n:
        told = f"takes {d} x {d} numbers a step, more than {n} rows of {d} twice; leave it out"
        raise ConvlabError(f"least_squares: full_gradient = 'gram' {told}")
    gram, moment = moments(X, y)
    return {"gram": gram, "moment": moment}


def moments(X: Array, y: Array) -> tuple[Array, Array]:
    """A = XᵀX/n [d, d] and b = Xᵀy/n [d], the sums over blocks of rows in doubled precision."""
    n, d = X.shape
    A, b = dd.pair(np.zeros((d, d))), dd.pair(np.zeros(d))
    for low in range(0, n, _ROWS):
        rows = X[low : low + _ROWS]
        A, b = dd.add(A, dd.pair(rows.T @ rows)), dd.add(b, dd.pair(rows.T @ y[low : low + _ROWS]))
    return (A[0] + A[0].T) / (2.0 * n), b[0] / n


def gradient_rounding(X: Array, y: Array, averages: Mapping[str, Array], theta: Array, ridge: float) -> float:
    """A bound on the rounding error of Aθ − b + ridge θ in float64, that of A and b included.

    u‖c_d(|A||θ| + |b|) + c_256 |X|ᵀ(|X||θ| + |y|)/n‖ + 4u ridge‖θ‖, c as in `accumulation`.
    """
    A, b = averages["gram"], averages["moment"]
    sums = accumulation(len(b)) * (np.abs(A) @ np.abs(theta) + np.abs(b))
    formed = np.abs(X).T @ (np.abs(X) @ np.abs(theta) + np.abs(y)) * (accumulation(min(_ROWS, len(X))) / len(X))
    return SAFE * U * float(np.linalg.norm(sums + formed) + 4.0 * ridge * np.linalg.norm(theta))


def least_squares_by_gram(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    """(1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖² over all rows, whose derivatives in θ read A and b and no row.

    Where nobody asks for its value, as gradient descent does not, no row is read at all.
    """
    fit: jax.Array = _fit(theta, batch, (constants["gram"], constants["moment"]))
    value: jax.Array = fit + 0.5 * constants["ridge"] * jnp.sum(jnp.square(theta))
    return value


@jax.custom_jvp
def _fit(theta: jax.Array, rows: Any, summed: Any) -> jax.Array:
    return least_squares_risk(theta, rows, {"ridge": 0.0})


def _rule(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    theta, _, (A, b) = primals
    if not all(isinstance(tangent, SymbolicZero) for tangent in jax.tree.leaves(tangents[1:])):
        raise TypeError("the Gram form of least squares is differentiated in theta alone")
    return _fit(*primals), (A @ theta - b) @ tangents[0]


_fit.defjvp(_rule, symbolic_zeros=True)
