"""check_derivative: it passes what is right, finds what is wrong and says how, refuses points without derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from convlab.calculus.check import check_derivative
from convlab.calculus.differences import (
    backward_quotient,
    central_quotient,
    complex_step,
    difference_errors,
    forward_quotient,
    ridders_quotient,
)
from convlab.calculus.inputs import CalculusError
from convlab.calculus.slopes import log_slope

A = np.array([[1.0, 2.0, -0.5], [3.0, -4.0, 0.25]])

# f, x, f'(x) in closed form.
SMOOTH: dict[str, tuple[Callable[[jax.Array], jax.Array], float, float]] = {
    "sin": (jnp.sin, 1.0, math.cos(1.0)),
    "exp": (jnp.exp, -3.0, math.exp(-3.0)),
    "log": (jnp.log, 2.5, 0.4),
    "log at a small x": (jnp.log, 1e-8, 1e8),
    "sqrt": (jnp.sqrt, 2.0, 0.5 / math.sqrt(2.0)),
    "tan": (jnp.tan, 1.2, 1 / math.cos(1.2) ** 2),
    "tanh, steep": (lambda x: jnp.tanh(1000 * x), 1e-4, 1000 / math.cosh(0.1) ** 2),
    "exp(20x)": (lambda x: jnp.exp(20 * x), 0.5, 20 * math.exp(10.0)),
    "arctan": (jnp.arctan, -4.0, 1 / 17),
    "x^7": (lambda x: x**7, -1.5, 7 * 1.5**6),
    "1/x": (lambda x: 1 / x, 0.01, -1e4),
    "x^x": (lambda x: x**x, 1.5, 1.5**1.5 * (math.log(1.5) + 1)),
    "sin(1/x)": (lambda x: jnp.sin(1 / x), 0.05, -math.cos(20.0) * 400),
    "softplus": (jax.nn.softplus, 0.0, 0.5),
    "softplus far out": (jax.nn.softplus, -300.0, math.exp(-300.0)),
    "sigmoid": (jax.nn.sigmoid, 2.0, special.expit(2.0) * special.expit(-2.0)),
    "erf": (jax.scipy.special.erf, 0.3, 2 / math.sqrt(math.pi) * math.exp(-0.09)),
    "gammaln": (jax.scipy.special.gammaln, 3.5, float(special.digamma(3.5))),
    "a constant": (lambda x: 0 * x + 3.0, 1.0, 0.0),
    "a line": (lambda x: 3 * x - 1, 2.0, 3.0),
    "a parabola": (lambda x: x**2, 0.0, 0.0),
    "huge values": (lambda x: 1e100 * jnp.sin(x), 1.0, 1e100 * math.cos(1.0)),
    "tiny values": (lambda x: 1e-100 * jnp.exp(x), 1.0, 1e-100 * math.e),
    "a tiny x": (lambda x: jnp.sin(1e100 * x), 1e-100, 1e100 * math.cos(1.0)),
    "|x| beside its kink": (jnp.abs, 1e-6, 1.0),
    "|x|^1.5 at 0": (lambda x: jnp.abs(x) ** 1.5, 0.0, 0.0),
    "|x|^3 at 0": (lambda x: jnp.abs(x) ** 3, 0.0, 0.0),
    "x|x| at 0": (lambda x: x * jnp.abs(x), 0.0, 0.0),
    "cosh - 1": (lambda x: 2 * jnp.sinh(x / 2) ** 2, 0.1, math.sinh(0.1)),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_what_is_right_passes(name: str) -> None:
    f, x, truth = SMOOTH[name]
    found = check_derivative(f, x)
    assert found.verdict == "correct", found.why
    assert found.autodiff == pytest.approx(truth, rel=1e-11, abs=1e-300)
    assert abs(found.measured - truth) <= 4 * found.bound + 1e-11 * abs(truth)
    assert found.accuracy <= 1e-4


def test_orders_are_one_and_two_with_their_intervals() -> None:
    for f, x in ((jnp.sin, 1.0), (jnp.exp, 0.5), (lambda x: x**5, 1.5), (jnp.tanh, 0.7)):
        found = check_derivative(f, x)
        assert found.one_sided_order is not None
        assert found.central_order is not None
        assert found.one_sided_order.value == pytest.approx(1, abs=0.1)
        assert found.central_order.value == pytest.approx(2, abs=0.1)
        assert 1e-8 < found.best_h < 1e-3  # ∛u of the scale, within what rounding makes of it
        assert found.best_error < 1e-8
    linear = check_derivative(lambda x: 3 * x - 1, 2.0)
    assert linear.one_sided_order is None
    assert "linear" in linear.order_note


def test_no_false_alarm_on_random_smooth_functions() -> None:
    """200 points of sums of waves, R⁴ → R³."""
    generator = np.random.default_rng(0)
    for _ in range(4):
        W, b, C = generator.normal(size=(6, 4)), generator.normal(size=6), generator.normal(size=(3, 6))

        def f(x: jax.Array, W: Any = W, b: Any = b, C: Any = C) -> jax.Array:
            return jnp.asarray(C) @ jnp.sin(jnp.asarray(W) @ x + jnp.asarray(b))

        compiled = jax.jit(f)
        for x in generator.normal(size=(50, 4)):
            found = check_derivative(compiled, x)
            assert found.verdict == "correct", found.why


def nowhere_linear(x: jax.Array) -> jax.Array:
    """x²y/(x² + y²), 0 at 0: every directional derivative exists at 0, and they are not linear in the direction."""
    square = jnp.sum(x * x)
    there = square > 0
    return jnp.where(there, x[0] ** 2 * x[1] / jnp.where(there, square, 1.0), 0.0)


KINKS: dict[str, tuple[Callable[[jax.Array], jax.Array], Any, str]] = {
    "|x|": (jnp.abs, 0.0, "one-sided limits differ along e_1: -1 from the left, +1 from the right"),
    "relu": (jax.nn.relu, 0.0, "one-sided limits differ along e_1: 0 from the left, +1 from the right"),
    "max at a tie": (jnp.max, np.array([1.0, 1.0, 0.0]), "one-sided limits differ"),
    "a norm at 0": (lambda x: jnp.sqrt(jnp.sum(x * x)), np.zeros(3), "one-sided limits differ"),
    "sqrt at 0": (jnp.sqrt, 0.0, "vertical tangent"),
    "cube root at 0": (jnp.cbrt, 0.0, "grow without bound"),
    "a jump": (jnp.round, 0.5, "jumps"),
    "directions": (nowhere_linear, np.zeros(2), "not linear in the direction"),
    "relu of one of many": (lambda x: jnp.sum(jax.nn.relu(x)), np.linspace(-1, 1, 9), "from the right"),
}


@pytest.mark.parametrize("name", KINKS)
def test_where_there_is_no_derivative_it_says_so(name: str) -> None:
    f, x, told = KINKS[name]
    found = check_derivative(f, x)
    assert found.verdict == "not differentiable", found.why
    assert told in found.why


def custom(value: Callable[[Any], Any], rule: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """A function whose jvp rule is the one given."""
    f = jax.custom_jvp(value)
    f.defjvp(lambda primals, tangents: (value(primals[0]), rule(primals[0], tangents[0])))
    return f  # type: ignore[no-any-return]


def with_vjp(value: Callable[[Any], Any], rule: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    f = jax.custom_vjp(value)
    f.defvjp(lambda x: (value(x), x), lambda x, u: (rule(x, u),))
    return f  # type: ignore[no-any-return]


def square(x: jax.Array) -> jax.Array:
    return jnp.asarray(A[:, :2]) @ x


def naive_softplus(x: jax.Array) -> jax.Array:
    return jax.nn.softplus(x)


VECTOR = np.array([1.0, -2.0, 0.5])
WRONG: dict[str, tuple[Callable[[Any], Any], Any, str]] = {
    "sign": (custom(jnp.sin, lambda x, t: -jnp.cos(x) * t), 1.0, "it has the wrong sign"),
    "factor": (custom(lambda x: x**3, lambda x, t: 6 * x**2 * t), 2.0, "it is 2 times the true one"),
    "half": (with_vjp(lambda x: jnp.sum(x**2), lambda x, u: x * u), VECTOR, "it is half the true one"),
    "a millionth": (custom(lambda x: x**3, lambda x, t: 3 * (1 + 1e-6) * x**2 * t), 2.0, "relative 1.0e-06"),
    "transpose": (custom(square, lambda x, t: jnp.asarray(A[:, :2]).T @ t), np.array([1.0, -1.0]), "is the transpose"),
    "swapped outputs": (
        custom(
            lambda x: jnp.stack([x[0] ** 2, x[1] ** 3]), lambda x, t: jnp.stack([3 * x[1] ** 2 * t[1], 2 * x[0] * t[0]])
        ),
        np.array([1.5, 2.0]),
        "outputs",
    ),
    "detached": (lambda x: jax.lax.stop_gradient(x) ** 2, 2.0, "zero although f changes"),
    "NaN": (
        custom(naive_softplus, lambda x, t: t * jnp.exp(-x) / jnp.exp(-x) / (1 + jnp.exp(-x))),
        -800.0,
        "it is NaN where f is smooth",
    ),
    "raises": (custom(jnp.sin, lambda x, t: jnp.ones(3) @ t), 1.0, ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found_and_explained(name: str) -> None:
    f, x, told = WRONG[name]
    found = check_derivative(f, x)
    assert found.verdict == "wrong", found.why
    assert told in f"{found.why} {found.explanation}", found.why
    assert "\n" not in found.why


def test_a_thousandth_is_always_found() -> None:
    for name, (f, x, truth) in SMOOTH.items():
        if truth != 0 and "far out" not in name:
            wrong = custom(f, lambda x, t, truth=truth: 1.001 * truth * t)
            assert check_derivative(wrong, x).verdict == "wrong", name


def test_quotients_have_their_textbook_errors() -> None:
    """sin at 1: ½ sin(1) h, ⅙ cos(1) h², and the complex step ⅙ cos(1) h² without rounding."""
    h = np.array([1e-2, 1e-3])
    errors = difference_errors(jnp.sin, 1.0, 1.0, h, math.cos(1.0))
    np.testing.assert_allclose(errors.one_sided, 0.5 * math.sin(1.0) * h, rtol=5e-3)
    np.testing.assert_allclose(errors.central, math.cos(1.0) / 6 * h**2, rtol=1e-4)
    assert errors.complex_step is not None
    np.testing.assert_allclose(errors.complex_step, math.cos(1.0) / 6 * h**2, rtol=1e-4)
    slope = log_slope(h.repeat(2) * np.tile([1.0, 0.5], 2), np.ones(4))
    assert slope is not None
    assert slope.value == pytest.approx(0, abs=1e-12)
    assert float(complex_step(jnp.exp, 1.0, 1.0)) == pytest.approx(math.e, rel=1e-15)
    value, error = ridders_quotient(jnp.exp, 1.0, 1.0)
    assert abs(float(value) - math.e) <= max(float(error), 1e-11)
    sides = [float(each(jnp.abs, 0.0, 1.0, 1e-3)) for each in (backward_quotient, forward_quotient, central_quotient)]
    assert sides == [-1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: check_derivative(jnp.sum, np.arange(3)), "x is int64 of shape (3,); it should be real floating point"),
        (lambda: check_derivative(lambda x: 1.0, 1.0), "f(x) is a Python float"),
        (lambda: check_derivative(jnp.log, -1.0), "f(x) is NaN"),
        (lambda: check_derivative(lambda x: 2 * x, np.zeros(0)), "holds no number: x is of shape (0,)"),
        (lambda: check_derivative(lambda x: x[:0], np.ones(3)), "holds no number"),
        (lambda: check_derivative(lambda x: 1 / x, 0.0), "f(x) is infinite"),
        (lambda: check_derivative(jnp.sin, 1.0, directions=0), "directions = 0; it should be a whole number"),
        (lambda: complex_step(jnp.abs, 1.0, 1.0), "f returns real numbers for complex x"),
        (lambda: forward_quotient(jnp.sin, 1.0, 1.0, 0.0), "h holds 0"),
    ],
)
def test_a_mistake_is_one_line(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(CalculusError) as caught:
        call()
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_f_reads_may_change_from_call_to_call() -> None:
    weight = [1.0]

    def f(x: jax.Array) -> jax.Array:
        return weight[0] * x**2

    assert check_derivative(f, 2.0).autodiff == 4.0
    weight[0] = 5.0
    assert check_derivative(f, 2.0).autodiff == 20.0


def test_powers_that_underflow_near_zero_are_no_edge() -> None:
    """x⁵/x⁴ with its hole filled: 0/0 below 1e-80, and a derivative of 1 that autodiff does not see."""
    found = check_derivative(lambda x: jnp.where(x == 0, 0.0, x**5 / jnp.where(x == 0, 1.0, x) ** 4), 0.0)
    assert found.verdict == "wrong", found.why
    assert found.measured == pytest.approx(1.0, rel=1e-9)
