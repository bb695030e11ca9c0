"""Traces of products, powers and exponentials: derivatives of the shape of X (one output, so no axis stands first)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus.identities import draws
from convlab.calculus.identities.draws import Rng
from convlab.calculus.identities.record import COOKBOOK, MAGNUS, Identity, Sample

_TERMS = 30  # powers of X in the exponential series; ‖X‖ ≤ 2, so that the next one is below 2³¹/31! < 1e-24


def _trace_of_power(X: Any, k: int) -> Any:
    power = X
    for _ in range(k - 1):
        power = power @ X
    return jnp.trace(power)


def _trace_of_exponential(X: Any) -> Any:
    """Σ_k tr(Xᵏ)/k!, by Horner's rule; the closed form takes exp(X) from scipy."""
    one = jnp.eye(X.shape[0], dtype=X.dtype)

    def step(total: Any, k: Any) -> Any:
        return one + X @ total / k, None

    return jnp.trace(jax.lax.scan(step, one, jnp.arange(_TERMS, 0, -1).astype(X.dtype))[0])


def _draw_trace_of_product(rng: Rng, size: int) -> Sample:
    return Sample(draws.matrix(rng, size, size + 1), {"A": draws.matrix(rng, size + 1, size)})


def _draw_two_vectors(rng: Rng, size: int) -> Sample:
    X, n = draws.matrix(rng, size + 1, size), size
    return Sample(X, {"b": draws.vector(rng, n), "c": draws.vector(rng, n)})


def _draw_sandwich(rng: Rng, size: int) -> Sample:
    m, n = size, size + 1
    return Sample(draws.matrix(rng, m, n), {"A": draws.matrix(rng, m, m), "B": draws.matrix(rng, n, n)})


def _of_exponential(X: np.ndarray) -> Any:
    import scipy.linalg  # here, since it would slow every import of the package

    return scipy.linalg.expm(X).T


def _draw_power(rng: Rng, size: int) -> Sample:
    return Sample(draws.invertible(rng, size), {"k": int(rng.integers(2, 5))})


TRACES = (
    Identity(
        "trace_of_product",
        "",
        r"\frac{\partial}{\partial X}\operatorname{tr}(AX)=A^\top",
        "∂ tr(AX)/∂X = Aᵀ",
        "AX square",
        lambda X, A: jnp.trace(A @ X),
        lambda X, A: A.T,
        _draw_trace_of_product,
        COOKBOOK,
    ),
    Identity(
        "trace_of_sandwich",
        "",
        r"\frac{\partial}{\partial X}\operatorname{tr}(AXBX^\top)=AXB+A^\top XB^\top",
        "∂ tr(AXBXᵀ)/∂X = AXB + AᵀXBᵀ",
        "A and B square, not necessarily symmetric",
        lambda X, A, B: jnp.trace(A @ X @ B @ X.T),
        lambda X, A, B: A @ X @ B + A.T @ X @ B.T,
        _draw_sandwich,
        COOKBOOK,
    ),
    Identity(
        "quadratic_form_in_matrix",
        "",
        r"\frac{\partial}{\partial X}b^\top X^\top Xc=X(bc^\top+cb^\top)",
        "∂(bᵀXᵀXc)/∂X = X(bcᵀ + cbᵀ)",
        "X any matrix",
        lambda X, b, c: (X @ b) @ (X @ c),
        lambda X, b, c: X @ (np.outer(b, c) + np.outer(c, b)),
        _draw_two_vectors,
        COOKBOOK,
    ),
    Identity(
        "trace_of_power",
        "",
        r"\frac{\partial}{\partial X}\operatorname{tr}(X^k)=k\,(X^{k-1})^\top",
        "∂ tr(Xᵏ)/∂X = k (Xᵏ⁻¹)ᵀ",
        "X square, k = 1, 2, 3, …",
        _trace_of_power,
        lambda X, k: k * np.linalg.matrix_power(X, k - 1).T,
        _draw_power,
        COOKBOOK,
    ),
    Identity(
        "trace_of_exponential",
        "",
        r"\frac{\partial}{\partial X}\operatorname{tr}(e^X)=(e^X)^\top",
        "∂ tr(exp X)/∂X = (exp X)ᵀ",
        "X square (here ‖X‖ ≤ 2: exp is summed as its power series)",
        _trace_of_exponential,
        _of_exponential,
        lambda rng, size: Sample(draws.invertible(rng, size)),
        MAGNUS,
    ),
)
