r"""Stochastic gradient descent on smooth convex functions under interpolation: 1/T with a constant step.

Let E f_t = R with independent draws, R convex with a minimiser θ* at distance D from θ_0,
E‖∇f_t(θ) − ∇f_t(θ*)‖² ≤ 2ℒ (R(θ) − R*), and σ*² = E‖∇f_t(θ*)‖² = 0: all samples are stationary at θ*. For a constant
step 0 < η < 1/ℒ and the average θ̄ of θ_0 … θ_{T−1},

    E R(θ̄) − R* ≤ D²/(2η(1 − ηℒ)T)       for every T ≥ 1,

which is 2ℒD²/T at η = 1/(2ℒ). For one random row a step ℒ = L_max.

Proof: E‖θ_{t+1} − θ*‖² ≤ E‖θ_t − θ*‖² − 2η(1 − ηℒ)(E R(θ_t) − R*); sum, and use Jensen's inequality.

Source: variance transfer as in Garrigos and Gower 2023, arXiv 2301.11235, where σ* = 0.

Instance: f_i = (d/2)θ_i², i = 1 … d, one random coordinate a step: E θ_t² and E θ_s θ_t obey linear recursions. All
coordinates start alike, and T = 1.25/η: a third of the bound.
"""

from __future__ import annotations

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import (
    CONVEX_SAMPLES,
    GRADIENT_STEP,
    HAS_MINIMISER,
    UNBIASED,
    constant_step,
    log,
)
from convlab.theorems._sgd import NO_NOISE_AT_THE_MINIMISER


def _log_bound(setting: Setting, t: int) -> float:
    eta = setting.step_size()
    return 2 * log(setting["D"]) - log(2 * eta * (1 - eta * setting["L_expected"])) - log(t)


def _random_coordinates(setting: Setting, t: int) -> float:
    """x ← (1 − ηd)x with probability 1/d, s ← s + x: E x², E x s and E s², each coordinate alike."""
    d, eta = setting["n"], setting.step_size()
    mean, square = 1 - eta, (1 - eta * d) ** 2 / d + (d - 1) / d
    xx, xs, ss = setting["D"] ** 2 / d, 0.0, 0.0
    for _ in range(t):
        ss += 2 * xs + xx
        xs = mean * (xs + xx)
        xx *= square
    return d / 2 * ss / t**2


THEOREM = Theorem(
    title="SGD, smooth convex, interpolation, average",
    statement=(
        r"E\,R(\bar\theta_T)-R^*\le\frac{D^2}{2\eta(1-\eta\mathcal{L})T},\qquad"
        r"\bar\theta_T=\frac1T\sum_{t=0}^{T-1}\theta_t,\quad\sigma_*=0,\quad 0<\eta<\frac{1}{\mathcal{L}}"
    ),
    source="variance transfer as in Garrigos and Gower 2023, arXiv 2301.11235, section 5, where sigma_* = 0",
    assumes=(
        GRADIENT_STEP,
        UNBIASED,
        CONVEX_SAMPLES,
        HAS_MINIMISER,
        NO_NOISE_AT_THE_MINIMISER,
        constant_step("1/L_expected", lambda setting: 1 / setting["L_expected"], strict=True),
    ),
    output="average",
    quantity="gap",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$\frac{D^2}{2\eta(1-\eta\mathcal{L})T}$",
    rate=Rate("power", lambda setting: -1.0, "1/T"),
    instance=Instance(
        spec={
            "problem": {"name": "coordinates", "dimension": 10, "D": 1.0},
            "oracle": {"name": "minibatch", "size": 1},
            "optimizer": {"name": "sgd", "step_size": "1/(4*L_expected)"},
            "run": {"horizon": 50, "seeds": 256},
        },
        reaches=0.3315,
        expected=_random_coordinates,
        note="random coordinates with short steps, and a horizon of the order of 1/(step_size mu)",
    ),
    log_bound=_log_bound,
    constants=("L_expected", "sigma_star", "D"),
)
