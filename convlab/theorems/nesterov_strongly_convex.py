r"""Nesterov's accelerated gradient with constant momentum on smooth strongly convex functions.

For an L-smooth, μ-strongly convex R, q = μ/L, the step η = 1/L and the momentum (1 − √q)/(1 + √q), x_0 = y_0 = θ_0,

    R(x_T) − R* ≤ (1 − √q)^T (R(θ_0) − R* + (μ/2) D²)       for every T ≥ 1, D = ‖θ_0 − θ*‖.

Proof: with z_0 = x_0, z_{t+1} = (1 − √q) z_t + √q (y_t − ∇R(y_t)/μ) one has y_t = (x_t + √q z_t)/(1 + √q), and
(1 − √q)^(−t) (R(x_t) − R* + (μ/2)‖z_t − θ*‖²) does not increase.

An R that is L-smooth and μ-strongly convex is 1/η-smooth and 1/(ηκ)-strongly convex for every η ≤ 1/L and
κ ≥ 1/(ημ). So the statement is, for any step and κ of that kind and the momentum (√κ − 1)/(√κ + 1),

    R(x_T) − R* ≤ (1 − 1/√κ)^T (R(θ_0) − R* + D²/(2ηκ)).

Instance: along the eigenvector of μ of a quadratic the errors have the double root r = 1 − √q, that is
x_T = r^T (1 + √q T) D: the fraction r^T (1 + √q T)²/2, at √q = 1/T near 2/e = 0.736.

Source: d'Aspremont, Scieur and Taylor 2021, Corollary 4.15.
"""

from __future__ import annotations

import math

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import EXACT, HAS_MINIMISER, SMOOTH, STRONGLY_CONVEX, log
from convlab.theorems._nesterov import AT_MOST_ONE_OVER_L, NESTEROV_STEP

_ULPS = 1 + 2.0**-50  # "L/mu" and 1/(step_size*mu) at step_size = 1/L are one number, however they were rounded


def _kappa(setting: Setting) -> float:
    return setting.hyper["kappa"].at(0)


def _least(setting: Setting) -> float:
    return 1 / (setting.step_size() * setting["mu"])


def _holds(setting: Setting) -> bool:
    return _kappa(setting) * _ULPS >= max(_least(setting), 1.0)


def _finding(setting: Setting) -> str:
    return f"kappa = {setting.hyper['kappa'].written} is below {max(_least(setting), 1.0):.6g}"


def _log_rate(setting: Setting) -> float:
    root = math.sqrt(_kappa(setting))
    return math.log1p(-1 / root) if root > 1 else -math.inf


def _log_bound(setting: Setting, t: int) -> float:
    start = setting["initial_gap"] + setting["D"] ** 2 / (2 * setting.step_size() * _kappa(setting))
    return log(start) + (t * _log_rate(setting) if t else 0.0)


def _along_mu(setting: Setting, t: int) -> float:
    """(μ/2)x_t² along the eigenvector of μ: x_{t+1} = (1 − q)((1 + β)x_t − βx_{t−1}) as powers of a 2×2 matrix."""
    beta = (math.sqrt(_kappa(setting)) - 1) / (math.sqrt(_kappa(setting)) + 1)
    shrink = 1 - setting["mu"] / setting["L"]
    step = np.array([[shrink * (1 + beta), -shrink * beta], [1.0, 0.0]])
    x = (np.linalg.matrix_power(step, t) @ np.ones(2))[0] * setting["D"]
    return float(setting["mu"] / 2 * x**2)


THEOREM = Theorem(
    title="Nesterov's accelerated gradient, strongly convex",
    statement=(
        r"R(x_T)-R^*\le\left(1-\frac{1}{\sqrt\kappa}\right)^T\left(R(\theta_0)-R^*+\frac{D^2}{2\eta\kappa}\right),"
        r"\qquad\beta=\frac{\sqrt\kappa-1}{\sqrt\kappa+1},\quad 0<\eta\le\frac1L,\quad\kappa\ge\frac{1}{\eta\mu}"
    ),
    source="d'Aspremont, Scieur and Taylor 2021, Corollary 4.15 (step_size = 1/L, kappa = L/mu)",
    assumes=(
        NESTEROV_STEP,
        needs("constant momentum", "the momentum (sqrt(kappa)-1)/(sqrt(kappa)+1) of strong convexity"),
        EXACT,
        SMOOTH,
        STRONGLY_CONVEX,
        HAS_MINIMISER,
        AT_MOST_ONE_OVER_L,
        Assumption("kappa >= 1/(step_size*mu), which is L/mu at step_size = 1/L", _holds, finding=_finding),
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$(1-1/\sqrt{\kappa})^T\,(R(\theta_0)-R^*+\frac{D^2}{2\eta\kappa})$",
    rate=Rate("linear", _log_rate, "(1 - 1/sqrt(kappa))^T"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 2, "L": "T**2", "mu": 1.0, "start": "flattest"},
            "optimizer": {
                "name": "nesterov",
                "step_size": "1/L",
                "momentum": "strongly convex",
                "kappa": "L/mu",
            },
            "run": {"horizon": 100},
        },
        reaches=0.732,
        expected=_along_mu,
        note="a quadratic that starts along the eigenvector of mu, with kappa = T^2",
    ),
    log_bound=_log_bound,
    constants=("L", "mu", "D", "initial_gap"),
)
