"""Eigenvalues, singular values and norms; outputs first, and one output's derivative has the shape of X."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from convlab.calculus.identities import draws
from convlab.calculus.identities.draws import Rng
from convlab.calculus.identities.record import COOKBOOK, MAGNUS, Identity, Sample


def _of_eigenvalue(X: np.ndarray, index: int) -> Any:
    v = np.linalg.eigh(X)[1][:, index]
    return np.outer(v, v)


def _of_singular_value(X: np.ndarray, index: int) -> Any:
    U, _, Vt = np.linalg.svd(X, full_matrices=False)
    return np.outer(U[:, index], Vt[index])


def _of_nuclear_norm(X: np.ndarray) -> Any:
    U, _, Vt = np.linalg.svd(X, full_matrices=False)
    return U @ Vt


def _of_rayleigh_quotient(x: np.ndarray, A: np.ndarray) -> Any:
    return 2.0 * (A @ x - (x @ A @ x) / (x @ x) * x) / (x @ x)


def _of_unit_vector(x: np.ndarray) -> Any:
    length = np.linalg.norm(x)
    return (np.eye(len(x)) - np.outer(x, x) / length**2) / length


def _draw_eigenvalue(rng: Rng, size: int) -> Sample:
    X = draws.with_eigenvalues(rng, draws.with_gaps(rng, size))
    return Sample(X, {"index": int(rng.integers(size))})


def _draw_singular_value(rng: Rng, size: int) -> Sample:
    U, V = draws.orthogonal(rng, size), draws.orthogonal(rng, size + 1)
    X = U * draws.with_gaps(rng, size) @ V[:size]
    return Sample(X, {"index": int(rng.integers(size))})


def _draw_rayleigh_quotient(rng: Rng, size: int) -> Sample:
    return Sample(draws.vector(rng, size), {"A": draws.symmetric(rng, size)})


def _distance(x: Any, a: Any) -> Any:
    return jnp.linalg.norm(x - a)


SPECTRA = (
    Identity(
        "symmetric_eigenvalue",
        "",
        r"\frac{\partial\lambda_i}{\partial X}=v_iv_i^\top,\quad Xv_i=\lambda_iv_i,\ \|v_i\|=1",
        "∂λ_i/∂X = v_i v_iᵀ, where Xv_i = λ_i v_i and ‖v_i‖ = 1",
        "X symmetric, λ_i simple; for a general matrix Y take λ_i of (Y + Yᵀ)/2, so that each entry varies alone",
        lambda X, index: jnp.linalg.eigvalsh(0.5 * (X + X.T))[index],
        _of_eigenvalue,
        _draw_eigenvalue,
        MAGNUS,
    ),
    Identity(
        "singular_value",
        "",
        r"\frac{\partial\sigma_i}{\partial X}=u_iv_i^\top,\quad X=U\,\operatorname{diag}(\sigma)\,V^\top",
        "∂σ_i/∂X = u_i v_iᵀ, where X = U diag(σ) Vᵀ",
        "σ_i > 0 and simple",
        lambda X, index: jnp.linalg.svd(X, compute_uv=False)[index],
        _of_singular_value,
        _draw_singular_value,
        MAGNUS,
    ),
    Identity(
        "nuclear_norm",
        "",
        r"\frac{\partial}{\partial X}\sum_i\sigma_i(X)=UV^\top,\quad X=U\,\operatorname{diag}(\sigma)\,V^\top",
        "∂ Σ_i σ_i(X)/∂X = U Vᵀ, where X = U diag(σ) Vᵀ",
        "X of full rank",
        lambda X: jnp.sum(jnp.linalg.svd(X, compute_uv=False)),
        _of_nuclear_norm,
        lambda rng, size: Sample(draws.full_rank(rng, size + 1, size)),
        "Watson, Characterization of the subdifferential of some matrix norms, 1992",
        lambda X: float(np.linalg.cond(X)),
    ),
    Identity(
        "frobenius_norm",
        "",
        r"\frac{\partial}{\partial X}\|X\|_F=\frac{X}{\|X\|_F}",
        "∂‖X‖_F/∂X = X/‖X‖_F",
        "X ≠ 0",
        lambda X: jnp.linalg.norm(X),
        lambda X: X / np.linalg.norm(X),
        lambda rng, size: Sample(draws.matrix(rng, size, size + 1)),
        COOKBOOK,
    ),
    Identity(
        "euclidean_norm",
        "",
        r"\frac{\partial}{\partial x}\|x-a\|=\frac{(x-a)^\top}{\|x-a\|}",
        "∂‖x − a‖/∂x = (x − a)ᵀ/‖x − a‖",
        "x ≠ a",
        _distance,
        lambda x, a: (x - a) / np.linalg.norm(x - a),
        lambda rng, size: Sample(draws.vector(rng, size), {"a": draws.vector(rng, size)}),
        COOKBOOK,
    ),
    Identity(
        "squared_norm",
        "",
        r"\frac{\partial}{\partial x}\|x\|^2=2x^\top",
        "∂‖x‖²/∂x = 2xᵀ",
        "x any vector",
        lambda x: x @ x,
        lambda x: 2.0 * x,
        lambda rng, size: Sample(draws.vector(rng, size)),
        COOKBOOK,
    ),
    Identity(
        "unit_vector",
        "",
        r"\frac{\partial}{\partial x}\frac{x}{\|x\|}=\frac{1}{\|x\|}\left(I-\frac{xx^\top}{\|x\|^2}\right)",
        "∂(x/‖x‖)/∂x = (I − xxᵀ/‖x‖²)/‖x‖",
        "x ≠ 0",
        lambda x: x / jnp.linalg.norm(x),
        _of_unit_vector,
        lambda rng, size: Sample(draws.vector(rng, size)),
        COOKBOOK,
    ),
    Identity(
        "rayleigh_quotient",
        "",
        r"\frac{\partial}{\partial x}\frac{x^\top Ax}{x^\top x}=\frac{2}{x^\top x}"
        r"\left(Ax-\frac{x^\top Ax}{x^\top x}x\right)^\top",
        "∂(xᵀAx/xᵀx)/∂x = 2(Ax − (xᵀAx/xᵀx)x)ᵀ/xᵀx",
        "A symmetric, x ≠ 0",
        lambda x, A: (x @ A @ x) / (x @ x),
        _of_rayleigh_quotient,
        _draw_rayleigh_quotient,
        "Golub and Van Loan, Matrix Computations, 4th edition, 2013",
    ),
)
