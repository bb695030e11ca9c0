"""Inverses, determinants and what solves a linear system; outputs first, ∂f_ij/∂X_kl at [i, j, k, l].

Each has the condition number of what is inverted.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from convlab.calculus.identities import draws
from convlab.calculus.identities.draws import Rng
from convlab.calculus.identities.record import COOKBOOK, MAGNUS, Identity, Sample


def _condition(X: np.ndarray, /, **constants: Any) -> float:
    return float(np.linalg.cond(X))


def _of_inverse(X: np.ndarray) -> Any:
    inverse = np.linalg.inv(X)
    return -np.einsum("ik,lj->ijkl", inverse, inverse)


def _of_solution(A: np.ndarray, b: np.ndarray) -> Any:
    inverse = np.linalg.inv(A)
    return -np.einsum("ik,l->ikl", inverse, inverse @ b)


def _of_trace(X: np.ndarray, A: np.ndarray, B: np.ndarray) -> Any:
    inverse = np.linalg.inv(X)
    return -(inverse @ B @ A @ inverse).T


def _draw_invertible(rng: Rng, size: int) -> Sample:
    return Sample(draws.invertible(rng, size))


def _draw_solution(rng: Rng, size: int) -> Sample:
    return Sample(draws.invertible(rng, size), {"b": draws.vector(rng, size)})


def _draw_trace(rng: Rng, size: int) -> Sample:
    constants = {"A": draws.matrix(rng, size + 1, size), "B": draws.matrix(rng, size, size + 1)}
    return Sample(draws.invertible(rng, size), constants)


INVERSES = (
    Identity(
        "inverse",
        "",
        r"\frac{\partial(X^{-1})_{ij}}{\partial X_{kl}}=-(X^{-1})_{ik}(X^{-1})_{lj}",
        "∂(X⁻¹)_ij/∂X_kl = −(X⁻¹)_ik (X⁻¹)_lj",
        "X invertible",
        lambda X: jnp.linalg.inv(X),
        _of_inverse,
        _draw_invertible,
        COOKBOOK,
        _condition,
    ),
    Identity(
        "linear_solution",
        "",
        r"\frac{\partial(A^{-1}b)_i}{\partial A_{kl}}=-(A^{-1})_{ik}(A^{-1}b)_l",
        "∂(A⁻¹b)_i/∂A_kl = −(A⁻¹)_ik (A⁻¹b)_l",
        "A invertible",
        lambda A, b: jnp.linalg.solve(A, b),
        _of_solution,
        _draw_solution,
        MAGNUS,
        _condition,
    ),
    Identity(
        "trace_of_inverse",
        "",
        r"\frac{\partial}{\partial X}\operatorname{tr}(AX^{-1}B)=-(X^{-1}BAX^{-1})^\top",
        "∂ tr(AX⁻¹B)/∂X = −(X⁻¹BAX⁻¹)ᵀ",
        "X invertible",
        lambda X, A, B: jnp.trace(A @ jnp.linalg.inv(X) @ B),
        _of_trace,
        _draw_trace,
        COOKBOOK,
        _condition,
    ),
    Identity(
        "determinant",
        "",
        r"\frac{\partial}{\partial X}\det(X)=\det(X)\,X^{-\top}",
        "∂ det(X)/∂X = det(X) X⁻ᵀ",
        "X invertible",
        lambda X: jnp.linalg.det(X),
        lambda X: np.linalg.det(X) * np.linalg.inv(X).T,
        _draw_invertible,
        COOKBOOK,
        _condition,
    ),
    Identity(
        "log_determinant",
        "",
        r"\frac{\partial}{\partial X}\log|\det(X)|=X^{-\top}",
        "∂ log|det X|/∂X = X⁻ᵀ",
        "X invertible",
        lambda X: jnp.linalg.slogdet(X)[1],
        lambda X: np.linalg.inv(X).T,
        _draw_invertible,
        COOKBOOK,
        _condition,
    ),
    Identity(
        "log_determinant_of_gram",
        "",
        r"\frac{\partial}{\partial X}\log\det(X^\top X)=2X(X^\top X)^{-1}",
        "∂ log det(XᵀX)/∂X = 2X(XᵀX)⁻¹",
        "X of full column rank",
        lambda X: jnp.linalg.slogdet(X.T @ X)[1],
        lambda X: 2.0 * X @ np.linalg.inv(X.T @ X),
        lambda rng, size: Sample(draws.full_rank(rng, size + 2, size)),
        COOKBOOK,
        lambda X: float(np.linalg.cond(X.T @ X)),
    ),
)
