r"""SGD on a parabola with Gaussian noise: every quantile of the gap, in closed form.

On R(θ) = R* + (μ/2)(θ − θ*)² in one dimension, with gradients R'(θ_t) + ξ_t, ξ_t ~ N(0, σ²) independent, and any steps
η_t > 0, θ_T − θ* is Gaussian with mean ± m_T and variance v_T,

    m_{t+1} = |1 − η_tμ| m_t,  m_0 = D,        v_{t+1} = (1 − η_tμ)² v_t + η_t²σ²,  v_0 = 0,

and with z the (1 − δ/2)-quantile of N(0, 1), at every T ≥ 1,

    P( R(θ_T) − R* ≤ (μ/2)(m_T + z√v_T)² ) ≥ 1 − δ.

Proof: |m + √v x| > m + z√v means x > z or x < −z − 2m/√v, each of probability δ/2 at most. Where the start is
forgotten, m_T = 0, it is an equality: with η_t = 1/(μ(t + 1)) the gap is σ²/(2μT) times a χ²₁.

Source: the recursion above.

Instance: a parabola whose start is still remembered at T = 4, for of an equality no sample confirms that it is none the
worse: the quantile solves Φ(x − m/√v) − Φ(−x − m/√v) = 1 − δ.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Theorem, needs
from convlab.theorems._assumptions import GRADIENT_STEP, STRONGLY_CONVEX, UNBIASED, log
from convlab.theorems._sgd import POSITIVE_STEPS, noisy_second_moments, steps


def _moments(setting: Setting, t: int) -> tuple[float, float]:
    """ln m_t, and v_t."""
    left = 1 - steps(setting, t) * setting["mu"]
    log_mean = log(setting["D"]) + float(sum(log(abs(factor)) for factor in left))
    variance = 0.0
    for factor, eta in zip(left, steps(setting, t), strict=True):
        variance = factor**2 * variance + (eta * setting["sigma"]) ** 2
    return log_mean, variance


def _log_bound(setting: Setting, t: int) -> float:
    log_mean, variance = _moments(setting, t)
    z = -NormalDist().inv_cdf(setting["delta"] / 2)
    return log(setting["mu"] / 2) + 2 * log(math.exp(log_mean) + z * math.sqrt(variance))


def _quantile(setting: Setting, t: int) -> float:
    """By bisection of the normal distribution function, from the first and second moment."""
    curvature = setting["mu"]
    mean = setting["D"] * math.prod(1 - eta * curvature for eta in steps(setting, t))
    spread = math.sqrt(noisy_second_moments(setting, curvature, t)[-1] - mean**2)
    law, low, high = NormalDist(mean, spread), 0.0, abs(mean) + 40 * spread
    for _ in range(200):
        middle = (low + high) / 2
        inside = law.cdf(middle) - law.cdf(-middle)
        low, high = (low, middle) if inside >= 1 - setting["delta"] else (middle, high)
    return float(curvature / 2 * high**2)


THEOREM = Theorem(
    title="SGD on a parabola with Gaussian noise, quantiles",
    statement=(
        r"P\left(R(\theta_T)-R^*\le\frac{\mu}{2}\left(m_T+z_{1-\delta/2}\sqrt{v_T}\right)^2\right)\ge1-\delta,\qquad"
        r"m_T=D\prod_{t<T}|1-\eta_t\mu|,\quad v_{t+1}=(1-\eta_t\mu)^2v_t+\eta_t^2\sigma^2,\quad v_0=0"
    ),
    source="a linear recursion with Gaussian noise",
    assumes=(
        GRADIENT_STEP,
        UNBIASED,
        needs("quadratic", "a quadratic risk"),
        needs("one-dimensional", "one dimension"),
        STRONGLY_CONVEX,
        needs("Gaussian noise", "additive Gaussian noise"),
        POSITIVE_STEPS,
    ),
    output="last",
    quantity="gap",
    sense="probability",
    valid="every t >= 1",
    formula=r"$\frac{\mu}{2}\left(m_T+z_{1-\delta/2}\sqrt{v_T}\right)^2$",
    rate=None,
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 1, "L": 1.0, "D": 16.0},
            "oracle": {"name": "additive_noise", "sigma": 1.0},
            "optimizer": {"name": "sgd", "step_size": "1/(2*L)"},
            "run": {"horizon": 4, "seeds": 512},
        },
        reaches=0.7966,
        expected=_quantile,
        note="a parabola whose start is not yet forgotten; without a start it is an equality",
    ),
    log_bound=_log_bound,
    constants=("mu", "sigma", "D", "delta"),
)
