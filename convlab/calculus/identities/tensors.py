"""Products, transposes and entrywise functions, whose derivatives are tensors; outputs first.

∂f_ij/∂X_kl stands at [i, j, k, l]; δ is the identity matrix.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from convlab.calculus.identities import draws
from convlab.calculus.identities.draws import Rng
from convlab.calculus.identities.record import COOKBOOK, MAGNUS, MML, Identity, Sample


def _gram_cases(R: np.ndarray) -> Any:
    """The lecture's four cases, index by index."""
    m, n = R.shape
    J = np.zeros((n, n, m, n))
    for p, q, i, j in np.ndindex(J.shape):
        if j == p and p != q:
            J[p, q, i, j] = R[i, q]
        elif j == q and p != q:
            J[p, q, i, j] = R[i, p]
        elif j == p and p == q:
            J[p, q, i, j] = 2.0 * R[i, q]
    return J


def _of_square(X: np.ndarray) -> Any:
    one = np.eye(len(X))
    return np.einsum("ik,lj->ijkl", one, X) + np.einsum("ik,lj->ijkl", X, one)


def _of_transpose(X: np.ndarray) -> Any:
    m, n = X.shape
    return np.einsum("jk,il->ijkl", np.eye(m), np.eye(n))


def _of_kronecker(X: np.ndarray, A: np.ndarray) -> Any:
    (p, q), (a, b) = X.shape, A.shape
    return np.einsum("ij,kr,ls->ikjlrs", A, np.eye(p), np.eye(q)).reshape(a * p, b * q, p, q)


def _vec_of_product(x: Any, A: Any, B: Any) -> Any:
    """vec stacks columns; x is vec(X)."""
    X = x.reshape(B.shape[0], A.shape[1]).T
    return (A @ X @ B).T.reshape(-1)


def _of_outer(x: np.ndarray) -> Any:
    one = np.eye(len(x))
    return np.einsum("ik,j->ijk", one, x) + np.einsum("i,jk->ijk", x, one)


def _of_layer(W: np.ndarray, x: np.ndarray, b: np.ndarray) -> Any:
    slope = 1.0 - np.tanh(W @ x + b) ** 2
    return np.einsum("ik,i,l->ikl", np.eye(len(b)), slope, x)


def _draw_product(rng: Rng, size: int) -> Sample:
    m, n = size, size + 1
    constants = {"A": draws.matrix(rng, size + 2, m), "B": draws.matrix(rng, n, size + 3)}
    return Sample(draws.matrix(rng, m, n), constants)


def _draw_vec(rng: Rng, size: int) -> Sample:
    drawn = _draw_product(rng, size)
    return Sample(drawn.at.T.reshape(-1), drawn.constants)


def _draw_rectangular(rng: Rng, size: int) -> Sample:
    return Sample(draws.matrix(rng, size + 1, size))


def _draw_with(rng: Rng, size: int, left: int, right: int) -> Sample:
    """X of size × (size + 1) and A left × right."""
    return Sample(draws.matrix(rng, size, size + 1), {"A": draws.matrix(rng, left, right)})


def _draw_layer(rng: Rng, size: int) -> Sample:
    m, n = size, size + 1
    return Sample(draws.matrix(rng, m, n), {"x": draws.vector(rng, n), "b": draws.vector(rng, m)})


