r"""Projected stochastic subgradient steps with bounded gradients: a whole run at once, with probability 1 − δ.

Let R be convex on a closed convex set of diameter Δ with a minimiser θ* at distance D from θ_0, E f_t = R with
independent draws, and ‖g_t‖ ≤ G for certain. Steps θ_{t+1} = P(θ_t − ηg_t) with a constant η > 0 satisfy, for the
averages θ̄_t of θ_0 … θ_{t−1} of a run of T steps,

    P( R(θ̄_t) − R* ≤ D²/(2ηt) + ηG²/2 + GΔ√(2T ln(1/δ))/t  for all t ≤ T ) ≥ 1 − δ.

Proof: `_probability` with n = T: Doob's inequality speaks of the largest of M_1, …, M_T. At t = T it is what
sgd_high_probability says of T alone; earlier averages pay for being watched.

Source: Hoeffding 1963, (2.17), for the maximum of a martingale. The proof is in `_probability`.

Instance: that of sgd_high_probability, whose quantile at T is a count of paths.
"""

from __future__ import annotations

from convlab.core.theorem import Rate, Theorem
from convlab.theorems._probability import CONSTANTS, INSTANCE, PROJECTED, log_average_bound

THEOREM = Theorem(
    title="Stochastic subgradient method, a whole run's averages",
    statement=(
        r"P\left(\forall t\le T:\ R(\bar\theta_t)-R^*\le\frac{D^2}{2\eta t}+\frac{\eta G^2}{2}+"
        r"\frac{G\Delta\sqrt{2T\ln(1/\delta)}}{t}\right)\ge1-\delta,\qquad"
        r"\bar\theta_t=\frac1t\sum_{s=0}^{t-1}\theta_s,\quad\|g_t\|\le G,\quad\Delta=\mathrm{diam}"
    ),
    source="Hoeffding 1963, (2.17); Nemirovski, Juditsky, Lan and Shapiro 2009",
    assumes=PROJECTED,
    output="average",
    quantity="gap",
    sense="probability",
    valid="all t at once",
    formula=r"$\frac{D^2}{2\eta t}+\frac{\eta G^2}{2}+G\Delta\sqrt{2T\ln(1/\delta)}/t$",
    rate=Rate("power", lambda setting: -1.0, "1/t + step_size"),
    instance=INSTANCE,
    log_bound=lambda setting, t: log_average_bound(setting, t, setting.horizon),
    constants=CONSTANTS,
)
