r"""Projected stochastic subgradient steps with bounded gradients: one run's average gap, with probability 1 − δ.

Let R be convex on a closed convex set of diameter Δ with a minimiser θ* at distance D from θ_0, E f_t = R with
independent draws, and ‖g_t‖ ≤ G for certain. Steps θ_{t+1} = P(θ_t − ηg_t) with a constant η > 0 satisfy, for the
average θ̄ of θ_0 … θ_{T−1} and every T ≥ 1 by itself,

    P( R(θ̄) − R* ≤ D²/(2ηT) + ηG²/2 + GΔ√(2 ln(1/δ)/T) ) ≥ 1 − δ.

Proof: `_probability` with n = t = T, and Jensen's inequality. The first two terms bound the expectation; the last is
what a single run may add, and it falls as slowly as they do.

Source: Nemirovski, Juditsky, Lan and Shapiro 2009, section 2, for the method of proof; Azuma 1967 and Hoeffding 1963,
whose lemma gives the constant. The proof is in `_probability`.

Instance: G|x| in an interval with noise ±σ: the law of the average is that of all 2^T equally likely paths of signs,
and its quantile a count. The bound allows for noise that pushes the same way at every step, at the far end of the set.
"""

from __future__ import annotations

from convlab.core.theorem import Rate, Theorem
from convlab.theorems._probability import CONSTANTS, INSTANCE, PROJECTED, log_average_bound

THEOREM = Theorem(
    title="Stochastic subgradient method, one run's average",
    statement=(
        r"P\left(R(\bar\theta_T)-R^*\le\frac{D^2}{2\eta T}+\frac{\eta G^2}{2}+G\Delta\sqrt{\frac{2\ln(1/\delta)}{T}}"
        r"\right)\ge1-\delta,\qquad\bar\theta_T=\frac1T\sum_{t=0}^{T-1}\theta_t,\quad\|g_t\|\le G,\quad"
        r"\Delta=\mathrm{diam}"
    ),
    source="Nemirovski, Juditsky, Lan and Shapiro 2009; Azuma 1967; Hoeffding 1963",
    assumes=PROJECTED,
    output="average",
    quantity="gap",
    sense="probability",
    valid="every t >= 1",
    formula=r"$\frac{D^2}{2\eta T}+\frac{\eta G^2}{2}+G\Delta\sqrt{2\ln(1/\delta)/T}$",
    rate=Rate("power", lambda setting: -0.5, "1/sqrt(T) + step_size"),
    instance=INSTANCE,
    log_bound=lambda setting, t: log_average_bound(setting, t, t),
    constants=CONSTANTS,
)
