"""What every output owes: θ0 before the first step, and its formula afterwards, on any pytree."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.core.output import Output
from convlab.lab import catalog

NAMES = catalog.names("outputs")


def trajectory(steps: int) -> list[dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    return [{"a": generator.normal(size=(2,)), "b": generator.normal(size=())} for _ in range(steps)]


def follow(output: Output, points: list[Any], values: list[float]) -> Any:
    """The output's point after steps 0 … T−1, the iterates being points[0] … points[T]."""
    state = output.init(points[0])
    for t, (theta, value) in enumerate(zip(points[:-1], values, strict=True)):
        state = output.update(state, jnp.asarray(t), theta, jnp.asarray(value), theta)
    return output.read(state, points[-1])


@pytest.fixture(autouse=True)
def float64() -> Any:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("name", NAMES)
def test_before_the_first_step_it_is_the_start(name: str) -> None:
    output, points = catalog.load("outputs", name)(), trajectory(1)
    found = output.read(output.init(points[0]), points[0])
    jax.tree.map(np.testing.assert_array_equal, found, points[0])


@pytest.mark.parametrize("name", NAMES)
def test_it_is_hashable_and_one_for_two_constructions(name: str) -> None:
    build = catalog.load("outputs", name)
    assert hash(build()) == hash(build())
    assert build() == build()


def test_each_is_its_formula() -> None:
    points = trajectory(6)
    values = [3.0, 1.0, 2.0, 0.5, 4.0]
    expected = {
        "last": points[5],
        "average": jax.tree.map(lambda *leaves: np.mean(np.stack(leaves), axis=0), *points[:5]),
        "best": points[3],
    }
    for name, truth in expected.items():
        found = follow(catalog.load("outputs", name)(), points, values)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-15, atol=1e-15), found, truth)


def test_the_average_of_many_equal_points_is_exact() -> None:
    point = {"x": np.array(0.1)}
    found = follow(catalog.load("outputs", "average")(), [point] * 1001, [0.0] * 1000)
    assert float(found["x"]) == 0.1
