"""Least squares, R(θ) = (1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖² (a mean over rows everywhere), on real or synthetic rows."""

from __future__ import annotations

from typing import Literal

import numpy as np

from convlab.core.problem import Problem
from convlab.core.setting import Known
from convlab.problems import _constants, _data, _glm, _gram
from convlab.problems._normal_equations import least_squares_minimiser
from convlab.problems._parameters import nonnegative

EXAMPLE = {"data": "synthetic", "n": 20, "dimension": 3, "ridge": 0.05, "data_seed": 1}
VARIANTS = {"by its Gram matrix": {**EXAMPLE, "full_gradient": "gram"}}


def least_squares(
    data: str = "diabetes",
    label: str | None = None,
    rows: Literal["as they are", "standardised", "unit norm"] = "as they are",
    ridge: float = 0.0,
    intercept: bool = False,
    n: int | None = None,
    dimension: int | None = None,
    condition: float | None = None,
    noise: float | None = None,
    data_seed: int | None = None,
    flipped: int | None = None,
    full_gradient: Literal["rows", "gram"] = "rows",
) -> Problem:
    """R(θ) = (1/2n)‖Xθ − y‖² + (ridge/2)‖θ‖², θ an array [d], θ0 = 0.

    ``data``: "diabetes", "digits" (y = the digit), "breast_cancer", "synthetic", or a file: .csv (with a header row, if
    the column ``label`` is named; else the last column), .npz (arrays X and y), svmlight (.svm .svmlight .libsvm .txt).
    ``rows`` "standardised" centres each column and divides it by its standard deviation (a constant column becomes 0),
    "unit norm" divides each row by its norm; y stays as it is. ``intercept`` appends a column of ones: it counts in L,
    and the ridge covers it. Synthetic: ``n`` rows (100) in ``dimension`` (10) whose Gram matrix has the ``condition``
    number (100), y = Xw + noise·ε with ‖w‖ = 1 and ``noise`` 1, from ``data_seed`` (0); the first ``flipped`` (0) of
    the y change their sign. With noise = 0 X and w have few bits, so that y = Xw holds exactly in float64: where no
    label is flipped, no ridge added and the rows are as they are, θ* = w fits every row, and sigma_star is 0 exactly.

    ``full_gradient`` "gram" takes ∇R over all rows as Aθ − b + ridge θ with A = XᵀX/n and b = Xᵀy/n, formed once: d²
    numbers a step in place of 2nd, and some times the rounding error near θ*. Batches and R itself stay means of rows.

    L = λ_max(XᵀX)/n + ridge, mu = λ_min(XᵀX)/n + ridge, L_max = max‖x_i‖² + ridge, M = 0. Where the minimiser is not
    unique, θ* is the one nearest to θ0 = 0, if the rank of X is proven. gap = ‖Xe‖²/(2n) + (ridge/2)‖e‖², e = θ − θ*.
    Raises ConvlabError for data that cannot be used, with file and line.
    """
    ridge = nonnegative("ridge", ridge)
    synthetic = _data.Synthetic(n, dimension, condition, noise, data_seed, flipped)
    X, y = _data.table(data, label, rows, intercept, synthetic, classes=False)
    averages = _gram.averages(full_gradient, X, y)
    known = _constants.curvature_constants(X, ridge, 1.0, 1.0, 0.0)
    traits = {"convex", "smooth", "twice differentiable", "Lipschitz Hessian", "convex smooth rows", "quadratic"}
    denied: dict[str, str] = {}
    if known["mu"].value > 0.0:
        traits.add("strongly convex")
    else:
        denied["strongly convex"] = "the least eigenvalue of the Gram matrix is 0, to rounding"
    if X.shape[1] == 1:
        traits.add("one-dimensional")
    found, optimum, L = least_squares_minimiser(X, y, ridge), None, known["L"].value
    if isinstance(found, str):
        denied["has minimiser"] = certificate = found
        known["initial_gap"] = Known(_constants.half_mean_square(y), "upper bound")
    else:
        slopes = np.zeros(len(y)) if found.interpolates else X @ found.hi - y
        gap = _constants.gap_at_zero(X, ridge, L, found)
        known |= _constants.optimum_constants(X, y, slopes, ridge, 1.0, gap, known["L_max"].value, found)
        optimum = _constants.certified_optimum(X, y, slopes, ridge, 1.0, L, found)
        if averages:
            own = _gram.gradient_rounding(X, y, averages, found.hi, ridge)
            optimum = optimum._replace(rounding=np.maximum(optimum.rounding, own))
        traits.add("has minimiser")
        certificate = found.words
    return Problem(
        risk=_glm.least_squares_risk,
        gap=_glm.least_squares_gap if optimum is not None else None,
        theta0=np.zeros(X.shape[1]),
        optimum=optimum,
        data=(X, y),
        constants={"ridge": np.array(ridge), **averages},
        in_full=_gram.least_squares_by_gram if averages else None,
        name="least_squares",
        known=known,
        traits=frozenset(traits),
        denied=denied,
        certificate=certificate,
        digest=_data.digest(X, y),
    )
