"""Loops compiled by numba: what a programmer would write by hand, and what is left of that time with SIMD over rows.

All are ridge logistic regression from θ = 0 with labels ±1, and take the objective at the checkpoints ``at`` (the
numbers of steps after which it is wanted, then −1), since the lab does. Random rows come from numba's own generator,
one for each thread and seeded for each run, or, in the blocked loops, from an xorshift generator for each run.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

_LOOSE = {"contract", "nsz", "arcp", "nnan", "ninf", "reassoc"}
_HIGH, _LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # ln 2 = their sum


@numba.njit(fastmath=True, error_model="numpy", cache=True)  # type: ignore[untyped-decorator]
def _risk(X, y, theta, ridge):  # type: ignore[no-untyped-def]
    n, d = X.shape
    risk, squares = 0.0, 0.0
    for a in range(n):
        z = 0.0
        for j in range(d):
            z -= X[a, j] * theta[j]
        z *= y[a]
        risk += max(z, 0.0) + np.log1p(np.exp(-abs(z)))
    for j in range(d):
        squares += theta[j] * theta[j]
    return risk / n + ridge / 2 * squares


@numba.njit(fastmath=True, error_model="numpy", cache=True)  # type: ignore[untyped-decorator]
def sgd_run(X, y, steps, step_size, ridge, size, at, seed, risks):  # type: ignore[no-untyped-def]
    """One run of minibatch SGD with ``size`` rows a step, drawn with replacement."""
    np.random.seed(seed)  # noqa: NPY002 - the generator that numba compiles
    n, d = X.shape
    theta, grad, k = np.zeros(d), np.empty(d), 0
    for t in range(steps):
        if size == 1:
            i = np.random.randint(n)  # noqa: NPY002
            z = 0.0
            for j in range(d):
                z += X[i, j] * theta[j]
            s = -y[i] / (1 + np.exp(y[i] * z))
            for j in range(d):
                theta[j] -= step_size * (s * X[i, j] + ridge * theta[j])
        else:
            for j in range(d):
                grad[j] = ridge * theta[j]
            for _ in range(size):
                i = np.random.randint(n)  # noqa: NPY002
                z = 0.0
                for j in range(d):
                    z += X[i, j] * theta[j]
                s = -y[i] / ((1 + np.exp(y[i] * z)) * size)
                for j in range(d):
                    grad[j] += s * X[i, j]
            for j in range(d):
                theta[j] -= step_size * grad[j]
        if t + 1 == at[k]:
            risks[k] = _risk(X, y, theta, ridge)
            k += 1


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def sgd_runs(X, y, steps, sizes, ridge, size, at, risks):  # type: ignore[no-untyped-def]
    """Run after run: ``risks`` is [runs, checkpoints], ``sizes`` the step size of each."""
    for run in range(len(sizes)):
        sgd_run(X, y, steps, sizes[run], ridge, size, at, run, risks[run])


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def sgd_runs_parallel(X, y, steps, sizes, ridge, size, at, risks):  # type: ignore[no-untyped-def]
    for run in numba.prange(len(sizes)):
        sgd_run(X, y, steps, sizes[run], ridge, size, at, run, risks[run])


@functools.cache
def sgd_blocked(width: int, d: int, parallel: bool) -> Callable[..., Any]:
    """SGD with batch 1, ``width`` runs in step with each other; d is known to the compiler, padded to whole registers.

    Indices, exponentials and divisions are vectors over the runs, products vectors over a row. The exponential is
    2^k·p(r) with the Taylor polynomial of degree 13 on |r| ≤ ln 2/2, to about one unit of rounding.
    """

    @numba.njit(fastmath=_LOOSE, error_model="numpy", parallel=parallel)  # type: ignore[untyped-decorator]
    def blocked(A, X, y, steps, step_size, ridge, at, states, thetas, risks):  # type: ignore[no-untyped-def]
        n, keep = np.uint64(A.shape[0]), 1 - step_size * ridge
        for block in numba.prange(thetas.shape[0]):
            theta, state, k = thetas[block], states[block], 0
            index, z, s = np.empty(width, np.uint64), np.empty(width), np.empty(width)
            power = np.empty(width, np.int64)
            two = power.view(np.float64)
            for t in range(steps):
                for b in range(width):
                    x, w = state[0, b], state[1, b]
                    state[0, b] = w
                    x ^= x << np.uint64(23)
                    v = x ^ w ^ (x >> np.uint64(17)) ^ (w >> np.uint64(26))
                    state[1, b] = v
                    index[b] = (((v + w) >> np.uint64(32)) * n) >> np.uint64(32)
                for b in range(width):
                    i, total = index[b], 0.0
                    for j in range(d):
                        total += A[i, j] * theta[b, j]
                    z[b] = total
                for b in range(width):
                    x = min(max(z[b], -700.0), 700.0)
                    m = np.floor(x * 1.4426950408889634 + 0.5)
                    r = (x - m * _HIGH) - m * _LOW
                    p = ((((r / 6227020800 + 1 / 479001600) * r + 1 / 39916800) * r + 1 / 3628800) * r + 1 / 362880) * r
                    p = ((((p + 1 / 40320) * r + 1 / 5040) * r + 1 / 720) * r + 1 / 120) * r + 1 / 24
                    s[b] = (((p * r + 1 / 6) * r + 0.5) * r + 1) * r + 1
                    power[b] = (np.int64(m) + 1023) << 52
                for b in range(width):
                    s[b] = step_size / (1 + s[b] * two[b])
                for b in range(width):
                    i, c = index[b], s[b]
                    for j in range(d):
                        theta[b, j] = keep * theta[b, j] + c * A[i, j]
                if t + 1 == at[k]:
                    for b in range(width):
                        risks[block, b, k] = _risk(X, y, theta[b, : X.shape[1]], ridge)
                    k += 1

    return blocked  # type: ignore[no-any-return]


def blocked_call(X: Any, y: Any, runs: int, parallel: bool) -> Callable[..., np.ndarray]:
    """A call (steps, step size, ridge, at) of the blocked loop that returns the objective [runs, checkpoints]."""
    width = max(each for each in range(1, 33) if runs % each == 0)
    d = -(-X.shape[1] // 8) * 8
    A = np.zeros((len(X), d))
    A[:, : X.shape[1]] = y[:, None] * X
    kernel = sgd_blocked(width, d, parallel)
    blocks = runs // width
    generator = np.random.default_rng(1)
    states = generator.integers(1, 2**63, (blocks, 2, width)).astype(np.uint64)

    def call(steps: int, step_size: float, ridge: float, at: np.ndarray) -> np.ndarray:
        risks = np.zeros((blocks, width, len(at) - 1))
        kernel(A, X, y, steps, step_size, ridge, at, states.copy(), np.zeros((blocks, width, d)), risks)
        return risks.reshape(runs, -1)

    return call
