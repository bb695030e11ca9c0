"""The mean of the rows of a table, and what theorems ask of ½ mean_i ‖θ − a_i‖², in double-double with bounds."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from convlab.core.problem import Optimum
from convlab.core.setting import Known
from convlab.problems import _double as dd
from convlab.problems._certify import SAFE, U, accumulation
from convlab.problems._enclosure import Between, doubled, exactly, moved, norm, weighted_squares

Array = npt.NDArray[np.float64]


def facts(points: Array, eigenvalues: Array, theta0: Array) -> tuple[Optimum, dict[str, Known]]:
    """The optimum and every constant.

    In double-double: the mean errs by (3 log2 n + 15)u² mean|a|, an e_i = a_i − θ* by that and 3u²(|a_i| + |θ*|), its
    square by 2|e| times that, and squares, their mean and their sum by (3 log2 n + 3 log2 d + 50)u² relative.
    """
    n, d = points.shape
    rows, weights = dd.pair(np.full(d, float(n))), dd.pair(eigenvalues)
    hi, lo = dd.divide(dd.total(dd.pair(points)), rows)
    e = dd.add(dd.pair(points), (np.broadcast_to(-hi, points.shape), np.broadcast_to(-lo, points.shape)))
    squares = dd.divide(dd.total(dd.multiply(e, e)), rows)
    logs, sizes = 3.0 * math.log2(n) + 3.0 * math.log2(d) + 60.0, np.mean(np.abs(points), axis=0)
    radius = SAFE * U**2 * logs * float(np.linalg.norm(sizes)) + 2.0**-1000
    off = SAFE * U**2 * (3.0 * np.abs(points) + logs * (sizes + np.abs(hi)))
    errors = np.mean(2.0 * np.abs(e[0]) * off + off**2, axis=0) + U**2 * logs * squares[0]

    def enclosed(powers: int) -> Between:  # Σ_j λ_j^powers mean_i e_ij²
        scaled = squares
        for _ in range(powers):
            scaled = dd.multiply(scaled, weights)
        value = doubled(dd.total(scaled), SAFE * float(np.sum(eigenvalues**powers * errors)) + 2.0**-1000)
        return Between(max(value.low, Fraction(0)), value.high)

    top, mu = float(eigenvalues.max()), float(eigenvalues.min())
    risk = enclosed(1).times(Fraction(1, 2))
    low, high = risk._replace(low=max(risk.low - Fraction(top * radius**2), Fraction(0))).ends()
    start = dd.add(dd.pair(theta0), (-hi, -lo))
    around = SAFE * (radius + 4.0 * U**2 * float(np.linalg.norm(start[0])))
    slopes = float(np.mean(np.linalg.norm(eigenvalues * e[0], axis=1)))
    rounding = U * top * (accumulation(n) * slopes + 4.0 * float(np.linalg.norm(hi)))
    exact = {"n": float(n), "L": top, "L_max": top, "mu": mu, "M": 0.0}
    known = {name: Known(value, "exact") for name, value in exact.items()}
    known["kappa"] = exactly(Fraction(top) / Fraction(mu)).above()
    known["D"] = norm(*start, radius=around).known()
    known["sigma_star"] = enclosed(2).root().plus(Fraction(top * radius)).above()
    known["initial_gap"] = moved(weighted_squares(eigenvalues, *start).times(Fraction(1, 2)), top, around).known()
    return Optimum(hi, lo, *(np.array(value) for value in (low, high, radius, rounding))), known
