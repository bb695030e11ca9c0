"""Taylor expansions against mpmath and closed forms; both forms agree; a missing factorial is caught."""

from __future__ import annotations

import itertools
import math
import sys
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from convlab.calculus._taylor_mode import series
from convlab.calculus.directional import directional_derivative, directional_derivatives, highest_derivative
from convlab.calculus.inputs import CalculusError
from convlab.calculus.remainder import taylor_remainder, taylor_remainders
from convlab.calculus.taylor import taylor, taylor_along

mpmath.mp.dps = 60
mp = mpmath.mp
# f, the same in mpmath, x0: of one variable; those above the line bring derivatives of their own (custom_jvp).
FUNCTIONS: dict[str, tuple[Any, Any, float]] = {
    "softplus": (jax.nn.softplus, lambda x: mp.log(1 + mp.exp(x)), 0.3),
    "logaddexp": (lambda x: jnp.logaddexp(x, 2 * x - 1), lambda x: mp.log(mp.exp(x) + mp.exp(2 * x - 1)), 0.3),
    "relu cubed": (lambda x: jax.nn.relu(x) ** 3, lambda x: x**3, 0.7),
    "logsumexp": (
        lambda x: jax.nn.logsumexp(jnp.stack([x, 2 * x, x * x])),
        lambda x: mp.log(mp.exp(x) + mp.exp(2 * x) + mp.exp(x * x)),
        0.3,
    ),
    "tanh sin": (lambda x: jnp.tanh(jnp.sin(x) * x), lambda x: mp.tanh(mp.sin(x) * x), 0.3),
    "rational": (lambda x: x**2.5 / (1 + x), lambda x: x ** mp.mpf(2.5) / (1 + x), 0.8),
    "log1p": (lambda x: jnp.expm1(x) * jnp.log1p(x), lambda x: mp.expm1(x) * mp.log(1 + x), 0.3),
    "sigmoid": (jax.nn.sigmoid, lambda x: 1 / (1 + mp.exp(-x)), -0.4),
    "where": (lambda x: jnp.where(x > 0, jnp.exp(x), x), lambda x: mp.exp(x), 0.3),
    "dot": (
        lambda x: jnp.ones(3) @ jnp.sin(jnp.arange(1.0, 4.0) * x),
        lambda x: sum(mp.sin(k * x) for k in (1, 2, 3)),
        0.3,
    ),
    "sqrt": (lambda x: jnp.sqrt(1 + x * x), lambda x: mp.sqrt(1 + x * x), 0.3),
}


