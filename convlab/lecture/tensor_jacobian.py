"""The derivative of a matrix by a matrix: A = f(B), B of shape m×n, A of shape p×q, J[i,j,k,l] = ∂A_ij/∂B_kl.

Outputs first, so that its shape is p×q×m×n. Laid out row by row it is a pq×mn matrix, and a chain of matrix functions
is a product of such matrices.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus.derivatives import flatten_jacobian, tensor_jacobian, unflatten_jacobian
from convlab.calculus.identities import IDENTITIES
from convlab.lecture.shown import Shown, digits

_U = 2.0**-53
GRAM = next(identity for identity in IDENTITIES if identity.name == "gram_matrix")  # K = RᵀR, four cases
_C = np.array([[1.0, 2.0, -1.0], [0.5, -3.0, 2.0], [4.0, 1.0, 0.0], [-2.0, 1.5, 1.0]])  # 4×3


def run() -> Shown:
    """Tensor Jacobians against closed forms, and a chain as a product of flattened ones."""
    B = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]])  # 3×2
    eye = np.eye
    cases: tuple[tuple[str, str, Callable[[jax.Array], jax.Array], np.ndarray], ...] = (
        ("A = CB", "∂A_ij/∂B_kl = C_ik δ_jl", lambda B: jnp.asarray(_C) @ B, np.einsum("ik,jl->ijkl", _C, eye(2))),
        ("A = Bᵀ", "δ_il δ_jk", lambda B: B.T, np.einsum("il,jk->ijkl", eye(2), eye(3))),
        ("K = BᵀB", "four cases", GRAM.function, GRAM.derivative(B)),
        ("A = sin B", "δ_ik δ_jl cos B_ij", jnp.sin, np.einsum("ik,jl,ij->ijkl", eye(3), eye(2), np.cos(B))),
    )
    rows, well = [], True
    for name, closed, f, truth in cases:
        J = np.asarray(tensor_jacobian(f, B))
        shape = truth.shape[:2]
        matrix = flatten_jacobian(J, shape)
        back = np.array_equal(unflatten_jacobian(matrix, shape, (3, 2)), J)
        error = float(np.abs(J - truth).max())
        well &= back and error <= 64 * _U * float(np.abs(truth).max())
        rows.append((name, closed, " × ".join(map(str, J.shape)), " × ".join(map(str, matrix.shape)), digits(error)))
    inner = flatten_jacobian(tensor_jacobian(jnp.sin, B), (3, 2))
    outer = flatten_jacobian(tensor_jacobian(GRAM.function, np.sin(B)), (2, 2))
    chained = flatten_jacobian(tensor_jacobian(lambda B: GRAM.function(jnp.sin(B)), B), (2, 2))
    error = float(jnp.abs(outer @ inner - chained).max())
    well &= error <= 64 * _U * float(jnp.abs(chained).max())
    rows.append(("K = (sin B)ᵀ sin B", "J_K · J_sin, flattened", "2 × 2 × 3 × 2", "4 × 6 · 6 × 6", digits(error)))
    return Shown(
        ("A = f(B), B 3 × 2", "closed form", "shape", "flattened", "largest error"), tuple(rows), (), bool(well)
    )
