"""Random matrices that are well conditioned: singular values between 1/2 and 2, entries of order one."""

from __future__ import annotations

import numpy as np

Rng = np.random.Generator


def vector(rng: Rng, n: int) -> np.ndarray:
    """n normal numbers."""
    return rng.normal(size=n)


def matrix(rng: Rng, m: int, n: int) -> np.ndarray:
    """m×n normal numbers of variance 1/n, so that products of many such matrices stay of order one."""
    return rng.normal(scale=n**-0.5, size=(m, n))


def orthogonal(rng: Rng, n: int) -> np.ndarray:
    """An orthogonal matrix, of the uniform distribution."""
    Q, R = np.linalg.qr(rng.normal(size=(n, n)))
    uniform: np.ndarray = Q * np.sign(np.diag(R))
    return uniform


def full_rank(rng: Rng, m: int, n: int) -> np.ndarray:
    """An m×n matrix with singular values between 1/2 and 2: its condition number is at most 4."""
    k = min(m, n)
    found: np.ndarray = orthogonal(rng, m)[:, :k] * rng.uniform(0.5, 2.0, size=k) @ orthogonal(rng, n)[:k]
    return found


def invertible(rng: Rng, n: int) -> np.ndarray:
    """An n×n matrix with singular values between 1/2 and 2."""
    return full_rank(rng, n, n)


def positive_definite(rng: Rng, n: int) -> np.ndarray:
    """A symmetric matrix with eigenvalues between 1/2 and 2."""
    return with_eigenvalues(rng, rng.uniform(0.5, 2.0, size=n))


def symmetric(rng: Rng, n: int) -> np.ndarray:
    """A symmetric matrix of normal numbers."""
    return _symmetrized(matrix(rng, n, n))


def with_eigenvalues(rng: Rng, values: np.ndarray) -> np.ndarray:
    """A symmetric matrix with these eigenvalues."""
    Q = orthogonal(rng, len(values))
    return _symmetrized(Q * values @ Q.T)


def with_gaps(rng: Rng, n: int) -> np.ndarray:
    """n positive numbers at least 1/2 apart, for eigenvalues or singular values that are to be simple."""
    return np.arange(1.0, n + 1.0) + rng.uniform(-0.25, 0.25, size=n)


def _symmetrized(A: np.ndarray) -> np.ndarray:
    half: np.ndarray = 0.5 * (A + A.T)
    return half
