"""What every optimizer owes, found by discovery: it is at home in plain optax code, without the lab.

A case is a file's EXAMPLE or one of its VARIANTS. What a case takes is read off its signature, and what its ``update``
needs off the keywords of that: no optimizer is named here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from convlab.lab import catalog

CENTRE = {"a": np.array([1.0, -2.0]), "b": (np.array(0.5), np.zeros((2, 2)))}


def cases() -> dict[str, tuple[str, dict[str, Any]]]:
    found = {}
    for name in catalog.names("optimizers"):
        module = catalog.CATALOG.load_module("optimizers", name)
        found[name] = (name, dict(module.EXAMPLE))
        for index, variant in enumerate(getattr(module, "VARIANTS", ())):
            words = [value for value in variant.values() if isinstance(value, str)] or [str(index)]
            found[f"{name}({', '.join(words)})"] = (name, dict(variant))
    return found


CASES = cases()


def kinds(case: str, parameter: str) -> set[str]:
    parameters = catalog.read("optimizers", CASES[case][0]).parameters or ()
    return {form.kind for each in parameters if each.name == parameter for form in each.forms}


def given(case: str, *wanted: str) -> list[str]:
    """The parameters that a case gives and that are of the wanted kinds."""
    return [name for name in CASES[case][1] if kinds(case, name) & set(wanted)]


def build(case: str, **changes: Any) -> optax.GradientTransformationExtraArgs:
    name, example = CASES[case]
    return catalog.load("optimizers", name)(**{**example, **changes})


def needs(case: str) -> set[str]:
    """The keywords that ``update`` asks for by name, as optax's line searches do."""
    return {"value", "value_fn"} & set(inspect.signature(build(case).update).parameters)


EVERY = pytest.mark.parametrize("case", CASES)
EVERY_NUMBER = pytest.mark.parametrize(
    ("case", "parameter"), [(case, name) for case in CASES for name in given(case, "float", "schedule")]
)
EVERY_SCHEDULE = pytest.mark.parametrize(
    ("case", "parameter"), [(case, name) for case in CASES for name in given(case, "schedule")]
)
# A function of all parameters is not narrowed by `optax.masked`.
EVERY_MASKABLE = pytest.mark.parametrize("case", [case for case in CASES if "value_fn" not in needs(case)])


def distances(theta: Any) -> Any:
    return jax.tree.map(lambda x, c: x - jnp.asarray(c, x.dtype), theta, CENTRE)


def quadratic(theta: Any) -> jax.Array:
    return sum(jax.tree.leaves(jax.tree.map(lambda d: 0.5 * jnp.sum(jnp.square(d)), distances(theta))))


def quartic(theta: Any) -> jax.Array:
    """No optimizer here is done with it after a step."""
    return quadratic(theta) + sum(jax.tree.leaves(jax.tree.map(lambda d: jnp.sum(d**4), distances(theta)))) / 4


def start(dtype: Any) -> Any:
    return jax.tree.map(lambda c: jnp.zeros(c.shape, dtype), CENTRE)


def step(tx: optax.GradientTransformation, theta: Any, state: Any, f: Any = quadratic, **more: Any) -> tuple[Any, Any]:
    value, grad = jax.value_and_grad(f)(theta)
    tx = optax.with_extra_args_support(tx)
    updates, state = tx.update(grad, state, theta, value=value, grad=grad, value_fn=f, **more)
    return optax.apply_updates(theta, updates), state


def run(tx: optax.GradientTransformation, steps: int, f: Any = quartic, dtype: Any = "float64", **more: Any) -> Any:
    theta = start(dtype)
    state = tx.init(theta)
    move = jax.jit(lambda theta, state: step(tx, theta, state, f, **more))
    for _ in range(steps):
        theta, state = move(theta, state)
    return theta


def same(one: Any, other: Any, rtol: float = 1e-12) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-14), one, other)


