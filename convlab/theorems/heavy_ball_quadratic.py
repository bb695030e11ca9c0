r"""The heavy ball with Polyak's constants on strongly convex quadratics, the exact worst case.

For R quadratic with spectrum in [μ, L], 0 < μ ≤ L, and θ_{−1} = θ_0, the steps
θ_{t+1} = θ_t − α∇R(θ_t) + β(θ_t − θ_{t−1}) with ρ = (√L − √μ)/(√L + √μ), α = 4/(√L + √μ)² and β = ρ² satisfy

    ‖θ_T − θ*‖ ≤ (1 + T(1 + ρ)) ρ^T ‖θ_0 − θ*‖       for every T ≥ 0.

Along an eigenvector of eigenvalue λ the error is multiplied by the residual polynomial
p_T(λ) = ρ^T (U_T(c) − ρ U_{T−1}(c)), 2ρc = 1 + β − αλ, where c runs over [−1, 1] as λ runs over [μ, L], and
|U_T| ≤ T + 1 there. Attained at c = −1, which is λ = L: U_T(−1) = (−1)^T (T + 1), and both terms have one sign.

Source: Polyak 1964 (the constants and the rate); the exact factor is that of the residual polynomial above.
"""

from __future__ import annotations

import math

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, Instance, Rate, Theorem, needs
from convlab.theorems._assumptions import EXACT, STRONGLY_CONVEX, log

_ROUNDING = 2.0**-50  # relative; "4/(sqrt(L)+sqrt(mu))**2" may be rounded in more than one way


def _rho(setting: Setting) -> float:
    """(√L − √μ)/(√L + √μ), written without the cancellation: (L − μ)/(√L + √μ)²."""
    return (setting["L"] - setting["mu"]) / (math.sqrt(setting["L"]) + math.sqrt(setting["mu"])) ** 2


def _polyak(setting: Setting) -> dict[str, float]:
    return {"step_size": 4 / (math.sqrt(setting["L"]) + math.sqrt(setting["mu"])) ** 2, "momentum": _rho(setting) ** 2}


def _holds(setting: Setting) -> bool:
    chosen = {name: setting.hyper[name].value for name in ("step_size", "momentum")}
    return all(
        value is not None and math.isclose(value, best, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
        for value, best in zip(chosen.values(), _polyak(setting).values(), strict=True)
    )


def _finding(setting: Setting) -> str:
    best = _polyak(setting)
    return ", ".join(
        f"{name} = {setting.hyper[name].written} (here {name} = {best[name]:.6g} is needed)" for name in best
    )


def _log_bound(setting: Setting, t: int) -> float:
    rho = _rho(setting)
    return 2 * (log(setting["D"]) + math.log1p(t * (1 + rho)) + (t * log(rho) if t else 0.0))


def _at_eigenvalue_l(setting: Setting, t: int) -> float:
    """x_{t+1} = −2ρx_t − ρ²x_{t−1} has the double root −ρ: x_t = (−ρ)^t (1 + ct)D, where x_1 = (1 − αL)D gives c."""
    root = math.sqrt(setting.hyper["momentum"].at(0))
    slope = (setting.step_size() * setting["L"] - 1) / root - 1
    return (setting["D"] * (1 + slope * t) * root**t) ** 2


THEOREM = Theorem(
    title="Heavy ball, quadratics, distance",
    statement=(
        r"\|\theta_T-\theta^*\|\le(1+T(1+\rho))\,\rho^T\|\theta_0-\theta^*\|,\qquad "
        r"\rho=\frac{\sqrt L-\sqrt\mu}{\sqrt L+\sqrt\mu},\quad\alpha=\frac{4}{(\sqrt L+\sqrt\mu)^2},\quad\beta=\rho^2"
    ),
    source="Polyak 1964; the exact factor by the residual polynomial, in Chebyshev polynomials of the second kind",
    assumes=(
        needs("heavy-ball step", "steps theta - step_size * grad f_t + momentum * (theta_t - theta_{t-1})"),
        EXACT,
        needs("quadratic", "a quadratic risk"),
        STRONGLY_CONVEX,
        Assumption(
            "step_size = 4/(sqrt(L)+sqrt(mu))^2 and momentum = ((sqrt(L)-sqrt(mu))/(sqrt(L)+sqrt(mu)))^2",
            _holds,
            finding=_finding,
        ),
    ),
    output="last",
    quantity="dist2",
    sense="every run",
    valid="every t >= 1",
    formula=r"$(1+T(1+\rho))^2\rho^{2T}D^2,\ \rho=\frac{\sqrt{L}-\sqrt{\mu}}{\sqrt{L}+\sqrt{\mu}}$",
    rate=Rate("linear", lambda setting: 2 * log(_rho(setting)), "r^(2T)"),
    instance=Instance(
        spec={
            "problem": {"name": "quadratic", "dimension": 2, "L": 9.0, "mu": 1.0, "start": "steepest"},
            "optimizer": {
                "name": "heavy_ball",
                "step_size": "4/(sqrt(L)+sqrt(mu))**2",
                "momentum": "((sqrt(L)-sqrt(mu))/(sqrt(L)+sqrt(mu)))**2",
            },
            "run": {"horizon": 50},
        },
        reaches=1.0,
        expected=_at_eigenvalue_l,
        note="a quadratic that starts along the eigenvector of L: equality at every t",
    ),
    log_bound=_log_bound,
    constants=("L", "mu", "D"),
)
