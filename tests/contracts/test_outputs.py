"""What every output owes: θ0 before the first step, and its formula afterwards, on any pytree."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.core.output import Output, Seen
from convlab.lab import catalog
from convlab.lab.spec import output_parts

NAMES = catalog.names("outputs")


def trajectory(steps: int) -> list[dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    return [{"a": generator.normal(size=(2,)), "b": generator.normal(size=())} for _ in range(steps)]


def follow(output: Output, points: list[Any], values: list[float], steps: list[float] | None = None) -> Any:
    """The output's point after steps 0 … T−1, the iterates being points[0] … points[T]; ∇f_t(θ_t) is θ_t itself."""
    state = output.init(points[0], jax.random.key(7))
    sizes = steps or [1.0] * len(values)
    for t, (theta, value, size) in enumerate(zip(points[:-1], values, sizes, strict=True)):
        seen = Seen(theta, jnp.asarray(value), theta, jnp.asarray(size))
        state = output.update(state, jnp.asarray(t), seen)
    return output.read(state, points[-1])


def variants() -> list[str]:
    """Every output with every choice that it takes."""
    found = []
    for name in NAMES:
        parameters = catalog.read("outputs", name).parameters or ()
        choices = [choice for parameter in parameters for form in parameter.forms for choice in form.choices]
        found += [f"{name}({choice})" for choice in choices] or [name]
    return found


def build(written: str) -> Output:
    name, argument = output_parts(written)
    output: Output = catalog.load("outputs", name)(*([] if argument is None else [argument]))
    return output


@pytest.fixture(autouse=True)
def float64() -> Any:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("written", variants())
def test_before_the_first_step_it_is_the_start(written: str) -> None:
    output, points = build(written), trajectory(1)
    found = output.read(output.init(points[0], jax.random.key(0)), points[0])
    jax.tree.map(np.testing.assert_array_equal, found, points[0])


@pytest.mark.parametrize("written", variants())
def test_it_is_hashable_and_one_for_two_constructions(written: str) -> None:
    assert hash(build(written)) == hash(build(written))
    assert build(written) == build(written)


@pytest.mark.parametrize("written", variants())
def test_it_keeps_the_precision_of_the_run_and_is_a_fixed_carry(written: str) -> None:
    output, point = build(written), {"a": jnp.ones(2, jnp.float32)}
    state = output.init(point, jax.random.key(0))
    seen = Seen(point, jnp.ones((), jnp.float32), point, jnp.ones((), jnp.float32))
    with jax.numpy_dtype_promotion("strict"):
        again = jax.eval_shape(output.update, state, jnp.zeros((), jnp.int64), seen)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), again) == jax.tree.map(lambda a: (a.shape, a.dtype), state)
    assert output.read(state, point)["a"].dtype == jnp.float32


def mean(points: list[Any], weights: list[float]) -> Any:
    return jax.tree.map(lambda *leaves: np.average(np.stack(leaves), axis=0, weights=weights), *points)


def test_each_is_its_formula() -> None:
    points = trajectory(6)
    values, steps = [3.0, 1.0, 2.0, 0.5, 4.0], [1.0, 0.5, 2.0, 0.25, 3.0]
    norms = [np.square(point["a"]).sum() + np.square(point["b"]).sum() for point in points[:5]]
    expected = {
        "last": points[5],
        "average(0..T-1)": mean(points[:5], [1.0] * 5),
        "average(1..T)": mean(points[1:], [1.0] * 5),
        "average(0..T)": mean(points, [1.0] * 6),
        "weighted_average(step_size)": mean(points[:5], steps),
        "weighted_average(t+1)": mean(points[:5], [1.0, 2.0, 3.0, 4.0, 5.0]),
        "best": points[3],
        "smallest_gradient": points[int(np.argmin(norms))],
    }
    assert {*expected, "random"} == set(variants())
    for written, truth in expected.items():
        found = follow(build(written), points, values, steps)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-15), found, truth)


def test_the_average_of_many_equal_points_is_exact() -> None:
    point = {"x": np.array(0.1)}
    for written in ("average", "average(1..T)", "average(0..T)"):
        assert float(follow(build(written), [point] * 1001, [0.0] * 1000)["x"]) == 0.1


def test_the_random_iterate_is_each_of_them_equally_often() -> None:
    """χ² of 4,000 keys over 5 iterates; and never the one that no gradient was taken at."""
    output, points = build("random"), [{"x": jnp.asarray(float(k))} for k in range(6)]

    def drawn(key: jax.Array) -> jax.Array:
        state = output.init(points[0], key)
        for t in range(5):
            seen = Seen(points[t], jnp.zeros(()), points[t], jnp.ones(()))
            state = output.update(state, jnp.asarray(t), seen)
        found: jax.Array = output.read(state, points[5])["x"]
        return found

    found = np.asarray(jax.vmap(drawn)(jax.random.split(jax.random.key(3), 4000)))
    counts = np.bincount(found.astype(int), minlength=6)
    assert counts[5] == 0
    assert np.sum((counts[:5] - 800.0) ** 2 / 800.0) < 23.5  # the 0.9999 quantile of χ² with 4 degrees of freedom
