"""The linear support vector machine, R(θ) = (1/n)Σ max(0, 1 − y_i x_i·θ) + (ridge/2)‖θ‖²: kinks at the margin."""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.problem import Problem, displacement
from convlab.core.setting import Known
from convlab.problems import _certify, _constants, _data, _margin
from convlab.problems._constraints import ball
from convlab.problems._enclosure import Between, norm
from convlab.problems._parameters import positive
from convlab.problems._products import away_from_minimiser
from convlab.problems._row_products import row_products
from convlab.problems._singular import singular_range

EXAMPLE = {"data": "synthetic", "n": 20, "dimension": 3, "ridge": 0.05, "data_seed": 1}
VARIANTS = {
    "in its ball": {**EXAMPLE, "constraint": "ball"},
    "in a smaller ball": {**EXAMPLE, "constraint": "ball", "radius": 2.0},
}


def _risk(theta: jax.Array, batch: Any, constants: Any) -> jax.Array:
    X, y = batch
    short = 1.0 - y * row_products(X, theta)
    # a `where`, not a maximum: its derivative is 0 at the kink, where that of jax's maximum is the mean of both sides
    loss = jnp.where(short > 0.0, short, 0.0)
    value: jax.Array = jnp.mean(loss) + 0.5 * constants["ridge"] * jnp.sum(jnp.square(theta))
    return value


def _gap(theta: jax.Array, problem: Problem) -> jax.Array:
    """(ridge/2)‖e‖² + (1/n)Σ[max(0, z_i) − α_i z_i], z_i = 1 − m_i = (1 − m_i*) − y_i x_i·e: no term is negative."""
    assert problem.optimum is not None
    (X, y), constants = problem.data, problem.constants
    e = displacement(theta, problem.optimum)
    z = constants["loss"] - y * away_from_minimiser(X, theta, problem.optimum)  # on the margin 1 − m_i* is 0 exactly
    terms = jnp.where(z > 0.0, z * constants["rest"], -z * constants["alpha"])
    value: jax.Array = jnp.mean(terms) + 0.5 * constants["ridge"] * jnp.sum(jnp.square(e))
    return value


def hinge(
    data: str = "breast_cancer",
    label: str | None = None,
    rows: Literal["as they are", "standardised", "unit norm"] = "as they are",
    ridge: float = 0.01,
    constraint: Literal["ball"] | None = None,
    radius: float | None = None,
    intercept: bool = False,
    n: int | None = None,
    dimension: int | None = None,
    condition: float | None = None,
    noise: float | None = None,
    data_seed: int | None = None,
) -> Problem:
    """R(θ) = (1/n)Σ max(0, 1 − y_i x_i·θ) + (ridge/2)‖θ‖², θ an array [d], θ0 = 0, ridge > 0, labels y_i = ±1.

    ``data``, ``label``, ``rows``, ``intercept`` and the synthetic ``n``, ``dimension``, ``condition``, ``noise``,
    ``data_seed`` are those of logistic; the ridge covers an intercept. scikit-learn's C is 1/(n ridge).

    mu = ridge. R is Lipschitz on bounded sets alone: ``constraint`` "ball" minimises over ‖θ‖ <= ``radius``, by default
    1/√ridge, which no minimiser exceeds (ridge‖θ*‖² = mean α − mean loss <= 1); a smaller one must hold θ* as well.
    There G = min(‖X‖₂/√n, mean‖x_i‖) + ridge·radius, and G_max = max‖x_i‖ + ridge·radius for each row. The subgradient
    of max(0, 1 − m) is −1 for m < 1, and 0 from m = 1 on. θ* is proven by the signs of the optimality system, R* by the
    duality gap; gap = (ridge/2)‖e‖² + (1/n)Σ[max(0, 1 − m_i) − α_i(1 − m_i)] with the dual α, no term negative.
    Raises ConvlabError for data that cannot be used, with file and line, and for a radius below ‖θ*‖.

    Source: Cortes and Vapnik 1995; the step sizes 1/(ridge t) and the ball: Shalev-Shwartz et al. 2011 (Pegasos).
    """
    ridge = positive("ridge", ridge)
    synthetic = _data.Synthetic(n, dimension, condition, noise, data_seed)
    X, y = _data.table(data, label, rows, intercept, synthetic, classes=True)
    found, *_ = solved = _margin.machine(y[:, None] * X, ridge)
    up, lengths = 1.0 + 8 * _certify.U, np.linalg.norm(X, axis=1) * (1.0 + (X.shape[1] + 5) * _certify.U)
    kink = "the slope of max(0, 1 − m) jumps at the margin m = 1"
    denied = dict.fromkeys(("smooth", "twice differentiable", "Lipschitz Hessian"), kink)
    known = {
        "n": Known(float(len(y)), "exact"),
        "mu": Known(ridge, "exact"),
        "initial_gap": Between(1 - solved.between.high, 1 - solved.between.low).known(),
    }
    traits = {"convex", "strongly convex"} | ({"one-dimensional"} if X.shape[1] == 1 else set())
    if found is None:
        denied["has minimiser"] = _margin.REFUSED
        known["initial_gap"] = Known(1.0, "upper bound")  # R* > 0
    else:
        known["D"] = norm(found.hi, found.lo, found.radius).known()
        traits.add("has minimiser")
    constants = {"ridge": np.array(ridge), "alpha": solved.alpha, "rest": solved.rest, "loss": solved.loss}
    reach = _margin.radius_of(constraint, radius, ridge, found and float(np.linalg.norm(found.hi)))
    if reach is None:
        denied["Lipschitz"] = "the slope of the ridge grows without bound; constraint = 'ball' bounds it"
    else:
        constants["radius"] = np.array(reach)
        steepest = min(singular_range(X)[1] / float(np.sqrt(len(y))), float(lengths.mean()) * up) + ridge * reach
        known["G"] = Known(steepest * up, "upper bound")
        known["G_max"] = Known((float(lengths.max()) + ridge * reach) * up, "upper bound")
        known["diameter"] = Known(2.0 * reach, "exact")
        traits.add("Lipschitz")
    return Problem(
        risk=_risk,
        gap=None if found is None else _gap,
        project=None if reach is None else ball,
        theta0=np.zeros(X.shape[1]),
        optimum=found and _constants.certified_optimum(X, 0 * y, y * y, ridge, 0.0, ridge, found),
        data=(X, y),
        constants=constants,
        name="hinge",
        known=known,
        traits=frozenset(traits),
        denied=denied,
        certificate=found.words if found else _margin.REFUSED,
        digest=_data.digest(X, y),
    )
