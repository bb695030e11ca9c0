r"""Minibatches of rows that share one Hessian: bias and variance of the last iterate, each in closed form.

Let R be the mean of n quadratics with one Hessian H, μ ≤ H ≤ L, μ > 0, as in R(θ) = ½ mean_i ‖θ − a_i‖², and f_t the
mean of b of them. The noise ∇f_t − ∇R is the same at every θ, of variance σ_b² = σ*²/b for rows drawn with replacement
and (σ*²/b)(n − b)/(n − 1) without. For a constant step 0 < η < 2/L and r = max(|1 − ημ|, |1 − ηL|),

    E‖θ_T − θ*‖² ≤ r^(2T) D² + η²σ_b² (1 − r^(2T))/(1 − r²)       for every T ≥ 0,

with equality where μ = L. Without replacement b = n leaves no noise: gradient descent.

Proof: θ_{t+1} − θ* = (I − ηH)(θ_t − θ*) − ηξ_t with independent ξ_t of mean 0, and ‖I − ηH‖ ≤ r.

Source: the recursion above; the variance without replacement is that of finite populations (Cochran 1977).

Instance: rows around their mean, alike in all directions, H = diag(1, …, 1, μ): E of each coordinate obeys a linear
recursion. At μ = 1 the bound is an equality, which the mean of a sample never confirms: the instance has μ = 0.8.
"""

from __future__ import annotations

import math

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import GRADIENT_STEP, STRONGLY_CONVEX, UNBIASED, below_two_over_l, log

MINIBATCH = Assumption("minibatches of the rows", lambda setting: setting["batch_size"] >= 1)


def _log_r2(setting: Setting) -> float:
    """2 ln r with 1 − r = min(ημ, 2 − ηL), accurate where r is near 1."""
    gain = _gain(setting)
    return 2 * math.log1p(-gain) if gain < 1 else -math.inf


def _gain(setting: Setting) -> float:
    eta = setting.step_size()
    return min(eta * setting["mu"], 2 - eta * setting["L"])


def _log_bound(setting: Setting, t: int) -> float:
    gain, fallen = _gain(setting), t * _log_r2(setting) if t else 0.0
    noise = 2 * log(setting.step_size() * setting["sigma_star"]) - log(gain * (2 - gain))
    return float(np.logaddexp(2 * log(setting["D"]) + fallen, noise + log(-math.expm1(fallen))))


def _coordinates(setting: Setting, t: int) -> float:
    """By coordinates, from the cloud's spread, n and b: m ← (1 − ηλ)²m + η²λ²(spread²/d)(n − b)/(b(n − 1))."""
    given, eta = setting.problem_parameters, setting.step_size()
    d, n, b = int(given["dimension"]), setting["n"], setting["batch_size"]
    curvature = np.append(np.ones(d - 1), given["mu"])
    noise = (eta * curvature * given["spread"]) ** 2 / d * (n - b) / (b * (n - 1))
    moments = np.full(d, given["D"] ** 2 / d)
    for _ in range(t):
        moments = (1 - eta * curvature) ** 2 * moments + noise
    return float(np.sum(moments))


THEOREM = Theorem(
    title="SGD with minibatches, one Hessian for all rows",
    statement=(
        r"E\|\theta_T-\theta^*\|^2\le r^{2T}\|\theta_0-\theta^*\|^2+\eta^2\sigma_b^2\frac{1-r^{2T}}{1-r^2},\qquad"
        r"r=\max(|1-\eta\mu|,|1-\eta L|),\quad\sigma_b^2=\frac{\sigma_*^2}{b}\ \mathrm{or}\ "
        r"\frac{\sigma_*^2}{b}\frac{n-b}{n-1},\quad 0<\eta<\frac2L"
    ),
    source="a linear recursion; the variance without replacement is that of finite populations (Cochran 1977)",
    assumes=(
        GRADIENT_STEP,
        UNBIASED,
        needs("one Hessian for all rows", "rows that share one Hessian"),
        STRONGLY_CONVEX,
        MINIBATCH,
        below_two_over_l(),
    ),
    output="last",
    quantity="dist2",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$r^{2T}D^2+\eta^2\sigma_b^2\frac{1-r^{2T}}{1-r^2}$",
    rate=Rate("linear", _log_r2, "r^(2T) + a ball"),
    instance=Instance(
        spec={
            "problem": {"name": "centroid", "n": 20, "dimension": 8, "mu": 0.8, "spread": 1.0, "D": 1.0},
            "oracle": {"name": "minibatch", "size": 5, "replacement": False},
            "optimizer": {"name": "sgd", "step_size": "1/(2*L)"},
            "run": {"horizon": 20, "seeds": 512},
        },
        reaches=0.8656,
        expected=_coordinates,
        note="rows around their mean with one flatter direction; with none the bound is an equality",
    ),
    log_bound=_log_bound,
    constants=("L", "mu", "sigma_star", "D", "batch_size"),
)
