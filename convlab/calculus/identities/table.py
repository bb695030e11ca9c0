"""The identities (5.99)–(5.108) of *Mathematics for Machine Learning*, section 5.5; outputs first.

(5.99)–(5.102) hold for any differentiable matrix function; here it is f(X) = AXBXC + D, whose derivative is
∂f_ij/∂X_kl = A_ik (BXC)_lj + (AXB)_ik C_lj.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from convlab.calculus.identities import draws
from convlab.calculus.identities.draws import Rng
from convlab.calculus.identities.record import MML, Identity, Sample

_OF = "f(X) = AXBXC + D"


def _f(X: Any, A: Any, B: Any, C: Any, D: Any) -> Any:
    return A @ X @ B @ X @ C + D


def _rate(X: Any, A: Any, B: Any, C: Any, D: Any) -> Any:
    """∂f_ij/∂X_kl."""
    return np.einsum("ik,lj->ijkl", A, B @ X @ C) + np.einsum("ik,lj->ijkl", A @ X @ B, C)


def _draw(rng: Rng, p: int, q: int, m: int, n: int) -> Sample:
    """X m×n and f(X) p×q, well conditioned."""
    X, A, B, C = draws.matrix(rng, m, n), draws.matrix(rng, p, m), draws.matrix(rng, n, m), draws.matrix(rng, n, q)
    return Sample(X, {"A": A, "B": B, "C": C, "D": draws.full_rank(rng, p, q) - A @ X @ B @ X @ C})


def _square(rng: Rng, size: int) -> Sample:
    return _draw(rng, size, size, size + 1, size + 2)


def _condition(X: np.ndarray, /, **constants: Any) -> float:
    return float(np.linalg.cond(_f(X, **constants)))


def _of_inverse(X: np.ndarray, **constants: Any) -> Any:
    inverse = np.linalg.inv(_f(X, **constants))
    return -np.einsum("ia,abkl,bj->ijkl", inverse, _rate(X, **constants), inverse)


def _of_determinant(X: np.ndarray, **constants: Any) -> Any:
    value = _f(X, **constants)
    return np.linalg.det(value) * np.einsum("ba,abkl->kl", np.linalg.inv(value), _rate(X, **constants))


def _inverse_bilinear(X: np.ndarray, a: np.ndarray, b: np.ndarray) -> Any:
    inverse = np.linalg.inv(X)
    return -inverse.T @ np.outer(a, b) @ inverse.T


def _draw_inverse_bilinear(rng: Rng, size: int) -> Sample:
    return Sample(draws.invertible(rng, size), {"a": draws.vector(rng, size), "b": draws.vector(rng, size)})


def _draw_bilinear(rng: Rng, size: int) -> Sample:
    m, n = size, size + 2
    return Sample(draws.matrix(rng, m, n), {"a": draws.vector(rng, m), "b": draws.vector(rng, n)})


def _draw_weighted(rng: Rng, size: int) -> Sample:
    m, n = size + 2, size
    constants = {"x": draws.vector(rng, m), "A": draws.matrix(rng, m, n), "W": draws.symmetric(rng, m)}
    return Sample(draws.vector(rng, n), constants)


def _weighted(s: Any, x: Any, A: Any, W: Any) -> Any:
    return (x - A @ s) @ W @ (x - A @ s)


TABLE = (
    Identity(
        "transpose_of_function",
        "5.99",
        r"\frac{\partial}{\partial X}f(X)^\top=\left(\frac{\partial f(X)}{\partial X}\right)^\top",
        "∂f(X)ᵀ/∂X = (∂f/∂X)ᵀ",
        f"ᵀ swaps the axes of the output; here {_OF}",
        lambda X, **constants: _f(X, **constants).T,
        lambda X, **constants: _rate(X, **constants).transpose(1, 0, 2, 3),
        lambda rng, size: _draw(rng, size, size + 3, size + 1, size + 2),
        f"{MML}, eq. (5.99)",
    ),
    Identity(
        "trace_of_function",
        "5.100",
        r"\frac{\partial}{\partial X}\operatorname{tr}(f(X))"
        r"=\operatorname{tr}\left(\frac{\partial f(X)}{\partial X}\right)",
        "∂ tr f(X)/∂X = tr(∂f/∂X)",
        f"f(X) square, tr over the axes of the output; here {_OF}",
        lambda X, **constants: jnp.trace(_f(X, **constants)),
        lambda X, **constants: np.einsum("iikl->kl", _rate(X, **constants)),
        _square,
        f"{MML}, eq. (5.100)",
    ),
    Identity(
        "determinant_of_function",
        "5.101",
        r"\frac{\partial}{\partial X}\det(f(X))"
        r"=\det(f(X))\,\operatorname{tr}\left(f(X)^{-1}\frac{\partial f(X)}{\partial X}\right)",
        "∂ det f(X)/∂X = det f(X) tr(f(X)⁻¹ ∂f/∂X)",
        f"f(X) invertible, tr over the axes of the output; here {_OF}",
        lambda X, **constants: jnp.linalg.det(_f(X, **constants)),
        _of_determinant,
        _square,
        f"{MML}, eq. (5.101)",
        _condition,
    ),
    Identity(
        "inverse_of_function",
        "5.102",
        r"\frac{\partial}{\partial X}f(X)^{-1}=-f(X)^{-1}\frac{\partial f(X)}{\partial X}f(X)^{-1}",
        "∂f(X)⁻¹/∂X = −f(X)⁻¹ (∂f/∂X) f(X)⁻¹",
        f"f(X) invertible; here {_OF}",
        lambda X, **constants: jnp.linalg.inv(_f(X, **constants)),
        _of_inverse,
        _square,
        f"{MML}, eq. (5.102)",
        _condition,
    ),
    Identity(
        "inverse_bilinear_form",
        "5.103",
        r"\frac{\partial}{\partial X}a^\top X^{-1}b=-X^{-\top}a\,b^\top X^{-\top}",
        "∂(aᵀX⁻¹b)/∂X = −X⁻ᵀ a bᵀ X⁻ᵀ",
        "X invertible",
        lambda X, a, b: a @ jnp.linalg.solve(X, b),
        _inverse_bilinear,
        _draw_inverse_bilinear,
        f"{MML}, eq. (5.103)",
        lambda X, a, b: float(np.linalg.cond(X)),
    ),
    Identity(
        "vector_times_constant",
        "5.104",
        r"\frac{\partial}{\partial x}x^\top a=a^\top",
        "∂(xᵀa)/∂x = aᵀ",
        "x any vector",
        lambda x, a: x @ a,
        lambda x, a: np.array(a),
        lambda rng, size: Sample(draws.vector(rng, size), {"a": draws.vector(rng, size)}),
        f"{MML}, eq. (5.104)",
    ),
    Identity(
        "constant_times_vector",
        "5.105",
        r"\frac{\partial}{\partial x}a^\top x=a^\top",
        "∂(aᵀx)/∂x = aᵀ",
        "x any vector",
        lambda x, a: a @ x,
        lambda x, a: np.array(a),
        lambda rng, size: Sample(draws.vector(rng, size), {"a": draws.vector(rng, size)}),
        f"{MML}, eq. (5.105)",
    ),
    Identity(
        "bilinear_form",
        "5.106",
        r"\frac{\partial}{\partial X}a^\top Xb=a\,b^\top",
        "∂(aᵀXb)/∂X = a bᵀ",
        "X any matrix",
        lambda X, a, b: a @ X @ b,
        lambda X, a, b: np.outer(a, b),
        _draw_bilinear,
        f"{MML}, eq. (5.106)",
    ),
    Identity(
        "quadratic_form",
        "5.107",
        r"\frac{\partial}{\partial x}x^\top Bx=x^\top(B+B^\top)",
        "∂(xᵀBx)/∂x = xᵀ(B + Bᵀ)",
        "B square, not necessarily symmetric",
        lambda x, B: x @ B @ x,
        lambda x, B: x @ (B + B.T),
        lambda rng, size: Sample(draws.vector(rng, size), {"B": draws.matrix(rng, size, size)}),
        f"{MML}, eq. (5.107)",
    ),
    Identity(
        "weighted_least_squares",
        "5.108",
        r"\frac{\partial}{\partial s}(x-As)^\top W(x-As)=-2(x-As)^\top WA",
        "∂((x − As)ᵀW(x − As))/∂s = −2(x − As)ᵀWA",
        "W symmetric",
        _weighted,
        lambda s, x, A, W: -2.0 * (x - A @ s) @ W @ A,
        _draw_weighted,
        f"{MML}, eq. (5.108)",
    ),
)
