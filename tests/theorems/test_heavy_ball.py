"""The heavy ball's exact worst case on quadratics against the recursion in 80 digits."""

from __future__ import annotations

import importlib
import math

import mpmath
import pytest

from convlab.core.setting import Hyper, Known, Setting

THEOREM = importlib.import_module("convlab.theorems.heavy_ball_quadratic").THEOREM


def constants(L: float, mu: float) -> tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf]:
    """ρ, α and β of Polyak."""
    top, bottom = mpmath.sqrt(mpmath.mpf(L)), mpmath.sqrt(mpmath.mpf(mu))
    rho = (top - bottom) / (top + bottom)
    return rho, 4 / (top + bottom) ** 2, rho**2


def setting(L: float, mu: float, D: float = 1.0, step_size: float | None = None) -> Setting:
    _, alpha, beta = constants(L, mu)
    chosen = float(alpha) if step_size is None else step_size
    return Setting(
        *("quadratic", "exact", "heavy_ball"),
        horizon=100,
        traits=frozenset({"heavy-ball step", "exact oracle", "quadratic", "strongly convex"}),
        known={"L": Known(L, "exact"), "mu": Known(mu, "exact"), "D": Known(D, "exact")},
        hyper={"step_size": Hyper(repr(chosen), chosen), "momentum": Hyper(repr(float(beta)), float(beta))},
    )


def distance(L: float, mu: float, eigenvalue: float, steps: int) -> mpmath.mpf:
    """|x_T| from x_0 = x_{−1} = 1 on (λ/2)x², by the recursion itself."""
    _, alpha, beta = constants(L, mu)
    x, before = mpmath.mpf(1), mpmath.mpf(1)
    for _ in range(steps):
        x, before = x - alpha * mpmath.mpf(eigenvalue) * x + beta * (x - before), x
    return abs(x)


@pytest.mark.parametrize(("L", "mu"), [(1.0, 0.1), (9.0, 1.0), (1.0, 1e-4), (250.0, 0.3)])
@pytest.mark.parametrize("steps", [1, 2, 7, 100])
def test_it_is_attained_at_the_largest_eigenvalue_and_nowhere_exceeded(L: float, mu: float, steps: int) -> None:
    with mpmath.workdps(80):
        rho, _, _ = constants(L, mu)
        bound = (1 + steps * (1 + rho)) * rho**steps
        assert math.exp(THEOREM.log_bound(setting(L, mu), steps)) == pytest.approx(float(bound**2), rel=1e-10)
        assert abs(distance(L, mu, L, steps) / bound - 1) < mpmath.mpf(10) ** -60
        least = (1 + steps * (1 - rho)) * rho**steps
        assert abs(distance(L, mu, mu, steps) / least - 1) < mpmath.mpf(10) ** -60
        for share in (0.01, 0.2, 0.5, 0.77, 0.99):
            assert distance(L, mu, mu + share * (L - mu), steps) <= bound
        assert bound > rho**steps, "the often quoted ρ^T is no bound"


@pytest.mark.parametrize("steps", [0, 1, 10, 50])
def test_the_closed_form_of_the_instance_is_the_recursion(steps: int) -> None:
    with mpmath.workdps(80):
        truth = float(distance(9.0, 1.0, 9.0, steps) ** 2)
    assert THEOREM.instance.expected(setting(9.0, 1.0), steps) == pytest.approx(truth, rel=1e-9)


def test_other_constants_are_not_its_business() -> None:
    assumption = THEOREM.assumes[-1]
    assert assumption.holds(setting(9.0, 1.0))
    assert not assumption.holds(setting(9.0, 1.0, step_size=0.2))
    assert "0.25 is needed" in assumption.finding(setting(9.0, 1.0, step_size=0.2))
