r"""No gradient method is faster than ((√κ − 1)/(√κ + 1))^T on smooth strongly convex functions: Nesterov's chain.

On f(x) = ((L−μ)/4)(½(x_1² + Σ(x_i − x_{i+1})² + x_d²) − x_1) + (μ/2)‖x‖², μ > 0, from 0, every method whose points stay
in the span of the gradients it has seen satisfies

    ‖x_T − x*‖² ≥ Σ_{i=T+1}^{d} (x*_i)²,   x*_i = (q^i − q^(2(d+1)−i))/(1 − q^(2(d+1))),   q = (√κ − 1)/(√κ + 1),

κ = L/μ, for every T < d, since the gradients of x_0, …, x_{T−1} are zero beyond their first T coordinates. On an
endless chain x*_i = q^i, and the bound is q^(2T) ‖x_0 − x*‖².

Attained at every T, on an endless chain, by the heavy ball with Polyak's constants, step size 4/(√L + √μ)² and momentum
q². By induction x_T = (q, q², …, q^T, 0, …): there the gradient is zero but for coordinates T and T + 1, where it is
(L−μ)/4 times q^(T+1) and −q^T; step size times (L−μ)/4 is q, and the momentum, q² times q^T in coordinate T, removes
the first and leaves q^(T+1). So no worst-case factor below q is possible, and Polyak's constants are the best ones for
this function, whatever they do on others.

Source: Nesterov 2004, section 2.1; that the heavy ball attains it is computed here.
"""

from __future__ import annotations

import math

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, Instance, Rate, Theorem
from convlab.theorems._assumptions import EXACT
from convlab.theorems._nesterov_chain import ON_THE_CHAIN, SPAN_METHOD, chain


def _log_bound(setting: Setting, t: int) -> float:
    """With q^(T+1) taken out of every term, which leaves q^j (1 − q^(2(d−T−j))) for j = 0, …, d − T − 1."""
    links, log_q = chain(setting).links, chain(setting).log_q
    if t >= links:
        return -math.inf
    j = np.arange(links - t, dtype=np.float64)
    terms = np.exp(j * log_q) * -np.expm1(2 * (links - t - j) * log_q)
    scale = -math.expm1(2 * (links + 1) * log_q)
    return 2 * ((t + 1) * log_q - math.log(scale)) + math.log(float(np.sum(terms**2)))


def _heavy_ball(setting: Setting, t: int) -> float:
    """q^(2t+2)/(1 − q²) with q = 1/2, the distance of (q, …, q^t, 0, …) from (q, q², …)."""
    return 4.0**-t / 3


THEOREM = Theorem(
    title="Lower bound, strongly convex",
    statement=(
        r"\|\theta_T-\theta^*\|^2\ge\sum_{i=T+1}^{d}(\theta^*_i)^2\ \to\ q^{2T}\|\theta_0-\theta^*\|^2"
        r"\quad(d\to\infty),\qquad q=\frac{\sqrt\kappa-1}{\sqrt\kappa+1},\quad\kappa=\frac L\mu"
    ),
    source="Nesterov 2004, section 2.1",
    assumes=(
        SPAN_METHOD,
        EXACT,
        ON_THE_CHAIN,
        Assumption("a chain with mu > 0", lambda setting: chain(setting).mu > 0, finding=lambda setting: "mu = 0"),
    ),
    output="last",
    quantity="dist2",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\sum_{i>T}(\theta^*_i)^2\approx q^{2T}D^2,\ q=\frac{\sqrt{\kappa}-1}{\sqrt{\kappa}+1}$",
    rate=Rate("linear", lambda setting: 2 * chain(setting).log_q, "q^(2T)"),
    instance=Instance(
        spec={
            "problem": {"name": "nesterov_chain", "dimension": 60, "L": 9.0, "mu": 1.0},
            "optimizer": {"name": "heavy_ball", "step_size": 0.25, "momentum": 0.25},
            "run": {"horizon": 12},
        },
        reaches=1.0,
        expected=_heavy_ball,
        note="the heavy ball with Polyak's constants, kappa = 9 and q = 1/2: equality at every t, but for q^120",
    ),
    log_bound=_log_bound,
    kind="lower",
)