TENSORS = (
    Identity(
        "gram_matrix",
        "",
        r"K=R^\top R:\ \frac{\partial K_{pq}}{\partial R_{ij}}=R_{iq}\ (j=p\neq q),\ R_{ip}\ (j=q\neq p),"
        r"\ 2R_{iq}\ (j=p=q),\ 0\ \mathrm{else}",
        "K = RᵀR: ∂K_pq/∂R_ij = R_iq if j = p ≠ q, R_ip if j = q ≠ p, 2R_iq if j = p = q, else 0",
        "R any matrix",
        lambda R: R.T @ R,
        _gram_cases,
        _draw_rectangular,
        f"{MML}, section 5.4",
    ),
    Identity(
        "matrix_product",
        "",
        r"\frac{\partial(AXB)_{ij}}{\partial X_{kl}}=A_{ik}B_{lj}",
        "∂(AXB)_ij/∂X_kl = A_ik B_lj",
        "X any matrix",
        lambda X, A, B: A @ X @ B,
        lambda X, A, B: np.einsum("ik,lj->ijkl", A, B),
        _draw_product,
        COOKBOOK,
    ),
    Identity(
        "vec_of_product",
        "",
        r"\frac{\partial\operatorname{vec}(AXB)}{\partial\operatorname{vec}(X)}=B^\top\otimes A",
        "∂ vec(AXB)/∂ vec(X) = Bᵀ ⊗ A",
        "vec stacks columns",
        _vec_of_product,
        lambda x, A, B: np.kron(B.T, A),
        _draw_vec,
        MAGNUS,
    ),
    Identity(
        "transpose",
        "",
        r"\frac{\partial(X^\top)_{ij}}{\partial X_{kl}}=\delta_{jk}\delta_{il}",
        "∂(Xᵀ)_ij/∂X_kl = δ_jk δ_il",
        "X any matrix",
        lambda X: X.T,
        _of_transpose,
        _draw_rectangular,
        MAGNUS,
    ),
    Identity(
        "matrix_square",
        "",
        r"\frac{\partial(X^2)_{ij}}{\partial X_{kl}}=\delta_{ik}X_{lj}+X_{ik}\delta_{lj}",
        "∂(X²)_ij/∂X_kl = δ_ik X_lj + X_ik δ_lj",
        "X square",
        lambda X: X @ X,
        _of_square,
        lambda rng, size: Sample(draws.matrix(rng, size, size)),
        COOKBOOK,
    ),
    Identity(
        "hadamard_product",
        "",
        r"\frac{\partial(A\odot X)_{ij}}{\partial X_{kl}}=A_{ij}\delta_{ik}\delta_{jl}",
        "∂(A⊙X)_ij/∂X_kl = A_ij δ_ik δ_jl",
        "A and X of one shape",
        lambda X, A: A * X,
        lambda X, A: np.einsum("ij,ik,jl->ijkl", A, np.eye(len(A)), np.eye(len(A.T))),
        lambda rng, size: _draw_with(rng, size, size, size + 1),
        MAGNUS,
    ),
    Identity(
        "kronecker_product",
        "",
        r"\frac{\partial(A\otimes X)_{(ik)(jl)}}{\partial X_{rs}}=A_{ij}\delta_{kr}\delta_{ls}",
        "∂(A⊗X)_(ik)(jl)/∂X_rs = A_ij δ_kr δ_ls",
        "row (ik) is k of block i, column (jl) is l of block j",
        lambda X, A: jnp.kron(A, X),
        _of_kronecker,
        lambda rng, size: _draw_with(rng, size, 2, 3),
        MAGNUS,
    ),
    Identity(
        "outer_product",
        "",
        r"\frac{\partial(xx^\top)_{ij}}{\partial x_k}=\delta_{ik}x_j+x_i\delta_{jk}",
        "∂(xxᵀ)_ij/∂x_k = δ_ik x_j + x_i δ_jk",
        "x any vector",
        lambda x: jnp.outer(x, x),
        _of_outer,
        lambda rng, size: Sample(draws.vector(rng, size)),
        MAGNUS,
    ),
    Identity(
        "elementwise_function",
        "",
        r"\frac{\partial}{\partial x}\varphi(x)=\operatorname{diag}(\varphi^\prime(x)),\quad\varphi=\sin",
        "∂φ(x)/∂x = diag(φ'(x)), φ = sin entry by entry",
        "φ acts on each entry alone",
        lambda x: jnp.sin(x),
        lambda x: np.diag(np.cos(x)),
        lambda rng, size: Sample(draws.vector(rng, size)),
        "Parr and Howard, The Matrix Calculus You Need for Deep Learning, 2018",
    ),
    Identity(
        "dense_layer",
        "",
        r"\frac{\partial}{\partial W_{kl}}\tanh(Wx+b)_i=\delta_{ik}(1-\tanh^2(Wx+b)_i)\,x_l",
        "∂ tanh(Wx + b)_i/∂W_kl = δ_ik (1 − tanh²(Wx + b)_i) x_l",
        "W any matrix",
        lambda W, x, b: jnp.tanh(W @ x + b),
        _of_layer,
        _draw_layer,
        f"{MML}, section 5.6",
    ),
)
