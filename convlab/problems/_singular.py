"""Proven bounds on singular values: any decomposition that nearly diagonalises the Gram matrix, and its defects.

For V [d, r] and X V = B·diag(s) + E with ‖BᵀB − I‖ <= ε, the singular values of X V lie between min(s)√(1 − ε) − ‖E‖
and max(s)√(1 + ε) + ‖E‖, and those of V within √(1 ± η), η = ‖VᵀV − I‖. LAPACK's V and s are not trusted: ε, η and E
are computed, with a bound for the rounding of every product of matrices (γ_k = k u/(1 − k u) for sums of k products, in
whatever order: Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.5).
Source of the method: S. M. Rump, BIT Numer. Math. 51 (2011).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
U = 2.0**-53
_SAFE = 1.0 + 2.0**-20  # for the rounding of the error bounds themselves
_BLOCKS = 64
_LARGE = 1 << 22  # numbers of a matrix that is not taken as a whole


def singular_range(X: Array, rank: int | None = None) -> tuple[float, float]:
    """A lower bound on the ``rank``-th singular value of X [n, d], the d-th unless told (0 if n < d), and an upper
    bound on the largest."""
    n, d = X.shape
    if X.size == 0 or not np.any(X):
        return 0.0, 0.0
    k = math.frexp(float(np.abs(X).max()))[1]
    Y = np.ldexp(X if n >= d else X.T, -k)
    r = d if rank is None else rank
    V = thin(Y)[2].T
    AV, error = _product(Y, V)
    _, high = _ends(AV, error)
    defect = _orthogonality(V)
    largest = high / math.sqrt(1.0 - defect) if defect < 0.5 else float(np.linalg.norm(Y)) * (1.0 + (Y.size + 3) * U)
    least = 0.0
    if 0 < r <= V.shape[1]:
        low, _ = _ends(AV[:, :r], error[:r])
        least = max(low, 0.0) / math.sqrt(1.0 + _orthogonality(V[:, :r]))
    return math.ldexp(least * (1.0 - 4 * U), k), math.ldexp(largest * (1.0 + 4 * U), k)


def thin(X: Array) -> tuple[Array, Array, Array]:
    """(U, s, Vᵀ), the thin singular value decomposition of X.

    Of a large tall X by the triangular factor of its QR decomposition, blocks of rows one after the other: as stable,
    some ten times as fast, and in little more room than U takes. There a u_i with s_i = 0 is 0.
    """
    n, d = X.shape
    if n * d <= _LARGE or n < 4 * d:
        left, s, right = np.linalg.svd(X, full_matrices=False)
        return np.asarray(left), np.asarray(s), np.asarray(right)
    factor = np.zeros((0, d))
    for rows in _blocks(X):
        factor = np.asarray(np.linalg.qr(np.concatenate([factor, rows]), mode="r"))
    _, s, right = np.linalg.svd(factor)
    return X @ (right.T / np.where(s > 0.0, s, np.inf)), np.asarray(s), np.asarray(right)


def _blocks(X: Array) -> Iterator[Array]:
    """The rows of X, some at a time."""
    size = max(2 * X.shape[1], _LARGE // (4 * X.shape[1]))
    return (X[low : low + size] for low in range(0, len(X), size))


def _gamma(terms: int) -> float:
    return terms * U / (1.0 - terms * U) * _SAFE


def _product(X: Array, V: Array) -> tuple[Array, Array]:
    """X V, and a bound on the norm of each column's rounding error."""
    spread2 = sum(np.square(np.abs(rows) @ np.abs(V)).sum(axis=0) for rows in _blocks(X))
    return X @ V, _gamma(X.shape[1]) * np.sqrt(spread2) * _SAFE * (1.0 + X.shape[0] * U) + 2.0**-500


def _ends(A: Array, error: Array) -> tuple[float, float]:
    """Bounds on the least and the largest singular value of a matrix whose columns are A's up to ``error``.

    The least from columns of norm 1; the largest from the matrix as it is, by the row sums of its Gram matrix.
    """
    s, r = np.linalg.norm(A, axis=0), A.shape[1]
    s = np.where(s > 0.0, s, 1.0)
    blur, division = float(np.linalg.norm(error)) * _SAFE, 1.01 * U * math.sqrt(r)
    low = float(s.min()) * (math.sqrt(max(1.0 - _orthogonality(A / s), 0.0)) - division) - blur
    gram, rounding = _gram(A / s.max())
    sums = float(np.abs(gram).sum(axis=1).max()) * (1.0 + (r + 2) * U) + rounding
    high = float(s.max()) * (math.sqrt(sums) + division) + blur
    return low * (1.0 - 4 * U) if low > 0.0 else 0.0, high * (1.0 + 4 * U)


def _orthogonality(B: Array) -> float:
    """A bound on ‖BᵀB − I‖, for columns of norm 1 to rounding."""
    gram, rounding = _gram(B)
    r = len(gram)
    return (float(np.linalg.norm(gram - np.eye(r))) * (1.0 + (r * r + 2) * U) + rounding) * _SAFE


def _gram(B: Array) -> tuple[Array, float]:
    """BᵀB in blocks of rows, which are summed, and a bound on the norm of its error, γ·r·max‖b_j‖²."""
    n, r = B.shape
    count = max(1, min(_BLOCKS, n, (1 << 24) // (r * r)))
    size = -(-n // count)
    gram = np.zeros((r, r))
    for low in range(0, n, size):
        block = B[low : low + size]
        gram += block.T @ block
    largest = float(np.abs(np.diag(gram)).max()) * (1.0 + (n + count) * U * 2)
    return gram, _gamma(size + count) * r * largest * _SAFE + 2.0**-1000
