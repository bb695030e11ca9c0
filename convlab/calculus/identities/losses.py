"""Losses and likelihoods: least squares, softmax, cross-entropy, the logistic loss, Gaussians; outputs first.

Rows of A and X are examples, and a loss is a mean over them, so that 1/n stands before each derivative.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.calculus.identities import draws
from convlab.calculus.identities.draws import Rng
from convlab.calculus.identities.record import COOKBOOK, Identity, Sample

_BISHOP = "Bishop, Pattern Recognition and Machine Learning, 2006"
_BOYD = "Boyd and Vandenberghe, Convex Optimization, 2004"


def _softmax(Z: np.ndarray) -> Any:
    """By rows."""
    E = np.exp(Z - np.max(Z, axis=-1, keepdims=True))
    return E / np.sum(E, axis=-1, keepdims=True)


def _mean_cross_entropy(W: Any, X: Any, labels: Any) -> Any:
    picked = jnp.take_along_axis(jax.nn.log_softmax(X @ W, axis=1), labels[:, None], axis=1)
    return -jnp.mean(picked)


def _of_mean_cross_entropy(W: np.ndarray, X: np.ndarray, labels: np.ndarray) -> Any:
    wrong = _softmax(X @ W) - np.eye(W.shape[1])[labels]
    return X.T @ wrong / len(X)


def _of_logits(Z: np.ndarray, Y: np.ndarray) -> Any:
    return (_softmax(Z) - Y) / len(Z)


def _of_softmax(x: np.ndarray) -> Any:
    p = _softmax(x)
    return np.diag(p) - np.outer(p, p)


def _of_logistic(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> Any:
    return -(y / (1.0 + np.exp(y * (X @ w)))) @ X / len(X)


def _by_covariance(Sigma: Any, X: Any, mu: Any) -> Any:
    """Σ_k log N(x_k; μ, Σ) over the rows x_k of X. `cholesky` takes (Σ + Σᵀ)/2."""
    n, d = X.shape
    root = jnp.linalg.cholesky(Sigma)
    e = jax.scipy.linalg.solve_triangular(root, (X - mu[None, :]).T, lower=True)
    return -0.5 * jnp.sum(e * e) - n * jnp.sum(jnp.log(jnp.diag(root))) - 0.5 * n * d * math.log(2.0 * math.pi)


def _by_precision(Lambda: Any, X: Any, mu: Any) -> Any:
    """Σ_k log N(x_k; μ, Λ⁻¹)."""
    n, d = X.shape
    e = X - mu[None, :]
    return 0.5 * n * (jnp.linalg.slogdet(Lambda)[1] - d * math.log(2.0 * math.pi)) - 0.5 * jnp.sum((e @ Lambda) * e)


def _of_covariance(Sigma: np.ndarray, X: np.ndarray, mu: np.ndarray) -> Any:
    inverse = np.linalg.inv(Sigma)
    return 0.5 * inverse @ (X - mu).T @ (X - mu) @ inverse - 0.5 * len(X) * inverse


def _of_precision(Lambda: np.ndarray, X: np.ndarray, mu: np.ndarray) -> Any:
    return 0.5 * len(X) * np.linalg.inv(Lambda) - 0.5 * (X - mu).T @ (X - mu)


def _draw_least_squares(rng: Rng, size: int) -> Sample:
    return Sample(draws.vector(rng, size), {"A": draws.matrix(rng, size + 2, size), "b": draws.vector(rng, size + 2)})


def _draw_frobenius(rng: Rng, size: int) -> Sample:
    constants = {"A": draws.matrix(rng, size + 2, size), "B": draws.matrix(rng, size + 2, size + 1)}
    return Sample(draws.matrix(rng, size, size + 1), constants)


def _draw_cross_entropy(rng: Rng, size: int) -> Sample:
    rows, classes = size + 2, size + 1
    constants = {"X": draws.vector(rng, rows * size).reshape(rows, size), "labels": rng.integers(classes, size=rows)}
    return Sample(draws.matrix(rng, size, classes), constants)


def _draw_logits(rng: Rng, size: int) -> Sample:
    rows, classes = size, size + 1
    Y = np.eye(classes)[rng.integers(classes, size=rows)]
    return Sample(draws.matrix(rng, rows, classes), {"Y": Y})


def _draw_logistic(rng: Rng, size: int) -> Sample:
    constants = {"X": draws.matrix(rng, size + 2, size), "y": rng.choice([-1.0, 1.0], size=size + 2)}
    return Sample(draws.vector(rng, size), constants)


def _draw_mean(rng: Rng, size: int) -> Sample:
    constants = {"X": draws.matrix(rng, size + 2, size), "Sigma": draws.positive_definite(rng, size)}
    return Sample(draws.vector(rng, size), constants)


def _draw_spread(rng: Rng, size: int) -> Sample:
    constants = {"X": draws.matrix(rng, size + 2, size), "mu": draws.vector(rng, size)}
    return Sample(draws.positive_definite(rng, size), constants)


def _condition(X: np.ndarray, /, **constants: Any) -> float:
    return float(np.linalg.cond(constants.get("Sigma", X)))


LOSSES = (
    Identity(
        "least_squares",
        "",
        r"\frac{\partial}{\partial x}\frac{1}{2n}\|Ax-b\|^2=\frac{1}{n}(Ax-b)^\top A",
        "∂(‖Ax − b‖²/(2n))/∂x = (Ax − b)ᵀA/n",
        "A has n rows",
        lambda x, A, b: jnp.sum((A @ x - b) ** 2) / (2.0 * len(b)),
        lambda x, A, b: (A @ x - b) @ A / len(b),
        _draw_least_squares,
        _BOYD,
    ),
    Identity(
        "matrix_least_squares",
        "",
        r"\frac{\partial}{\partial X}\|AX-B\|_F^2=2A^\top(AX-B)",
        "∂‖AX − B‖²_F/∂X = 2Aᵀ(AX − B)",
        "X any matrix",
        lambda X, A, B: jnp.sum((A @ X - B) ** 2),
        lambda X, A, B: 2.0 * A.T @ (A @ X - B),
        _draw_frobenius,
        COOKBOOK,
    ),
    Identity(
        "log_sum_exp",
        "",
        r"\frac{\partial}{\partial x}\log\sum_ie^{x_i}=p^\top,\quad p_i=\frac{e^{x_i}}{\sum_je^{x_j}}",
        "∂ log Σ_i exp(x_i)/∂x = pᵀ, p = softmax(x)",
        "x any vector",
        lambda x: jax.nn.logsumexp(x),
        lambda x: _softmax(x),
        lambda rng, size: Sample(draws.vector(rng, size)),
        _BOYD,
    ),
    Identity(
        "softmax",
        "",
        r"\frac{\partial}{\partial x}p=\operatorname{diag}(p)-pp^\top,\quad p_i=\frac{e^{x_i}}{\sum_je^{x_j}}",
        "∂p/∂x = diag(p) − ppᵀ, p = softmax(x)",
        "x any vector",
        lambda x: jax.nn.softmax(x),
        _of_softmax,
        lambda rng, size: Sample(draws.vector(rng, size)),
        _BISHOP,
    ),
    Identity(
        "cross_entropy_by_logits",
        "",
        r"\frac{\partial}{\partial Z}\left(-\frac{1}{n}\sum_{ij}Y_{ij}\log P_{ij}\right)=\frac{1}{n}(P-Y)",
        "∂(−Σ_ij Y_ij log P_ij/n)/∂Z = (P − Y)/n, P = softmax of Z by rows",
        "rows of Y sum to 1 (here one-hot)",
        lambda Z, Y: -jnp.sum(Y * jax.nn.log_softmax(Z, axis=1)) / len(Y),
        _of_logits,
        _draw_logits,
        _BISHOP,
    ),
    Identity(
        "softmax_cross_entropy",
        "",
        r"\frac{\partial}{\partial W}\left(-\frac{1}{n}\sum_i\log P_{i,y_i}\right)=\frac{1}{n}X^\top(P-Y)",
        "∂(−Σ_i log P_(i,y_i)/n)/∂W = Xᵀ(P − Y)/n, P = softmax of XW by rows",
        "y_i a whole number, row i of Y its one-hot vector",
        _mean_cross_entropy,
        _of_mean_cross_entropy,
        _draw_cross_entropy,
        _BISHOP,
    ),
    Identity(
        "logistic_loss",
        "",
        r"\frac{\partial}{\partial w}\frac{1}{n}\sum_i\log(1+e^{-y_ix_i^\top w})"
        r"=-\frac{1}{n}\sum_i\frac{y_ix_i^\top}{1+e^{y_ix_i^\top w}}",
        "∂(Σ_i log(1 + exp(−y_i x_iᵀw))/n)/∂w = −Σ_i y_i x_iᵀ/(1 + exp(y_i x_iᵀw))/n",
        "y_i = ±1",
        lambda w, X, y: jnp.mean(jnp.logaddexp(0.0, -y * (X @ w))),
        _of_logistic,
        _draw_logistic,
        _BOYD,
    ),
    Identity(
        "gaussian_by_mean",
        "",
        r"\frac{\partial}{\partial\mu}\sum_k\log N(x_k;\mu,\Sigma)=\sum_k(x_k-\mu)^\top\Sigma^{-1}",
        "∂ Σ_k log N(x_k; μ, Σ)/∂μ = Σ_k (x_k − μ)ᵀΣ⁻¹",
        "Σ symmetric positive definite",
        lambda mu, X, Sigma: _by_covariance(Sigma, X, mu),
        lambda mu, X, Sigma: np.sum(X - mu, axis=0) @ np.linalg.inv(Sigma),
        _draw_mean,
        COOKBOOK,
        _condition,
    ),
    Identity(
        "gaussian_by_covariance",
        "",
        r"\frac{\partial}{\partial\Sigma}\sum_{k=1}^n\log N(x_k;\mu,\Sigma)"
        r"=\frac{1}{2}\Sigma^{-1}S\Sigma^{-1}-\frac{n}{2}\Sigma^{-1},\quad S=\sum_k(x_k-\mu)(x_k-\mu)^\top",
        "∂ Σ_k log N(x_k; μ, Σ)/∂Σ = Σ⁻¹SΣ⁻¹/2 − nΣ⁻¹/2, S = Σ_k (x_k − μ)(x_k − μ)ᵀ",
        "Σ symmetric positive definite; log N is that of (Σ + Σᵀ)/2, so that each entry varies alone",
        _by_covariance,
        _of_covariance,
        _draw_spread,
        COOKBOOK,
        _condition,
    ),
    Identity(
        "gaussian_by_precision",
        "",
        r"\frac{\partial}{\partial\Lambda}\sum_{k=1}^n\log N(x_k;\mu,\Lambda^{-1})"
        r"=\frac{n}{2}\Lambda^{-1}-\frac{1}{2}S,\quad S=\sum_k(x_k-\mu)(x_k-\mu)^\top",
        "∂ Σ_k log N(x_k; μ, Λ⁻¹)/∂Λ = nΛ⁻¹/2 − S/2, S = Σ_k (x_k − μ)(x_k − μ)ᵀ",
        "Λ symmetric positive definite; its entries vary one by one",
        _by_precision,
        _of_precision,
        _draw_spread,
        COOKBOOK,
        _condition,
    ),
)
