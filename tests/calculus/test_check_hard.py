"""check_derivative where it is hard: scales, stairs of rounding, kinks at a distance, many inputs, broken rules.

The truth is in each case known by hand: a function that is differentiable or not, a rule that is wrong in one way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.calculus.check import check_derivative, check_values


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def at_zero(f: Callable[[jax.Array], jax.Array]) -> Callable[[jax.Array], jax.Array]:
    """f, and 0 at 0, with a derivative that `where` cannot spoil."""
    return lambda x: jnp.where(x == 0, 0.0, f(jnp.where(x == 0, 1.0, x)))


def hinges(x: jax.Array) -> jax.Array:
    X = jnp.asarray(np.random.default_rng(3).normal(size=(200, 3)))
    return jnp.mean(jax.nn.relu(1.0 - X @ x))


RIGHT: dict[str, tuple[Callable[[Any], Any], Any, float]] = {  # with f' along the first coordinate
    "steep at 0": (lambda x: jnp.tanh(1e20 * x), 0.0, 1e20),
    "fast at 0": (lambda x: jnp.sin(1e100 * x), 0.0, 1e100),
    "fast": (lambda x: jnp.sin(1e6 * x), 1.0, 1e6 * np.cos(1e6)),
    "x³ sin 1/x": (at_zero(lambda x: x**3 * jnp.sin(1 / x)), 0.0, 0.0),
    "flat": (at_zero(lambda x: jnp.exp(-1 / x**2)), 0.0, 0.0),
    "|x − 1|^1.5 at 1": (lambda x: jnp.abs(x - 1) ** 1.5, 1.0, 0.0),
    "flat beside a kink": (jax.nn.relu, -1e-6, 0.0),
    "two kinks": (lambda x: jnp.maximum(x - 1e-3, 0.0) + jnp.minimum(x, -1e-5), 1e-4, 0.0),
    "a large offset": (lambda x: 1e10 + x, 1.0, 1.0),
    "a larger offset": (lambda x: 1e16 + x, 1.0, 1.0),
    "scales apart": (lambda x: x[0] * x[1], np.array([1e-100, 1e100]), 1e100),
    "an entry far below": (lambda x: jnp.stack([x[0], 1e-9 * x[0] ** 2]), np.array([2.0]), 1.0),
    "float32": (jnp.sin, np.float32(1.0), np.cos(1.0)),
    "a tree": (lambda p: jnp.tanh(p["a"] @ p["b"]), {"a": np.array([0.5, 0.25]), "b": np.array([1.0, 2.0])}, 0.0),
    "many inputs": (lambda x: jnp.sum(jnp.sin(x)), np.zeros(3000), 1.0),
    "many outputs": (lambda x: jnp.outer(jnp.sin(x), x), np.linspace(0.1, 5.0, 40), 1.0),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_passed(name: str) -> None:
    f, x, truth = RIGHT[name]
    found = check_derivative(f, x)
    assert found.verdict == "correct", found.why
    if found.entry in ("df/dx", "∂f/∂x[0]"):
        assert found.measured == pytest.approx(truth, rel=2e-5, abs=1e-7)


def test_piecewise_linear_functions_are_right_between_their_kinks() -> None:
    compiled = jax.jit(hinges)  # once for all points
    for x in np.random.default_rng(1).normal(size=(20, 3)):
        found = check_derivative(compiled, x)
        assert found.verdict == "correct", found.why


def test_the_order_of_a_fractional_power_is_that_power() -> None:
    found = check_derivative(lambda x: jnp.abs(x) ** 1.5, 0.0)
    assert found.one_sided_order is not None
    assert found.one_sided_order.value == pytest.approx(0.5, abs=1e-3)
    assert found.central_order is None
    assert "fractional" in found.order_note or "even" in found.order_note
    sine = check_derivative(jnp.sin, 0.0)  # its second derivative vanishes at 0
    assert sine.one_sided_order is not None
    assert sine.one_sided_order.value == pytest.approx(2.0, abs=0.01)
    assert "f'' vanishes" in sine.order_note


BROKEN: dict[str, tuple[Callable[[Any], Any], Any, str]] = {
    "one point": (lambda x: jnp.where(x == 0, 1.0, 0.0 * x), 0.0, "by -1 to the right and -1 to the left"),
    "a step": (lambda x: jnp.heaviside(x - 2.0, 1.0), 2.0, "f jumps along e_1, by -1 to the left"),
    "an edge": (lambda x: x**1.5, 0.0, "not finite to the left along e_1: only the limit from the right exists, 0"),
    "a logarithm": (at_zero(lambda x: x * jnp.log(jnp.abs(x))), 0.0, "like a logarithm"),
    "off the axes": (lambda x: jnp.sqrt(jnp.abs(x[0] * x[1])), np.zeros(2), "one-sided limits differ along ("),
    "a tie": (lambda x: jnp.abs(x[0] - x[1]), np.array([0.3, 0.3]), "-1 from the left, +1 from the right"),
    "one of thirty": (lambda x: jnp.sum(jnp.abs(x)), np.linspace(-1.0, 1.0, 31), "along e_16 (that is x[15])"),
    "one output": (lambda x: jnp.stack([x, jnp.abs(x)]), 0.0, "one-sided limits of f[1] differ along e_1"),
    "float32": (jnp.abs, np.float32(0.0), "-1 from the left, +1 from the right"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_seen_where_there_is_no_derivative(name: str) -> None:
    f, x, told = BROKEN[name]
    found = check_derivative(f, x)
    assert found.verdict == "not differentiable", found.why
    assert told in found.why
    assert found.one_sided_order is None


def lost(x: jax.Array) -> jax.Array:
    """(a + b) − a: the derivative by b is 1, and floating point shows a stair."""
    return (x[0] + x[1]) - x[0]


@pytest.mark.parametrize(
    ("f", "x", "told"),
    [
        (lambda x: 1e30 + x, 1.0, "does not move along e_1 but in its last digits"),
        (lambda x: jnp.sin(1e20 * x), 1.0, "scatter as much as they change"),
        (lost, np.array([1e10, 1.0]), "moves in steps along e_2 (that is x[1])"),
        (lambda x: jnp.sum(jax.nn.softmax(x)), np.array([1.0, 2.0, 0.3]), "its last digits"),
    ],
)
def test_what_rounding_hides_is_left_open(f: Callable[[Any], Any], x: Any, told: str) -> None:
    found = check_derivative(f, x)
    assert found.verdict == "undecided", found.why
    assert told in found.why


def custom(value: Callable[[Any], Any], rule: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    f = jax.custom_jvp(value)
    f.defjvp(lambda primals, tangents: (value(primals[0]), rule(primals[0], tangents[0])))
    return f  # type: ignore[no-any-return]


def vector(x: jax.Array) -> jax.Array:
    return jnp.stack([x[0] * x[1], jnp.sin(x[1]) * x[2], x[2] ** 2 + x[0]])


def true_jvp(x: jax.Array, t: jax.Array) -> jax.Array:
    second = jnp.cos(x[1]) * x[2] * t[1] + jnp.sin(x[1]) * t[2]
    return jnp.stack([x[1] * t[0] + x[0] * t[1], second, 2 * x[2] * t[2] + t[0]])


def wrong_transpose(x: jax.Array, t: jax.Array) -> jax.Array:
    """The right tangent, with a transpose of its own that forgets a factor."""
    return jax.custom_derivatives.linear_call(lambda x, t: 2.0 * x * t, lambda x, c: x * c, x, t)  # type: ignore[no-any-return]


def spoiled(spoil: Callable[[jax.Array], jax.Array], inside: bool = False) -> Callable[[Any], Any]:
    """`vector` with its tangents spoiled, at its outputs or at its inputs."""
    return custom(vector, lambda x, t: true_jvp(x, spoil(t)) if inside else spoil(true_jvp(x, t)))


M = np.array([[1.0, 2.0, 0.5], [0.25, -1.0, 4.0], [2.0, 1.0, 3.0]])
X3 = np.array([0.75, 1.25, -0.5])
EXPLAINED: dict[str, tuple[Callable[[Any], Any], Any, str]] = {
    "outputs": (spoiled(lambda t: t[jnp.array([1, 0, 2])]), X3, "the outputs f[0] and f[1] are swapped"),
    "a cycle": (spoiled(lambda t: t[jnp.array([1, 2, 0])]), X3, "in place of f[0] stands f[1]"),
    "inputs": (spoiled(lambda t: t[jnp.array([1, 0, 2])], inside=True), X3, "the inputs x[0] and x[1] are swapped"),
    "first alone": (spoiled(lambda t: t * jnp.array([1.0, 0.0, 3.0])), X3, "right at the first output only"),
    "one output": (spoiled(lambda t: t * jnp.array([1.0, 0.0, 1.0])), X3, "wrong at f[1] alone, and zero there"),
    "one input": (
        spoiled(lambda t: t * jnp.array([1.0, 0.0, 1.0]), inside=True),
        X3,
        "wrong at x[1] alone, and zero there",
    ),
    "factors": (spoiled(lambda t: t * jnp.array([2.0, 3.0, -1.0])), X3, "a factor of its own: 2, 3, -1"),
    "an odd factor": (spoiled(lambda t: np.pi * t), X3, "3.14159265 times the true one"),
    "axes of x": (
        custom(lambda X: jnp.trace(jnp.asarray(M) @ X), lambda X, t: jnp.sum(jnp.asarray(M) * t)),
        M + 1.0,
        "axes of x are swapped",
    ),
    "one of forty": (
        custom(lambda x: jnp.sum(jnp.sin(x)), lambda x, t: jnp.sum((jnp.cos(x) * t)[1:])),
        np.linspace(0.0, 3.0, 40),
        "wrong at x[0] alone, and zero there",
    ),
    "a part of a tree": (
        custom(lambda p: p["W"] @ p["b"], lambda p, t: p["W"] @ t["b"]),
        {"W": M[:2], "b": X3},
        "wrong at x['W'] alone, and zero there",
    ),
    "the transpose": (custom(lambda x: x**2, wrong_transpose), 1.5, "forward mode is right and reverse mode is wrong"),
    "not taken": (
        lambda x: jnp.where(x > 0, jnp.sqrt(x), x),
        -0.5,
        "forward mode is right, and in reverse mode it is NaN",
    ),
    "not linear": (
        custom(lambda x: jnp.sum(x * x), lambda x, t: jnp.abs(jnp.sum(2 * x * t))),
        X3,
        "reverse mode fails: NotImplementedError",
    ),
    "a shape": (custom(jnp.sin, lambda x, t: jnp.ones(3) * t), 1.0, "in neither mode: TypeError"),
    "a callback": (
        lambda x: jax.pure_callback(np.sin, jax.ShapeDtypeStruct((), np.float64), x, vmap_method="sequential"),
        1.0,
        "JAX finds no derivative, in neither mode",
    ),
    "overflow": (
        custom(jax.nn.softplus, lambda x, t: jnp.exp(x) / (1 + jnp.exp(x)) * t),
        800.0,
        "it is NaN where f is smooth",
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_how_a_rule_is_wrong(name: str) -> None:
    f, x, told = EXPLAINED[name]
    found = check_derivative(f, x)
    assert found.verdict == "wrong", found.why
    assert told in found.why, found.why
    assert "\n" not in found.why


def test_modes_that_jax_does_not_have_and_steps_that_leave_the_domain_are_noted() -> None:
    square = jax.custom_vjp(lambda x: x * x)
    square.defvjp(lambda x: (x * x, x), lambda x, u: (2 * x * u,))
    found = check_derivative(square, 1.5)
    assert found.verdict == "correct"
    assert found.notes == ("there is no forward mode: f has a custom_vjp",)
    loop = check_derivative(lambda x: jax.lax.while_loop(lambda s: s < 10.0, lambda s: s * 1.5, x), 1.1)
    assert loop.verdict == "correct"
    assert loop.notes == ("there is no reverse mode: f has a loop of unknown length",)
    edge = check_derivative(lambda x: jnp.log(x - 0.99), 1.0)
    assert edge.verdict == "correct"
    assert edge.complex_step == pytest.approx(100.0, rel=1e-13)
    assert any("steps that leave the domain are skipped" in note for note in edge.notes)
    kink = check_derivative(lambda x: jnp.abs(x) * x, 2.0)
    assert kink.complex_step is None
    assert "complex" in kink.complex_note


def test_values_alone_can_be_checked() -> None:
    A = np.random.default_rng(0).normal(size=(4, 3))
    x = np.array([0.3, -0.2, 0.9])
    J = np.cos(A @ x)[:, None] * A
    for factor, verdict in ((1.0, "correct"), (1.0 + 1e-6, "wrong")):
        found = check_values(lambda points: np.sin(points @ A.T), x, lambda V, c=factor: c * V @ J.T)
        assert found.verdict == verdict, found.why


def test_single_precision_without_x64() -> None:
    with jax.enable_x64(False):
        assert check_derivative(jnp.sin, 1.0).verdict == "correct"
        assert check_derivative(jnp.abs, 0.0).verdict == "not differentiable"
        assert check_derivative(custom(jnp.exp, lambda x, t: 1.01 * jnp.exp(x) * t), 0.5).verdict == "wrong"