def differ(one: Any, other: Any) -> bool:
    return any(not np.allclose(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def types(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype, leaf.aval.weak_type), tree)


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_any_pytree_in_any_precision_keeps_its_types_compiles_once_and_descends(case: str, dtype: str) -> None:
    with jax.enable_x64(dtype == "float64"):
        tx = build(case)
        move = jax.jit(lambda theta, state: step(tx, theta, state))
        theta, state = start(dtype), jax.jit(tx.init)(start(dtype))
        first = types((theta, state))
        assert types(tx.init(theta)) == first[1]
        for _ in range(20):
            theta, state = move(theta, state)
            assert types((theta, state)) == first
        assert move._cache_size() == 1
        assert float(quadratic(theta)) < float(quadratic(start(dtype)))


@EVERY
def test_a_scan_is_the_steps(case: str) -> None:
    with jax.enable_x64(True):
        tx = build(case)
        begin = start("float64"), tx.init(start("float64"))
        (theta, _), _ = jax.lax.scan(lambda carry, _: (step(tx, *carry, quartic), None), begin, None, 3)
        same(theta, run(tx, 3))


@EVERY
def test_jit_agrees_and_new_numbers_compile_nothing(case: str) -> None:
    with jax.enable_x64(True):
        example = {name: float(CASES[case][1][name]) for name in given(case, "float", "schedule")}

        @jax.jit
        def both(hyper: dict[str, Any]) -> Any:
            return run(build(case, **hyper), 2)

        same(both(example), run(build(case), 2))
        both({name: 0.5 * value for name, value in example.items()})
        assert both._cache_size() == 1


@EVERY_NUMBER
def test_it_maps_over_its_numbers(case: str, parameter: str) -> None:
    with jax.enable_x64(True):

        def one(number: jax.Array) -> Any:
            return run(build(case, **{parameter: number}), 3)

        numbers = CASES[case][1][parameter] * jnp.array([0.6, 1.0, 1.7]) + jnp.array([0.0, 0.0, 0.01])
        mapped, alone = jax.jit(jax.vmap(one))(numbers), jax.jit(one)
        for index, number in enumerate(numbers):
            same(jax.tree.map(lambda leaf, i=index: leaf[i], mapped), alone(number))
        assert differ(alone(numbers[1]), alone(numbers[2]))


@EVERY
def test_it_maps_over_its_parameters(case: str) -> None:
    """Runs of one batch, each of which needs its own number of line-search trials, do not disturb each other."""
    with jax.enable_x64(True):
        tx = build(case)

        def one(shift: jax.Array) -> Any:
            theta = jax.tree.map(lambda leaf: leaf + shift, start("float64"))
            return step(tx, *step(tx, theta, tx.init(theta), quartic), quartic)[0]

        shifts, alone = jnp.array([0.0, 0.3, -20.0]), jax.jit(one)
        mapped = jax.jit(jax.vmap(one))(shifts)
        for index, shift in enumerate(shifts):
            same(jax.tree.map(lambda leaf, i=index: leaf[i], mapped), alone(shift), rtol=1e-10)


@EVERY_SCHEDULE
def test_a_schedule_is_followed(case: str, parameter: str) -> None:
    with jax.enable_x64(True):
        number = CASES[case][1][parameter]
        drop: Callable[[Any], Any] = lambda t: jnp.where(t == 0, number, 0.3 * number)  # noqa: E731
        same(run(build(case, **{parameter: lambda t: number}), 3), run(build(case), 3))
        same(run(build(case, **{parameter: drop}), 1), run(build(case), 1))
        assert differ(run(build(case, **{parameter: drop}), 2), run(build(case), 2))


@EVERY_NUMBER
def test_inject_hyperparams_changes_a_number_between_steps(case: str, parameter: str) -> None:
    with jax.enable_x64(True):
        name, example = CASES[case]
        make = catalog.load("optimizers", name)
        static = [each for each in inspect.signature(make).parameters if not kinds(case, each) & {"float", "schedule"}]
        tx = optax.inject_hyperparams(make, static_args=static)(**example)
        theta = start("float64")
        state = tx.init(theta)
        for _ in range(2):
            theta, state = step(tx, theta, state, quartic)
        changed = 0.3 * example[parameter] + 0.01
        expected, _ = step(build(case, **{parameter: changed}), theta, state.inner_state, quartic)
        unchanged, _ = step(tx, theta, state, quartic)
        state.hyperparams[parameter] = jnp.asarray(changed)
        moved, _ = step(tx, theta, state, quartic)
        same(moved, expected)
        assert differ(moved, unchanged)


@EVERY
def test_it_is_chained_and_ignores_keywords_that_it_does_not_know(case: str) -> None:
    with jax.enable_x64(True):
        plain = run(build(case), 3)
        same(run(build(case), 3, surprise=1), plain)
        same(run(optax.chain(optax.identity(), build(case)), 3, surprise=1), plain)
        halved = run(optax.chain(build(case), optax.scale(0.5)), 1)
        same(halved, jax.tree.map(lambda leaf: 0.5 * leaf, run(build(case), 1)))  # from θ0 = 0


@EVERY_MASKABLE
def test_it_is_masked(case: str) -> None:
    """The chosen parameters move as if they were alone; the others are handed on."""
    with jax.enable_x64(True):
        theta = start("float64")
        value, grad = jax.value_and_grad(quartic)(theta)
        masked = optax.with_extra_args_support(optax.masked(build(case), {"a": True, "b": (False, False)}))
        alone = optax.with_extra_args_support(build(case))
        state, own = masked.init(theta), alone.init({"a": theta["a"]})
        for _ in range(2):
            updates, state = masked.update(grad, state, theta, value=value)
            expected, own = alone.update({"a": grad["a"]}, own, {"a": theta["a"]}, value=value)
            same(updates["a"], expected["a"])
            same(updates["b"], grad["b"])


@EVERY
def test_multi_steps_moves_every_other_time(case: str) -> None:
    theta, tx = start("float32"), optax.MultiSteps(build(case), every_k_schedule=2)
    state = tx.init(theta)

    @jax.jit
    def move(theta: Any, state: Any) -> tuple[Any, Any]:
        value, grad = jax.value_and_grad(quartic)(theta)
        updates, state = tx.update(grad, state, theta, value=value, grad=grad, value_fn=quartic)
        return optax.apply_updates(theta, updates), state

    for t in range(4):
        before, (theta, state) = theta, move(theta, state)
        assert differ(theta, before) == (t % 2 == 1)
    same(theta, run(build(case), 2, dtype="float32"), rtol=1e-5)


@EVERY
def test_its_state_is_read_by_optax(case: str) -> None:
    """`tree_map_params` finds what is shaped as the parameters; abstract parameters do for a state's shapes."""
    theta, tx = start("float32"), build(case)
    state = tx.init(theta)
    zeroed = optax.tree_utils.tree_map_params(tx, jnp.zeros_like, state)
    assert types(zeroed) == types(state)
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), jax.eval_shape(tx.init, theta))
    assert shapes == jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state)


@EVERY
def test_a_missing_keyword_is_named(case: str) -> None:
    tx, theta = build(case), start("float32")
    if not needs(case):
        tx.update(theta, tx.init(theta), theta)
        return
    with pytest.raises(ValueError, match=r"value(_fn)?=f"):
        tx.update(theta, tx.init(theta), theta)


@EVERY
def test_at_a_stationary_point_it_stays(case: str) -> None:
    """No 0/0: a gradient of zeros is a step of zeros, from the first step on."""
    theta = jax.tree.map(lambda c: jnp.asarray(c, "float32"), CENTRE)
    tx = build(case)
    moved, _ = jax.jit(lambda theta: step(tx, theta, tx.init(theta)))(theta)
    jax.tree.map(np.testing.assert_array_equal, moved, theta)
