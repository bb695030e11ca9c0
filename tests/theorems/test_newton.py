"""Newton's local bound against Newton's method in 120 digits."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import pytest
from instances import THEOREMS, setting_of

THEOREM = THEOREMS["newton_local_quadratic"]


@pytest.mark.parametrize(("mu", "M", "D"), [("1", "1", "0.1"), ("0.3", "7", "2"), ("5", "0.01", "30")])
def test_the_cubic_in_closed_form_and_its_fraction(mu: str, M: str, D: str) -> None:
    with mpmath.workdps(120):
        strong, lipschitz, x = mpmath.mpf(mu), mpmath.mpf(M), mpmath.mpf(D)
        setting = setting_of("newton_local_quadratic", 4, mu=float(strong), M=float(lipschitz), D=float(x))
        for t in range(4):
            assert THEOREM.instance.expected(setting, t) == pytest.approx(float(x**2), rel=1e-12)
            following = x - (strong * x + lipschitz / 2 * x * abs(x)) / (strong + lipschitz * abs(x))
            share = (1 / (1 + lipschitz * x / strong)) ** 2
            bound = math.exp(THEOREM.log_step(setting, float(x**2)))
            assert float(following**2) == pytest.approx(bound * float(share), rel=1e-12)
            x = following


def test_the_bound_is_one_step_tight() -> None:
    """f'' = mu + M(x0 − y) on [0, x0] leads to −M x0²/(2 mu): equality."""
    mu, M, start = 0.5, 3.0, 0.2
    # f' at x0 is the integral of f'' over [0, x0]; f'' there is mu
    following = start - (mu * start + M * start**2 / 2) / mu
    setting = setting_of("newton_local_quadratic", 1, mu=mu, M=M, D=start)
    assert following**2 == pytest.approx(math.exp(THEOREM.log_step(setting, start**2)), rel=1e-12)


def softplus(x: mpmath.mpf, ridge: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    s = 1 / (1 + mpmath.exp(-x))
    return s - mpmath.mpf("0.5") + ridge * x, s * (1 - s) + ridge


@pytest.mark.parametrize("ridge", ["0.01", "0.1", "1"])
@pytest.mark.parametrize("start", ["0.5", "1.5", "-3"])
def test_the_bound_holds_at_every_step_near_and_far(ridge: str, start: str) -> None:
    """Logistic loss plus ridge, minimiser 0, third derivative ≤ 1/(6√3): true at each full step, even a bad one."""
    derivatives: Callable[[mpmath.mpf, mpmath.mpf], tuple[mpmath.mpf, mpmath.mpf]] = softplus
    with mpmath.workdps(60):
        x, mu = mpmath.mpf(start), mpmath.mpf(ridge)
        setting = setting_of(
            "newton_local_quadratic", 6, mu=float(mu), M=float(1 / (6 * mpmath.sqrt(3))), D=abs(float(x))
        )
        for _ in range(4):
            slope, curvature = derivatives(x, mu)
            following = x - slope / curvature
            assert float(following**2) <= math.exp(THEOREM.log_step(setting, float(x**2))) * (1 + 1e-12)
            x = following
            if x == 0:
                break


def test_a_quadratic_is_solved_in_one_step() -> None:
    setting = setting_of("newton_local_quadratic", 1, mu=1.0, M=0.0, D=1.0)
    assert THEOREM.log_step(setting, 1.0) == -math.inf
