"""R(θ) = ½ mean_i ‖θ − a_i‖², whose minimiser is the mean of the rows: all rows curve alike and differ in a tilt."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from convlab.core.errors import ConvlabError
from convlab.core.problem import Problem, displacement
from convlab.problems import _data
from convlab.problems._centroid import facts
from convlab.problems._parameters import nonnegative, positive

Array = npt.NDArray[np.float64]
EXAMPLE = {"n": 12, "dimension": 3, "spread": 2.0, "D": 0.75, "data_seed": 1}
VARIANTS = {"flat": {"n": 9, "dimension": 4, "mu": 0.5}, "data": {"data": "diabetes"}, "two": {"n": 2, "dimension": 1}}
_SMOOTH = {"convex", "strongly convex", "smooth", "twice differentiable", "Lipschitz Hessian", "quadratic"}
_ROWS = {"has minimiser", "convex smooth rows", "one Hessian for all rows"}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    return 0.5 * jnp.mean(jnp.square(theta[None, :] - batch) @ constants["eigenvalues"])


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    assert problem.optimum is not None
    return 0.5 * jnp.sum(problem.constants["eigenvalues"] * jnp.square(displacement(theta, problem.optimum)))


def centroid(
    data: str = "synthetic",
    mu: float = 1.0,
    n: int | None = None,
    dimension: int | None = None,
    spread: float | None = None,
    D: float | None = None,
    data_seed: int | None = None,
) -> Problem:
    """R(θ) = ½ mean_i Σ_j λ_j (θ_j − a_ij)² with λ = (1, …, 1, ``mu``): rows a_i in R^d, θ an array [d].

    θ* = mean_i a_i. All rows have the Hessian diag(λ), so the noise of a minibatch is the same at every θ, and with a
    constant step η on b of n rows every coordinate obeys a linear recursion: for mu = 1 exactly

        E‖θ_T − θ*‖² = r^T D² + η² σ_b² (1 − r^T)/(1 − r),  r = (1 − η)²,

    σ² = mean_i ‖a_i − θ*‖², σ_b² = σ²/b with replacement and (σ²/b)(n − b)/(n − 1) without.

    ``data``: a bundled set ("diabetes", "digits", "breast_cancer") or a file, as for least_squares but without labels;
    then θ0 = a_1. Or "synthetic": ``n`` rows (20) in ``dimension`` (5, and less than n) around θ* = (D/√d)(1, …, 1),
    alike in all directions, (1/n) Σ (a_i − θ*)(a_i − θ*)ᵀ = (spread²/d)·I, turned by ``data_seed`` (0); ``D`` and
    ``spread``, which is σ, are 1, and θ0 = 0. Raises ConvlabError for unusable data, mu > 1, or dimension >= n.
    """
    if not positive("mu", mu) <= 1.0:
        raise ConvlabError(f"mu = {mu}; it is the least eigenvalue and the others are 1, so it is at most 1")
    if data == "synthetic":
        points = _cloud(n, dimension, spread, D, data_seed)
    else:
        synthetic = {"n": n, "dimension": dimension, "spread": spread, "D": D, "data_seed": data_seed}
        for name in (name for name, value in synthetic.items() if value is not None):
            raise ConvlabError(f"{name} describes synthetic data, but data = '{data}'; write data = \"synthetic\"")
        points = _data.table(data, None, "as they are", False, _data.Synthetic(), classes=False)[0]
    eigenvalues = np.append(np.ones(points.shape[1] - 1), mu)
    theta0 = np.zeros_like(points[0]) if data == "synthetic" else points[0]
    optimum, known = facts(points, eigenvalues, theta0)
    return Problem(
        risk=_risk,
        gap=_gap,
        theta0=theta0,
        optimum=optimum,
        data=points,
        constants={"eigenvalues": eigenvalues},
        name="centroid",
        known=known,
        traits=frozenset(_SMOOTH | _ROWS | ({"one-dimensional"} if points.shape[1] == 1 else set())),
        certificate="closed form: theta* = the mean of the rows, in double-double arithmetic",
        digest=_data.digest(points, np.zeros(0)),
    )


def _cloud(n: int | None, dimension: int | None, spread: float | None, D: float | None, seed: int | None) -> Array:
    """(D/√d)(1, …, 1) + spread·√(n/d)·Q, where Q [n, d] has orthonormal columns that are orthogonal to (1, …, 1)."""
    n, seed = 20 if n is None else int(n), 0 if seed is None else int(seed)
    d = max(1, min(5, n - 1)) if dimension is None else int(dimension)
    if not (1 <= d < n and n * d <= 1 << 24 and seed >= 0):
        raise ConvlabError(
            f"n = {n}, dimension = {d}, data_seed = {seed}: needed is 1 <= dimension < n, data_seed >= 0"
        )
    centre, size = positive("D", 1.0 if D is None else D) / np.sqrt(d), 1.0 if spread is None else spread
    normal = np.random.Generator(np.random.PCG64(seed)).standard_normal((n, d))
    Q = np.linalg.qr(np.column_stack([np.ones(n), normal]))[0][:, 1:]
    return np.asarray(centre + nonnegative("spread", size) * np.sqrt(n / d) * Q)
