r"""Stochastic (projected) subgradient steps on convex functions, with bounded second moments: the textbook's bound.

Let R be convex on a closed convex set (or all of space) with a minimiser θ* at distance D from θ_0, E f_t = R with
independent draws, and E‖g_t‖² ≤ G² for the subgradients g_t of f_t. Steps θ_{t+1} = P(θ_t − ηg_t) with a constant
η > 0 satisfy, for the average θ̄ of θ_0 … θ_{T−1},

    E R(θ̄) − R* ≤ D²/(2ηT) + ηG²/2       for every T ≥ 1,       and so ≤ DG/√T at η = D/(G√T).

Proof: E‖θ_{t+1} − θ*‖² ≤ E‖θ_t − θ*‖² − 2η(E R(θ_t) − R*) + η²G², as P does not expand; sum, and use Jensen's
inequality. The constant is the best possible: the resisting function of Drori and Teboulle (max_coordinate) attains
DG/√T with exact subgradients.

Source: Nemirovski and Yudin 1983; Nemirovski, Juditsky, Lan and Shapiro 2009.

Instance: G|x| with noise ±σ, G = 2σ/√T: the expectation is the mean over all 2^T equally likely paths. The noise
carries x across the kink and back, so that the average stays on both sides of it: 0.759 of the bound at T = 16.
"""

from __future__ import annotations

import math

import numpy as np

from convlab.core.setting import Setting
from convlab.core.theorem import Instance, Rate, Theorem
from convlab.theorems._assumptions import CONVEX, HAS_MINIMISER, UNBIASED, constant_step, log
from convlab.theorems._sgd import SUBGRADIENT_STEP, sign_paths


def _log_bound(setting: Setting, t: int) -> float:
    eta = setting.step_size()
    start = 2 * log(setting["D"]) - log(2 * eta) - log(t)
    return float(np.logaddexp(start, log(eta / 2) + 2 * log(setting["G_expected"])))


def _all_paths(setting: Setting, t: int) -> float:
    """E gap of the average on G|x| with noise ±σ, over all paths of signs."""
    points = sign_paths(setting, t, lambda x: setting["G"] * np.sign(x))
    return setting["G"] * float(np.mean(np.abs(points.mean(axis=1))))


THEOREM = Theorem(
    title="Stochastic subgradient method, bounded second moment, average",
    statement=(
        r"E\,R(\bar\theta_T)-R^*\le\frac{D^2}{2\eta T}+\frac{\eta G^2}{2},\qquad"
        r"\bar\theta_T=\frac1T\sum_{t=0}^{T-1}\theta_t,\quad E\|g_t\|^2\le G^2,\quad\eta>0"
    ),
    source="Nemirovski and Yudin 1983; Nemirovski, Juditsky, Lan and Shapiro 2009",
    assumes=(
        SUBGRADIENT_STEP,
        UNBIASED,
        CONVEX,
        HAS_MINIMISER,
        constant_step("infinity", lambda setting: math.inf, strict=True),
    ),
    output="average",
    quantity="gap",
    sense="expectation",
    valid="every t >= 1",
    formula=r"$\frac{D^2}{2\eta T}+\frac{\eta G^2}{2}$",
    rate=Rate("power", lambda setting: -1.0, "1/T + step_size"),
    instance=Instance(
        spec={
            "problem": {"name": "absolute", "G": "2/sqrt(T)", "D": 1.0},
            "oracle": {"name": "additive_noise", "sigma": 1.0, "law": "signs"},
            "optimizer": {"name": "sgd", "step_size": "D/(G_expected*sqrt(T))"},
            "run": {"horizon": 16, "seeds": 512},
        },
        reaches=0.7592,
        expected=_all_paths,
        note="a noisy absolute value whose slope, 2/sqrt(T), and step are tuned to the horizon; all sign paths",
    ),
    log_bound=_log_bound,
    constants=("G_expected", "D"),
)
