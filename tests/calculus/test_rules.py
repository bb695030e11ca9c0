"""Both sides of every rule against derivatives derived by hand, and rules that are wrong are found wrong."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.calculus import rules
from convlab.calculus.derivatives import flatten_jacobian, gradient, hessian, jacobian, tensor_jacobian
from convlab.calculus.inputs import CalculusError
from convlab.calculus.random_functions import random_nonzero_function, random_smooth_function
from convlab.calculus.rules import RULES, Rule, chain_jacobians, check_rule

BY_NAME = {rule.name: rule for rule in RULES}


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


# At x = (a, b): p = a²b, q = ab³ and r = e^a, with vectors of them.
A, B = 1.5, -0.75
X = np.array([A, B])
E = math.exp(A)


def p(x: Any) -> Any:
    return x[0] ** 2 * x[1]


def q(x: Any) -> Any:
    return x[0] * x[1] ** 3


def r(x: Any) -> Any:
    return jnp.exp(x[0])


def pq(x: Any) -> Any:
    return jnp.stack([p(x), q(x)])


def rpx(x: Any) -> Any:
    return jnp.stack([r(x), x[1]])


def square(y: Any) -> Any:  # (u, v) -> (u v, u², v)
    return jnp.stack([y[0] * y[1], y[0] ** 2, y[1]])


P, Q = A**2 * B, A * B**3
DP, DQ, DR = np.array([2 * A * B, A**2]), np.array([B**3, 3 * A * B**2]), np.array([E, 0.0])
HP, HQ = np.array([[2 * B, 2 * A], [2 * A, 0]]), np.array([[0, 3 * B**2], [3 * B**2, 6 * A * B]])
JPQ, JR = np.stack([DP, DQ]), np.array([[E, 0.0], [0.0, 1.0]])
# square(pq) = (a³b⁴, a⁴b², ab³), written out before it is differentiated
OF_CHAIN = np.array([[3 * A**2 * B**4, 4 * A**3 * B**3], [4 * A**3 * B**2, 2 * A**4 * B], DQ])
H_CHAIN = np.array(
    [
        [[6 * A * B**4, 12 * A**2 * B**3], [12 * A**2 * B**3, 12 * A**3 * B**2]],
        [[12 * A**2 * B**2, 8 * A**3 * B], [8 * A**3 * B, 2 * A**4]],
        HQ,
    ]
)
H_PRODUCT = np.array([[6 * A * B**4, 12 * A**2 * B**3], [12 * A**2 * B**3, 12 * A**3 * B**2]])  # of a³b⁴
T = 0.625


def curve(t: Any) -> Any:
    return jnp.stack([jnp.cos(t), t**2])


CLOSED: list[tuple[str, tuple[Callable[..., Any], ...], Any, Any]] = [
    ("sum", (pq, rpx), X, JPQ + JR),
    ("linearity", (pq, rpx), X, 1.5 * JPQ - 0.75 * JR),
    ("product", (p, q), X, [3 * A**2 * B**4, 4 * A**3 * B**3]),
    ("scalar times vector", (r, pq), X, [[E * (P + DP[0]), E * DP[1]], [E * (Q + DQ[0]), E * DQ[1]]]),
    ("inner product", (pq, rpx), X, [E * (P + DP[0]) + B * DQ[0], E * DP[1] + 4 * A * B**3]),  # e^a a²b + ab⁴
    ("elementwise product", (pq, rpx), X, [[E * (P + DP[0]), E * DP[1]], [B**4, 4 * A * B**3]]),
    ("quotient", (pq, p), X, [[0.0, 0.0], [-(B**2) / A**2, 2 * B / A]]),  # (1, b²/a)
    ("partial derivative of a sum", (p, q), X, DP + DQ),
    ("partial derivative of a product", (p, q), X, [3 * A**2 * B**4, 4 * A**3 * B**3]),
    ("partial derivative of a quotient", (q, p), X, [-(B**2) / A**2, 2 * B / A]),
    ("partial derivative of a chain", (square, pq), X, OF_CHAIN.T),  # derivatives by x_j are stacked in front
    ("chain", (square, pq), X, OF_CHAIN),
    # e^(ab³), with which ends the chain of three a -> (a²b, ab³) -> (…, ab³) -> e^third
    ("chain of three", (lambda z: jnp.exp(z[2])[None], square, pq), X, [math.exp(Q) * DQ]),
    # f(y, z) = (y₁ z₂, z₁²) of y = (p, q), z = (r, b): (a²b², e^2a)
    (
        "several arguments",
        (lambda s: jnp.stack([s[0, 0] * s[1, 1], s[1, 0] ** 2]), pq, rpx),
        X,
        [[2 * A * B**2, 2 * A**2 * B], [2 * E**2, 0.0]],
    ),
    # d/dt cos²t · t² = −2 cos t sin t t² + 2 t cos² t
    ("total derivative", (p, curve), T, -2 * math.cos(T) * math.sin(T) * T**2 + 2 * T * math.cos(T) ** 2),
    ("product, second order", (p, q), X, H_PRODUCT),
    ("chain, second order", (square, pq), X, H_CHAIN),
    # t³ e^t: (t³ + 3kt² + 3k(k−1)t + k(k−1)(k−2)) e^t
    (
        "Leibniz",
        (lambda t: t**3, jnp.exp),
        T,
        [(T**3 + 3 * k * T**2 + 3 * k * (k - 1) * T + k * (k - 1) * (k - 2)) * math.exp(T) for k in range(5)],
    ),
    # A = [[a, b]], B = [[a], [b²]]: AB = a² + b³
    (
        "product of matrices",
        (lambda x: x[None, :], lambda x: jnp.stack([x[0], x[1] ** 2])[:, None]),
        X,
        [[[2 * A, 3 * B**2]]],
    ),
    # of Xᵀ and then the square of every entry: row (i, j), column (k, l) has 2 X_ji where (k, l) = (j, i)
    (
        "chain of tensor functions",
        (lambda Y: Y**2, jnp.transpose),
        np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        [[2 * (c + 1) if (c // 3, c % 3) == (i % 2, i // 2) else 0 for c in range(6)] for i in range(6)],
    ),
    # (u, v) ↦ (u, sinh v) for f = g = 0: the inverse's derivative is diag(1, 1/cosh v)
    (
        "inverse function",
        (jnp.zeros_like, jnp.zeros_like),
        np.array([[0.3], [0.7]]),
        [[1.0, 0.0], [0.0, 1 / math.cosh(0.7)]],
    ),
    (
        "implicit function",
        (lambda x: jnp.outer(pq(x), pq(x)), lambda y: jnp.diag(y), pq),
        X,
        JPQ,
    ),
]


def test_there_is_a_closed_form_for_every_rule() -> None:
    assert [name for name, *_ in CLOSED if name not in BY_NAME] == []
    assert {name for name, *_ in CLOSED} == set(BY_NAME)
    assert len(RULES) == len(BY_NAME) >= 12


@pytest.mark.parametrize(("name", "functions", "x", "truth"), CLOSED, ids=[name for name, *_ in CLOSED])
def test_both_sides_against_closed_forms(name: str, functions: Any, x: Any, truth: Any) -> None:
    """Numbers up to 40 and some ten roundings each: 1e-13 leaves room for a few hundred."""
    compiled = jax.jit(lambda x: BY_NAME[name].sides(*functions, x), compiler_options=rules._QUICKLY)
    for side in compiled(jnp.asarray(x)):
        assert side.shape == np.shape(truth)
        np.testing.assert_allclose(side, truth, rtol=1e-13, atol=1e-14 * np.max(np.abs(truth)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_holds_on_random_functions(rule: Rule) -> None:
    found = check_rule(rule, seed=7, shapes=((3, 2, 4, 1),), draws=5)
    assert found.holds
    assert found.error < 1e-13
    assert found.tolerance < 1e-12
    assert found.draws == 5
    assert str(found).startswith(f"{rule.name}: holds")


def mutant(name: str, sides: Callable[..., Any]) -> Rule:
    return dataclasses.replace(BY_NAME[name], sides=sides)


def _product_of(f: Any, g: Any) -> Callable[[Any], Any]:
    return lambda x: f(x) * g(x)


MUTANTS = {
    "factors swapped": mutant(
        "chain", lambda f, g, x: (jacobian(lambda x: f(g(x)), x), chain_jacobians(jacobian(g, x), jacobian(f, g(x))))
    ),
    "outer derivative at the wrong point": mutant(
        "chain", lambda f, g, x: (jacobian(lambda x: f(g(x)), x), jacobian(f, x) @ jacobian(g, x))
    ),
    "transposed": mutant(
        "chain", lambda f, g, x: (jacobian(lambda x: f(g(x)), x), (jacobian(f, g(x)) @ jacobian(g, x)).T)
    ),
    "a term missing": mutant("product", lambda f, g, x: (gradient(_product_of(f, g), x), g(x) * gradient(f, x))),
    "plus in the quotient": mutant(
        "quotient",
        lambda f, g, x: (
            jacobian(lambda x: f(x) / g(x), x),
            (g(x) * jacobian(f, x) + jnp.outer(f(x), gradient(g, x))) / g(x) ** 2,
        ),
    ),
    "one mixed term": mutant(
        "product, second order",
        lambda f, g, x: (
            hessian(_product_of(f, g), x),
            g(x) * hessian(f, x) + 2.0 * jnp.outer(gradient(f, x), gradient(g, x)) + f(x) * hessian(g, x),
        ),
    ),
    "no curvature of g": mutant(
        "chain, second order",
        lambda f, g, x: (
            hessian(lambda x: f(g(x)), x),
            jnp.einsum("iab,aj,bk->ijk", hessian(f, g(x)), jacobian(g, x), jacobian(g, x)),
        ),
    ),
    "columns first": mutant(
        "chain of tensor functions",
        lambda f, g, x: (
            flatten_jacobian(tensor_jacobian(lambda x: f(g(x)), x), (3, 3)),
            flatten_jacobian(tensor_jacobian(f, g(x)), (3, 3))
            @ tensor_jacobian(g, x).transpose(1, 0, 2, 3).reshape(9, 9),
        ),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_rule_is_found_wrong(name: str) -> None:
    found = check_rule(MUTANTS[name], shapes=((3, 3, 3, 3),))
    assert not found.holds
    assert found.error > 1e-2
    assert "does not hold" in str(found)


def test_sides_of_different_shapes_and_products_that_do_not_exist() -> None:
    assert check_rule(MUTANTS["transposed"], shapes=((2, 3, 4),)).error == math.inf
    with pytest.raises(CalculusError, match=r"Jacobian 1 has shape \(4, 2\) and Jacobian 2 has shape \(3, 4\)"):
        check_rule(MUTANTS["factors swapped"], shapes=((2, 3, 4),))
    with pytest.raises(CalculusError, match=r"SmoothFunction: x has shape \(2,\); it should have \(4,\)"):
        check_rule(MUTANTS["outer derivative at the wrong point"], shapes=((2, 3, 4),))
    unlike = mutant("chain", lambda f, g, x: (x, jacobian(f, g(x)) @ jacobian(g, x).T))
    with pytest.raises(CalculusError, match=r"check_rule: the sides of 'chain' fail: .*contracting") as told:
        check_rule(unlike, shapes=((2, 3, 4),))
    assert "\n" not in str(told.value)


def test_chained_jacobians_fit_or_are_refused() -> None:
    rng = np.random.default_rng(0)
    J = [rng.normal(size=shape) for shape in ((2, 3), (3, 5), (5, 1))]
    np.testing.assert_allclose(chain_jacobians(*J), J[0] @ J[1] @ J[2], rtol=1e-13)
    with pytest.raises(CalculusError, match=r"Jacobian 2 has shape \(3, 5\) and Jacobian 3 has shape \(1, 5\)"):
        chain_jacobians(J[0], J[1], J[2].T)
    with pytest.raises(CalculusError, match=r"Jacobian 1 has shape \(2,\); it should have \(n, m\)"):
        chain_jacobians(np.ones(2), J[0])
    with pytest.raises(CalculusError, match="no Jacobian"):
        chain_jacobians()


def test_random_functions_follow_their_law() -> None:
    """Bounds everywhere, values and derivatives of order 1, and f as numpy writes it."""
    rng = np.random.default_rng(3)
    x = jnp.asarray(rng.normal(size=(200, 4)))
    sizes = []
    for _ in range(8):
        f, g = random_smooth_function(rng, 4, (2, 3)), random_nonzero_function(rng, 4, ())
        values, denominators = jax.vmap(f)(x), jax.vmap(g)(x)
        waves = np.sin(np.asarray(x) @ f.directions.T + f.shifts)
        np.testing.assert_allclose(values.reshape(200, 6), waves @ f.weights.T, atol=1e-14)
        assert np.max(np.abs(values)) <= 2.0
        assert np.all((np.abs(denominators) >= math.exp(-1)) & (np.abs(denominators) <= math.e))
        assert np.ptp(np.sign(denominators)) == 0
        slopes = jax.vmap(lambda x, f=f: jacobian(f, x))(x)
        assert slopes.shape == (200, 2, 3, 4)
        assert np.max(np.abs(slopes)) <= 2.0 * np.max(np.abs(f.directions))
        sizes.append([np.sqrt(np.mean(values**2)), np.sqrt(np.mean(slopes**2) * 4)])
    assert np.all((np.mean(sizes, axis=0) > 0.3) & (np.mean(sizes, axis=0) < 2.0))
    once, again, other = (random_smooth_function(np.random.default_rng(seed), 2, 1)(X) for seed in (1, 1, 2))
    assert once == again != other


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: check_rule("chain"), "check_rule: rule is the text 'chain'; it should be a Rule"),
        (lambda: check_rule(RULES[0], shapes=()), "check_rule: shapes is empty"),
        (lambda: check_rule(RULES[0], shapes=((3,),)), "check_rule: shapes holds (3,); each should be (n, m)"),
        (lambda: check_rule(RULES[0], shapes=((3, 0),)), "a size in shapes = 0; it should be a whole number from 1"),
        (lambda: check_rule(RULES[0], seed=-1), "check_rule: seed = -1"),
        (lambda: random_smooth_function(0, 1, 1), "random_smooth_function: rng is a int; it should be a numpy Gen"),
        (lambda: random_smooth_function(np.random.default_rng(0), 2.5, 1), "inputs is a float; a whole number"),
        (lambda: random_smooth_function(np.random.default_rng(0), 3, 1)(jnp.ones(2)), "it should have (3,)"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(CalculusError) as error:
        call()
    assert told in str(error.value)
    assert "\n" not in str(error.value)
