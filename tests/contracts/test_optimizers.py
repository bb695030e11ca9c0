"""What every optimizer owes, found by discovery: it is at home in plain optax code, without the lab."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from convlab.lab import catalog

NAMES = catalog.names("optimizers")
CENTRE = {"a": np.array([1.0, -2.0]), "b": (np.array(0.5), np.zeros((2, 2)))}


def build(name: str, **changes: Any) -> optax.GradientTransformationExtraArgs:
    example = dict(catalog.read("optimizers", name).constants["EXAMPLE"])
    return catalog.load("optimizers", name)(**{**example, **changes})


def quadratic(theta: Any) -> jax.Array:
    parts = jax.tree.map(lambda x, c: 0.5 * jnp.sum(jnp.square(x - jnp.asarray(c, x.dtype))), theta, CENTRE)
    return sum(jax.tree.leaves(parts))


def start(dtype: Any) -> Any:
    return jax.tree.map(lambda c: jnp.zeros(c.shape, dtype), CENTRE)


def step(tx: optax.GradientTransformation, theta: Any, state: Any, f: Any = quadratic, **more: Any) -> tuple[Any, Any]:
    value, grad = jax.value_and_grad(f)(theta)
    tx = optax.with_extra_args_support(tx)
    updates, state = tx.update(grad, state, theta, value=value, grad=grad, value_fn=f, **more)
    return optax.apply_updates(theta, updates), state


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_any_pytree_in_any_precision_keeps_its_structure_and_descends(name: str, dtype: str) -> None:
    with jax.enable_x64(dtype == "float64"):
        tx, theta = build(name), start(dtype)
        state = tx.init(theta)
        first = quadratic(theta)
        for _ in range(20):
            theta, state = step(tx, theta, state)
        assert jax.tree.structure(theta) == jax.tree.structure(start(dtype))
        assert {leaf.dtype for leaf in jax.tree.leaves(theta)} == {jnp.dtype(dtype)}
        assert float(quadratic(theta)) < float(first)


@pytest.mark.parametrize("name", NAMES)
def test_jit_agrees_and_compiles_once(name: str) -> None:
    example = {key: float(value) for key, value in catalog.read("optimizers", name).constants["EXAMPLE"].items()}

    @jax.jit
    def both(theta: Any, hyper: dict[str, Any]) -> Any:
        tx = build(name, **hyper)
        return step(tx, *step(tx, theta, tx.init(theta)))[0]

    with jax.enable_x64(True):
        tx = build(name)
        theta = start("float64")
        plain = step(tx, *step(tx, theta, tx.init(theta)))[0]
        jitted = both(theta, example)
        both(theta, {key: 0.5 * value for key, value in example.items()})
        both(jitted, example)
        assert both._cache_size() == 1
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), plain, jitted)


@pytest.mark.parametrize("name", NAMES)
def test_it_maps_over_its_hyperparameters(name: str) -> None:
    with jax.enable_x64(True):
        theta = start("float64")

        def one(step_size: jax.Array) -> Any:
            tx = build(name, step_size=step_size)
            return step(tx, theta, tx.init(theta))[0]

        sizes = jnp.array([0.1, 0.2, 0.4])
        mapped = jax.vmap(one)(sizes)
        for index, size in enumerate(sizes):
            alone = one(size)
            jax.tree.map(lambda a, b, i=index: np.testing.assert_allclose(a[i], b, rtol=1e-12), mapped, alone)


@pytest.mark.parametrize("name", NAMES)
def test_it_lives_in_plain_optax(name: str) -> None:
    """Chained, masked, scheduled, in `inject_hyperparams` and `MultiSteps`, and handed keywords it does not know."""
    theta = start("float32")
    first = float(quadratic(theta))
    frozen = {"a": True, "b": (False, False)}
    wrapped = {
        "chain": optax.chain(optax.clip_by_global_norm(10.0), build(name)),
        "schedule": build(name, step_size=optax.linear_schedule(0.1, 0.05, 10)),
        "inject_hyperparams": optax.inject_hyperparams(lambda step_size: build(name, step_size=step_size))(
            step_size=0.1
        ),
    }
    if "Newton step" not in catalog.read("optimizers", name).constants.get("TRAITS", ()):
        # A Hessian needs all parameters, and the function at hand: neither wrapper hands both on.
        wrapped["masked"] = optax.masked(build(name), frozen)
        wrapped["multi_steps"] = optax.MultiSteps(build(name), every_k_schedule=1).gradient_transformation()
    for kind, tx in wrapped.items():
        point, state = theta, tx.init(theta)
        for _ in range(3):
            point, state = step(tx, point, state, surprise=1) if kind != "multi_steps" else step(tx, point, state)
        if kind != "masked":
            assert float(quadratic(point)) < first, kind
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(point)), kind


def test_gradient_descent_is_the_formula() -> None:
    with jax.enable_x64(True):
        tx, theta = build("gd", step_size=0.25), start("float64")
        moved, _ = step(tx, theta, tx.init(theta))
        expected = jax.tree.map(lambda c: 0.25 * c, CENTRE)
        jax.tree.map(np.testing.assert_array_equal, moved, expected)


def test_newton_solves_a_quadratic_in_one_step_and_backtracks_when_it_must() -> None:
    with jax.enable_x64(True):
        tx, theta = build("newton", step_size=1.0), start("float64")
        moved, _ = step(tx, theta, tx.init(theta))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-15), moved, CENTRE)

        def steep(x: jax.Array) -> jax.Array:  # full Newton diverges from |x| > 1.09 on log cosh
            return jnp.logaddexp(x, -x)

        def after(steps: int, **options: Any) -> float:
            tx, point = build("newton", step_size=1.0, **options), jnp.array(1.5)
            state = tx.init(point)
            for _ in range(steps):
                point, state = step(tx, point, state, steep)
            return abs(float(point))

        assert after(3) > 1.5 or np.isnan(after(3))
        assert after(8, backtracking=True) < 1e-8
        # ridge λ: x − tanh(x)/(1 − tanh²(x) + λ)
        ridged = 1.5 - np.tanh(1.5) / (1 - np.tanh(1.5) ** 2 + 2.0)
        np.testing.assert_allclose(after(1, ridge=2.0), abs(ridged), rtol=1e-12)


def test_newton_without_value_fn_says_what_it_needs() -> None:
    tx, theta = build("newton"), jnp.zeros(2)
    with pytest.raises(ValueError, match="value_fn=f"):
        tx.update(theta, tx.init(theta), theta)
