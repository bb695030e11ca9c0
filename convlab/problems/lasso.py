"""The lasso, R(θ) = (1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖² + l1·‖θ‖₁: least squares with a minimiser that is sparse."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems import _certify, _constants, _data, _glm, _sparse
from convlab.problems._l1 import L1
from convlab.problems._parameters import nonnegative, positive

EXAMPLE = {"data": "synthetic", "n": 20, "dimension": 4, "l1_over_max": 0.3, "data_seed": 1}
ONE_OF = ("l1", "l1_over_max")
VARIANTS = {
    "with a ridge": {"data": "synthetic", "n": 20, "dimension": 4, "l1": 0.2, "ridge": 0.05, "data_seed": 1},
    "more columns than rows": {"data": "synthetic", "n": 6, "dimension": 9, "l1_over_max": 0.2, "data_seed": 2},
}


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    """‖Xe‖²/(2n) + (ridge/2)‖e‖² + Σ_j (l1|θ_j| + g_j θ_j), g = −l1·s the gradient of the smooth part at θ*."""
    up, down = problem.constants["up"], problem.constants["down"]  # l1 + g and l1 − g, both >= 0
    theta64 = theta.astype(jnp.float64)
    beyond: jax.Array = jnp.sum(jnp.where(theta64 > 0.0, theta64 * up, -theta64 * down))
    return _glm.least_squares_gap(theta, problem) + beyond


def lasso(
    data: str = "diabetes",
    label: str | None = None,
    rows: Literal["as they are", "standardised", "unit norm"] = "as they are",
    l1: float | None = None,
    l1_over_max: float | None = None,
    ridge: float = 0.0,
    intercept: bool = False,
    n: int | None = None,
    dimension: int | None = None,
    condition: float | None = None,
    noise: float | None = None,
    data_seed: int | None = None,
) -> Problem:
    """R(θ) = (1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖² + l1·‖θ‖₁, θ an array [d], θ0 = 0; l1·‖θ‖₁ is the simple part.

    Give ``l1`` > 0, the weight itself (scikit-learn's alpha), or ``l1_over_max``, its share of ‖Xᵀy‖_∞/n, from which on
    θ* = 0: one of them, below that. ``data``, ``label``, ``rows``, ``intercept`` and the synthetic ``n``,
    ``dimension``, ``condition``, ``noise``, ``data_seed`` are those of least_squares; an intercept is penalised too,
    and is not needed where columns are centred. With a ``ridge`` > 0 it is the elastic net (Zou and Hastie 2005).

    L = λ_max(XᵀX)/n + ridge and L_max are of the smooth part, mu = λ_min(XᵀX)/n + ridge. θ* is proven by the signs of
    the optimality system, R* by the duality gap. Where columns repeat and ridge = 0 minimisers are many, and θ* is the
    nearest to θ0; where they are many for another reason R* alone is known. gap = ‖Xe‖²/(2n) +
    (ridge/2)‖e‖² + l1·Σ(|θ_j| − s_j θ_j), s_j in [−1, 1] the subgradient at θ*: no term is negative.
    Raises ConvlabError for data that cannot be used, and for an l1 that is missing, given twice, or too large.
    """
    ridge = nonnegative("ridge", ridge)
    X, y = _data.table(
        data, label, rows, intercept, _data.Synthetic(n, dimension, condition, noise, data_seed), classes=False
    )
    weight = _weight(l1, l1_over_max, _sparse.largest_l1(X, y))
    known = _constants.curvature_constants(X, ridge, 1.0, 1.0, 0.0)
    del known["M"]
    solved = _sparse.lasso_minimiser(X, y, weight, ridge)
    found, kink = solved.found, "l1·|θ_j| has a kink at 0: R is a smooth risk plus a simple part"
    traits = {"convex", "smooth plus simple", "convex smooth rows"}
    denied = {"smooth": kink, "twice differentiable": kink, "Lipschitz Hessian": kink}
    denied["Lipschitz"] = "the slope of a square grows without bound"
    if known["mu"].value > 0.0:
        traits.add("strongly convex")
    else:
        denied["strongly convex"] = "the least eigenvalue of the Gram matrix is 0, to rounding"
    if X.shape[1] == 1:
        traits.add("one-dimensional")
    if found is None:
        denied["has minimiser"] = solved.words
        high = _constants.half_mean_square(y)
        known["initial_gap"] = Known((high - solved.low) * (1.0 + 2 * _certify.U), "upper bound")
        optimum = Optimum(None, None, *(np.array(value) for value in (solved.low, solved.high, 0.0, 0.0)))
    else:
        traits.add("has minimiser")
        slopes = X @ found.hi - y
        gap = _constants.gap_at_zero(X, ridge, known["L"].value, found)  # at θ = 0 the terms of ‖·‖₁ vanish
        known |= _constants.optimum_constants(X, y, slopes, ridge, 1.0, gap, known["L_max"].value, found)
        optimum = _constants.certified_optimum(X, y, slopes, ridge, 1.0, known["L"].value, found)
    return Problem(
        risk=_glm.least_squares_risk,
        simple=L1,
        gap=_gap if found is not None else None,
        theta0=np.zeros(X.shape[1]),
        optimum=optimum,
        data=(X, y),
        constants={"ridge": np.array(ridge), "l1": np.array(weight), "up": solved.up, "down": solved.down},
        name="lasso",
        known=known,
        traits=frozenset(traits),
        denied=denied,
        certificate=solved.words,
        digest=_data.digest(X, y),
    )


def _weight(l1: float | None, share: float | None, largest: float) -> float:
    if (l1 is None) == (share is None):
        raise ConvlabError(f"lasso: give one of l1 and l1_over_max (l1 / {largest:g}, from which on theta* = 0)")
    weight = positive("l1", l1) if l1 is not None else positive("l1_over_max", share or 0.0) * largest
    if not weight < largest:
        written = f"l1 = {l1}" if l1 is not None else f"l1_over_max = {share}"
        raise ConvlabError(
            f"{written}: from l1 = {largest:g} on the minimiser is 0, where runs start; take a lesser one"
        )
    return weight
