r"""No gradient method is faster than 1/T² on smooth convex functions: Nesterov's chain.

On f(x) = (L/4)(½(x_1² + Σ(x_i − x_{i+1})² + x_d²) − x_1), from 0, every method whose points stay in the span of the
gradients it has seen satisfies

    f(x_T) − f* ≥ (L/8)(1/(T + 1) − 1/(d + 1)) = (f(x_0) − f*)(d − T)/(d(T + 1))       for every T < d.

Proof: the gradient at a point whose last nonzero coordinate is the i-th reaches coordinate i + 1 and no further, so x_T
has its first T coordinates at most, and on those the least value of f is −(L/8)(1 − 1/(T + 1)).

With d = 2T + 1 and D² = d(2d + 1)/(6(d + 1)) it is L/(16(T + 1)) ≥ 3L D²/(32(T + 1)²): with one chain for each horizon
no span method has a bound of smaller order in L D² than Nesterov's accelerated gradient.

Attained by conjugate gradients at every T; and at T = 2 by the heavy ball with step size 4/(√3 L) and momentum
4/√3 − 2, which lands on (2/3, 1/3, 0, …). Exact line search attains it at T = 1.

Source: Nesterov 2004, section 2.1.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, Instance, Theorem
from convlab.theorems._assumptions import EXACT, log
from convlab.theorems._nesterov_chain import ON_THE_CHAIN, SPAN_METHOD, chain


def _log_bound(setting: Setting, t: int) -> float:
    links = chain(setting).links
    return log(setting.low("initial_gap")) + log(links - t) - math.log(links * (t + 1))


def _heavy_ball(setting: Setting, t: int) -> float:
    """L = 1 and d = 5: x_1 = 1/√3, then (2/3, 1/3), from f = (1/4)(½Σ(differences)² − x_1) and f* = −5/48."""
    points = [(0.0, 0.0), (1 / math.sqrt(3), 0.0), (2 / 3, 1 / 3)]
    first, second = points[t]
    return ((first**2 + (first - second) ** 2 + second**2) / 2 - first) / 4 + 5 / 48


THEOREM = Theorem(
    title="Lower bound, smooth convex",
    statement=(
        r"R(\theta_T)-R^*\ge\frac L8\left(\frac{1}{T+1}-\frac{1}{d+1}\right),\qquad T<d;\qquad "
        r"d=2T+1:\ \frac{L}{16(T+1)}\ge\frac{3LD^2}{32(T+1)^2}"
    ),
    source="Nesterov 2004, section 2.1",
    assumes=(
        SPAN_METHOD,
        EXACT,
        ON_THE_CHAIN,
        Assumption(
            "a chain with mu = 0",
            lambda setting: chain(setting).mu == 0,
            finding=lambda setting: f"mu = {chain(setting).mu:.6g}",
        ),
    ),
    output="last",
    quantity="gap",
    sense="every run",
    valid="every t >= 1",
    formula=r"$\frac{L}{8}(\frac{1}{T+1}-\frac{1}{d+1})$",
    rate=None,
    instance=Instance(
        spec={
            "problem": {"name": "nesterov_chain", "dimension": "2*T+1", "L": 1.0},
            "optimizer": {"name": "heavy_ball", "step_size": "4/(sqrt(3)*L)", "momentum": "4/sqrt(3)-2"},
            "run": {"horizon": 2},
        },
        reaches=1.0,
        expected=_heavy_ball,
        note="two steps of a heavy ball that lands on the best point of the first two coordinates: equality",
    ),
    log_bound=_log_bound,
    constants=("initial_gap",),
    kind="lower",
)