def truth(name: str, order: int) -> list[float]:
    """The derivatives by the coefficients that mpmath finds (differences with hundreds of digits)."""
    _, f, x0 = FUNCTIONS[name]
    return [float(c * mp.factorial(k)) for k, c in enumerate(mpmath.taylor(f, mpmath.mpf(x0), order))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_taylor_mode_and_nested_derivatives_are_those_of_mpmath(name: str) -> None:
    """Order 9 in Taylor mode, order 5 nested; errors relative to k! times the largest of the coefficients up to k."""
    f, _, x0 = FUNCTIONS[name]
    expected = truth(name, 9)
    scale = [math.factorial(k) * max(abs(e) / math.factorial(j) for j, e in enumerate(expected)) for k in range(10)]
    high = directional_derivatives(f, x0, 1.0, 9)
    nested = directional_derivatives(f, x0, 1.0, 5, "nested")
    for k, derivative in enumerate(expected):
        assert abs(float(high[k]) - derivative) <= 1e-13 * scale[k] * 2**k, k
        if k <= 5:
            assert abs(float(nested[k]) - derivative) <= 1e-13 * scale[k] * 2**k, k


def test_a_polynomial_of_high_degree_sums_the_series() -> None:
    """Degree 30 of 1/(1 − x) at 1/4 and degree 20 of e at 1: the remainders are below the rounding."""
    assert float(taylor(lambda x: 1 / (1 - x), 0.0, 30)(0.25)) == pytest.approx(4 / 3, rel=1e-15)
    assert float(taylor(jnp.exp, 0.0, 20)(1.0)) == pytest.approx(math.e, rel=1e-15)
    assert [float(t) for t in taylor(lambda x: x**5, 1.0, 5).tensors] == pytest.approx(
        [1, 5, 20, 60, 120, 120], rel=1e-14
    )


def f3(x: jax.Array) -> jax.Array:
    """R³ → R², no polynomial."""
    return jnp.stack([jnp.sin(x[0]) * jnp.exp(x[1] * x[2]), jnp.cos(x[0] - x[1]) + x[2] ** 3 * x[0]])


X0, DELTA = np.array([0.3, 0.2, -0.5]), np.array([0.3, 0.1, -0.2])


def cubic(x: jax.Array) -> jax.Array:
    """x0² x1 + 2 x0 x1 x2 + x2³, whose derivatives are written out below."""
    return x[0] ** 2 * x[1] + 2 * x[0] * x[1] * x[2] + x[2] ** 3


def check_the_cubic() -> None:
    """k = 0 … 3 written out: Σ D³_abc δ_a δ_b δ_c/6, ½δᵀHδ = ½tr(Hδδᵀ), ∇f δ, f."""
    T = taylor(cubic, [1.0, 2.0, 3.0], 3)
    row, H = np.array([2 * 2 + 2 * 2 * 3, 1 + 2 * 3, 2 * 2 + 27.0]), np.array([[4.0, 8, 4], [8, 0, 2], [4, 2, 18]])
    third = np.zeros((3, 3, 3))
    for a, b, c in itertools.permutations((0, 1, 2)):
        third[a, b, c] = 2.0
    for place in ((0, 0, 1), (0, 1, 0), (1, 0, 0)):
        third[place] = 2.0
    third[2, 2, 2] = 6.0
    for tensor, expected in zip(T.tensors, (14.0 + 27.0, row, H, third), strict=True):
        np.testing.assert_allclose(tensor, expected, rtol=1e-14)
    terms = T.terms(DELTA)
    by_hand = (
        41.0,
        row @ DELTA,
        0.5 * np.trace(H @ np.outer(DELTA, DELTA)),
        np.einsum("abc,a,b,c", third, DELTA, DELTA, DELTA) / 6,
    )
    np.testing.assert_allclose(terms, by_hand, rtol=1e-13)
    np.testing.assert_allclose(taylor_along(cubic, [1.0, 2.0, 3.0], DELTA, 3), by_hand, rtol=1e-13)
    x = np.array([1.0, 2.0, 3.0]) + DELTA
    np.testing.assert_allclose(T(x), cubic(jnp.asarray(x)), rtol=1e-14)


def test_orders_zero_to_three_are_those_written_out() -> None:
    check_the_cubic()


def test_a_missing_factorial_is_caught(monkeypatch: Any) -> None:
    monkeypatch.setattr(sys.modules[taylor.__module__].math, "factorial", lambda k: 1)
    with pytest.raises(AssertionError):
        check_the_cubic()


def test_both_forms_agree_and_the_remainder_has_its_order() -> None:
    """Orders 0 to 6 of R³ → R²: terms to 1e-12, slope of the remainder within 0.1 of k + 1, integral = difference."""
    along = taylor_along(f3, X0, DELTA, 6)
    integrals = jax.jit(lambda: taylor_remainders(f3, jnp.asarray(X0), jnp.asarray(DELTA), 6))()
    highest = taylor(f3, X0, 6)
    for k in range(7):
        T = highest.truncated(k)
        assert T.order == k
        np.testing.assert_allclose(T.terms(DELTA)[-1], along[k], rtol=1e-12, atol=1e-15)
        slope = T.remainder_order(np.ones(3))
        assert slope is not None
        assert slope.value == pytest.approx(k + 1, abs=0.1)
        assert slope.low <= slope.value <= slope.high
        difference = f3(jnp.asarray(X0 + DELTA)) - T(X0 + DELTA)
        np.testing.assert_allclose(integrals[k], difference, rtol=1e-10, atol=1e-15)
        if k == 2:
            np.testing.assert_allclose(T.remainder(X0 + DELTA), integrals[2], rtol=1e-12)
            assert np.all(np.abs(difference) <= T.remainder_estimate(X0 + DELTA))


@pytest.mark.parametrize("name", ["softplus", "tanh sin", "log1p"])
def test_the_order_of_a_remainder_is_that_of_mpmath(name: str) -> None:
    """The remainder with 60 digits at tiny distances has the slope k + 1; float64 measures it within 0.1."""
    f, g, x0 = FUNCTIONS[name]
    highest = taylor(f, x0, 6)
    for k in range(7):
        sizes = []
        for h in (mpmath.mpf("1e-6"), mpmath.mpf("1e-7")):
            coefficients = mpmath.taylor(g, mpmath.mpf(x0), k)
            sizes.append(abs(g(x0 + h) - sum(c * h**j for j, c in enumerate(coefficients))))
        exact = float(mp.log(sizes[0] / sizes[1]) / mp.log(10))
        measured = highest.truncated(k).remainder_order(1.0)
        assert measured is not None
        assert measured.value == pytest.approx(exact, abs=0.1), k


def test_a_polynomial_has_no_remainder() -> None:
    T = taylor(lambda x: 1 + x + x**2, 0.5, 2)
    assert T.remainder_order(1.0) is None
    assert float(T.remainder(jnp.array(3.0))) == 0.0


@pytest.mark.parametrize("order", [2, 3, 5])
def test_remainders_keep_their_digits(order: int) -> None:
    """exp around 0 at 1e-6, where f − T has none left: against mpmath to 1e-14."""
    x = mpmath.mpf("1e-6")
    exact = mp.exp(x) - sum(x**j / mp.factorial(j) for j in range(order + 1))
    found = taylor_remainder(jnp.exp, jnp.array(0.0), jnp.array(1e-6), order=order)
    assert abs(float(found) / float(exact) - 1) < 1e-14


def test_trees_and_any_size() -> None:
    """10⁵ parameters in a tree: the terms along δ, against the closed form of Σ exp."""
    x0 = {"a": np.linspace(-1.0, 1.0, 60_000), "b": np.zeros((200, 200))}
    delta = {"a": np.full(60_000, 0.5), "b": np.full((200, 200), -0.25)}

    def f(x: Any) -> jax.Array:
        return jnp.sum(jnp.exp(x["a"])) + jnp.sum(jnp.exp(x["b"]))

    terms = taylor_along(f, x0, delta, 4)
    for k, term in enumerate(terms):
        exact = (np.exp(x0["a"]).sum() * 0.5**k + 40_000 * (-0.25) ** k) / math.factorial(k)
        assert float(term) == pytest.approx(exact, rel=1e-12)
    small = {"a": np.array([0.1, 0.2]), "b": np.array([[0.3]])}
    step = {"a": np.array([0.5, -0.5]), "b": np.array([[0.25]])}
    T = taylor(f, small, 3)
    assert T.tensors[3].shape == (3, 3, 3)
    np.testing.assert_allclose(T.terms(step), taylor_along(f, small, step, 3), rtol=1e-13)


def test_what_taylor_mode_does_not_know_is_nested() -> None:
    """A loop and a linear solve have no rule: orders up to 8 are nested, higher ones refused in one line."""

    def power(x: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda c, _: (c * x, None), jnp.ones_like(x), None, length=4)[0]

    assert [float(d) for d in directional_derivatives(power, 2.0, 1.0, 5)] == [16, 32, 48, 48, 24, 0]
    assert float(highest_derivative(power, jnp.array(2.0), jnp.array(1.0), 5)) == 0.0
    with pytest.raises(CalculusError, match=r"Taylor mode has no rule for a part of f .* too high to nest: at most 8"):
        directional_derivatives(power, 2.0, 1.0, 9)
    assert float(directional_derivative(power, jnp.array(2.0), jnp.array(1.0), 4)) == 24.0
    assert len(series(lambda x: jnp.sin(x), [[jnp.array(0.0), jnp.array(1.0), jnp.array(0.0)]])[0]) == 3


def test_complex_numbers_on_the_way_and_rules_for_reverse_mode_are_no_constants() -> None:
    """Re e^(ix) = cos x by way of complex numbers, and the energy of a Fourier transform; a custom_vjp is refused."""
    cosine = directional_derivatives(lambda x: jnp.real(jnp.exp(1j * x.astype(jnp.complex128))), 0.3, 1.0, 6)
    exact = [math.cos(0.3 + k * math.pi / 2) for k in range(7)]
    np.testing.assert_allclose(cosine, exact, rtol=1e-13, atol=1e-15)

    def energy(x: jax.Array) -> jax.Array:  # Parseval: 4 Σ sin²
        return jnp.sum(jnp.abs(jnp.fft.fft(jnp.sin(x))) ** 2)

    x, v = np.array([0.1, 0.5, -0.3, 1.0]), np.ones(4)
    plain = directional_derivatives(lambda x: 4 * jnp.sum(jnp.sin(x) ** 2), x, v, 5)
    np.testing.assert_allclose(directional_derivatives(energy, x, v, 5), plain, rtol=1e-10, atol=1e-10)

    @jax.custom_vjp
    def square(x: jax.Array) -> jax.Array:
        return x**2

    square.defvjp(lambda x: (x**2, x), lambda x, u: (2 * x * u,))
    for order in (2, 6):
        with pytest.raises(CalculusError, match="jax cannot differentiate f like that: it has a custom_vjp"):
            directional_derivatives(square, 2.0, 1.0, order)
    with pytest.raises(CalculusError, match="Taylor mode gives NaN"):
        directional_derivatives(lambda x: x**3.0, -0.6, 1.0, 10)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: taylor(f3, np.zeros(3), -1), "order = -1; it should be a whole number from 0 to 64"),
        (lambda: taylor(f3, np.zeros(3), 9), "order, of several variables, = 9"),
        (lambda: taylor(jnp.sum, np.zeros(300), 3), "would hold 27,000,000 numbers"),
        (lambda: taylor(jnp.exp, 0.0, 2.5), "order is a float; a whole number is needed"),
        (lambda: taylor(jnp.exp, 0, 2), "write 1.0 for 1"),
        (lambda: taylor(jnp.log, -1.0, 2), "f(x) is NaN"),
        (lambda: taylor_along(f3, np.zeros(3), np.zeros(2), 2), "v has shape (2,); it should have x's, (3,)"),
        (lambda: taylor(f3, np.zeros(3), 1)(np.zeros(4)), "x has shape (4,); it should have x0's, (3,)"),
        (lambda: directional_derivatives(jnp.exp, 0.0, 1.0, 9, "nested"), "order = 9 is too high to nest"),
        (lambda: directional_derivatives(jnp.exp, 0.0, 1.0, 2, "jet"), "method is the text 'jet'"),
    ],
)
def test_a_mistake_is_one_line(call: Any, told: str) -> None:
    with pytest.raises(CalculusError) as caught:
        call()
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
