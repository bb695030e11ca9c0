"""Logistic regression, R(θ) = mean_i log(1 + exp(−y_i x_i·θ)) + (ridge/2)‖θ‖² for labels y_i = ±1."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np

from convlab.core.problem import Optimum, Problem
from convlab.core.setting import Known
from convlab.problems import _certify, _constants, _data, _glm
from convlab.problems._enclosure import Between, ln
from convlab.problems._parameters import nonnegative
from convlab.problems._separable import separation

_LN2 = ln(2)
EXAMPLE = {"data": "synthetic", "n": 20, "dimension": 3, "ridge": 0.05, "data_seed": 1}


def logistic(
    data: str = "breast_cancer",
    label: str | None = None,
    rows: Literal["as they are", "standardised", "unit norm"] = "as they are",
    ridge: float = 0.0,
    intercept: bool = False,
    n: int | None = None,
    dimension: int | None = None,
    condition: float | None = None,
    noise: float | None = None,
    data_seed: int | None = None,
) -> Problem:
    """R(θ) = mean_i log(1 + exp(−y_i x_i·θ)) + (ridge/2)‖θ‖², θ an array [d], θ0 = 0.

    ``data``: "breast_cancer" (1 benign, −1 malignant), "digits" (1 even, −1 odd), "synthetic", or a file: .csv (with a
    header row, if the column ``label`` is named; else the last column), .npz (arrays X and y), svmlight (.svm .svmlight
    .libsvm .txt). Labels are ±1 or 0/1. ``rows`` "standardised" centres each column and divides it by its standard
    deviation (a constant column becomes 0), "unit norm" divides each row by its norm. ``intercept`` appends a column of
    ones: it counts in L, and the ridge covers it. Synthetic: ``n`` rows (100) in ``dimension`` (10) whose Gram matrix
    has the ``condition`` number (100), labels sign(x·w + noise·ε), ‖w‖ = 1, ``noise`` 1, from ``data_seed`` (0).

    L = λ_max(XᵀX)/(4n) + ridge, L_max = max‖x_i‖²/4 + ridge, mu = ridge, M = max‖x_i‖·λ_max(XᵀX/n)/(6√3), the last
    since |σ''| <= 1/(6√3). Without ridge, separable rows have infimum 0 and no minimiser: ``denied`` says so.
    Raises ConvlabError for data that cannot be used, with file and line.
    """
    ridge = nonnegative("ridge", ridge)
    synthetic = _data.Synthetic(n, dimension, condition, noise, data_seed)
    X, y = _data.table(data, label, rows, intercept, synthetic, classes=True)
    A = y[:, None] * X
    known = _constants.curvature_constants(X, ridge, 0.0, 0.25, 1.0 / (6.0 * 3.0**0.5))
    traits = {"convex", "smooth", "twice differentiable", "Lipschitz Hessian", "convex smooth rows"}
    denied: dict[str, str] = {}
    if ridge > 0.0:
        traits.add("strongly convex")
    else:
        longest = float(np.linalg.norm(X, axis=1).max()) * (1.0 + (X.shape[1] + 5) * _certify.U)
        steepest = Known(longest, "upper bound")
        known |= {"G": steepest, "G_max": steepest}  # |σ| <= 1
        traits.add("Lipschitz")
        denied["strongly convex"] = "the logistic loss flattens far out; a ridge would make R strongly convex"
    if X.shape[1] == 1:
        traits.add("one-dimensional")
    found = _certify.logistic_minimiser(A, ridge)
    optimum: Optimum | None
    if found is not None:
        wrong = _certify.sigmoid(-(A @ found.hi))  # the probability given to the wrong label
        slopes = -y * wrong
        zeros = np.zeros(len(y))
        optimum = _constants.certified_optimum(X, zeros, slopes, ridge, wrong * (1 - wrong), known["L"].value, found)
        gap = Between(_LN2.low - Fraction(found.risk_high), _LN2.high - Fraction(found.risk_low)).known()
        known |= _constants.optimum_constants(X, zeros, slopes, ridge, 0.25, gap, known["L_max"].value, found)
        traits.add("has minimiser")
        certificate = found.words
    else:
        optimum, certificate = _infimum(A, ridge)
        denied["has minimiser"] = certificate
        if optimum is not None:
            known["initial_gap"] = Between(
                _LN2.low - Fraction(float(optimum.risk_high)), _LN2.high - Fraction(float(optimum.risk_low))
            ).known()
    return Problem(
        risk=_glm.logistic_risk,
        gap=_glm.logistic_gap if found is not None else None,
        theta0=np.zeros(X.shape[1]),
        optimum=optimum,
        data=(X, y),
        constants={"ridge": np.array(ridge)},
        name="logistic",
        known=known,
        traits=frozenset(traits),
        denied=denied,
        certificate=certificate,
        digest=_data.digest(X, y),
    )


def _infimum(A: np.ndarray, ridge: float) -> tuple[Optimum | None, str]:
    """The infimum where none is attained, with the sentence that says why; None where nothing could be proven."""
    apart = separation(A) if ridge == 0.0 else None
    if apart is not None and apart.margin > 0.0:
        zero = np.zeros(())
        why = f"the rows are linearly separable (margin {apart.margin:.3g} found by a linear program)"
        return Optimum(None, None, zero, zero, zero, zero), f"{why}, so R has infimum 0 and no minimiser"
    if apart is not None:
        # along w the other rows' losses fall to 0, and those of the free rows stay: inf R is theirs
        free = A[apart.free]
        words = f"the rows are linearly separable but for {len(free)} that lie on the plane, so R has no minimiser"
        least = _LN2
        if free.any():
            rest = _certify.logistic_minimiser(free, 0.0)
            if rest is None:
                return None, words
            least = Between(Fraction(rest.risk_low), Fraction(rest.risk_high))
        ends = least.times(Fraction(len(free), len(A))).ends()
        return Optimum(None, None, *(np.array(value) for value in (*ends, 0.0, 0.0))), words
    remedy = "increase the ridge" if ridge else "give a ridge"
    return None, f"no minimiser could be certified (columns badly scaled or dependent): {remedy}"
