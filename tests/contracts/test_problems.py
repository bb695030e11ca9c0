"""Every file in convlab/problems: its claims are attacked with its own EXAMPLE. A new problem needs no edit here."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import convlab.problems
from convlab.core.problem import Problem, displacement, risk_gap, risk_of, squared_norm
from convlab.core.setting import Known

NAMES = sorted(path.stem for path in Path(convlab.problems.__path__[0]).glob("[!_]*.py"))
PAIRS = 50
ANNOTATION = re.compile(r"^(float|int|bool|str|Literal\[[^\]]+\]|tuple\[float, \.\.\.\])( \| None)?$")


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@functools.cache
def module(name: str) -> Any:
    return importlib.import_module(f"convlab.problems.{name}")


def build(name: str, **changed: Any) -> Problem:
    problem: Problem = getattr(module(name), name)(**{**module(name).EXAMPLE, **changed})
    return problem


@functools.cache
def example(name: str) -> Problem:
    return build(name)


def _points(problem: Problem, label: str, count: int = PAIRS, scale: float = 1.0) -> np.ndarray:
    """Points [count, d] in the ball ‖θ − θ*‖ <= scale·D, where constants that hold on the level set hold too."""
    generator = np.random.default_rng(zlib.crc32(label.encode()))
    centre = problem.optimum.hi if problem.optimum is not None and problem.optimum.hi is not None else problem.theta0
    steps = generator.standard_normal((count, *np.shape(centre)))
    steps /= np.linalg.norm(steps.reshape(count, -1), axis=1).reshape(-1, *[1] * np.ndim(centre))
    radii = generator.uniform(0.01, 1.0, count) * scale * problem.known["D"].value
    return np.asarray(centre + radii.reshape(-1, *[1] * np.ndim(centre)) * steps)


_value = jax.jit(lambda theta, problem: risk_of(problem, theta))
_gradient = jax.jit(lambda theta, problem: jax.grad(functools.partial(risk_of, problem))(theta))
_gradients = jax.jit(jax.vmap(_gradient, in_axes=(0, None)))
_hessians = jax.jit(jax.vmap(lambda theta, problem: jax.hessian(functools.partial(risk_of, problem))(theta), (0, None)))
_gap = jax.jit(risk_gap)


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_complete(name: str) -> None:
    problem, function = example(name), getattr(module(name), name)
    assert problem.name == name
    assert problem.certificate
    assert all(isinstance(fact, Known) and type(fact.value) is float for fact in problem.known.values())
    assert {"L", "mu", "initial_gap"} <= problem.known.keys()
    assert not problem.traits & problem.denied.keys()
    assert ("strongly convex" in problem.traits) == (problem.known["mu"].value > 0)
    assert ("has minimiser" in problem.traits) == (problem.optimum is not None and problem.optimum.hi is not None)
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(problem))
    assert len(problem.digest) == (64 if problem.rows else 0)
    assert inspect.getdoc(module(name)).splitlines()[0].endswith(".")
    assert inspect.getdoc(function)
    for parameter in inspect.signature(function).parameters.values():
        assert ANNOTATION.match(parameter.annotation), f"{name}({parameter.name}: {parameter.annotation})"
    hash(problem.risk), hash(problem.gap)  # static under jit


@pytest.mark.parametrize("name", NAMES)
def test_theta_star_is_stationary_and_theta0_at_its_distance(name: str) -> None:
    problem = example(name)
    if problem.optimum is None or problem.optimum.hi is None:
        return
    scale = problem.known["L"].value * problem.known["D"].value
    gradient = _gradient(problem.optimum.hi, problem)
    assert float(jnp.sqrt(squared_norm(gradient))) <= float(problem.optimum.rounding) + 1e-16 * scale
    assert float(problem.optimum.radius) <= 1e-20 * scale
    distance = float(jnp.sqrt(squared_norm(displacement(problem.theta0, problem.optimum))))
    assert distance * (1 - 1e-14) <= problem.known["D"].value <= distance * (1 + 1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_gap_is_nonnegative_and_the_plain_difference_where_that_is_accurate(name: str) -> None:
    problem = example(name)
    optimum = problem.optimum
    assert optimum is not None
    assert float(optimum.risk_low) <= float(optimum.risk_high)
    for theta in [problem.theta0, *_points(problem, name, 20), *_points(problem, name, 5, scale=100.0)]:
        gap, value = float(_gap(theta, problem)), float(_value(theta, problem))
        assert gap >= 0.0
        plain = value - float(optimum.risk_high)
        assert gap == pytest.approx(plain, rel=1e-12, abs=1e-14 * (abs(value) + abs(float(optimum.risk_high))))
    assert float(_gap(problem.theta0, problem)) == pytest.approx(problem.known["initial_gap"].value, rel=1e-12)
    tiny = [float(_gap(theta, problem)) for theta in _points(problem, name, 5, scale=1e-9)]
    assert all(0.0 < gap <= 0.51 * problem.known["L"].value * (1e-9 * problem.known["D"].value) ** 2 for gap in tiny)


@pytest.mark.parametrize("name", NAMES)
def test_the_constants_bound_the_gradient_on_random_pairs(name: str) -> None:
    problem = example(name)
    a, b = _points(problem, name + " a"), _points(problem, name + " b")
    step = (a - b).reshape(PAIRS, -1)
    change = np.asarray(_gradients(a, problem) - _gradients(b, problem)).reshape(PAIRS, -1)
    inner, square = np.sum(change * step, axis=1), np.sum(step**2, axis=1)
    L, mu = problem.known["L"].value, problem.known["mu"].value
    slack = 1e-13 * L * square
    assert np.all(np.linalg.norm(change, axis=1) <= L * np.sqrt(square) * (1 + 1e-12))
    assert np.all(inner >= mu * square - slack)
    assert np.all(inner >= np.sum(change**2, axis=1) / L - slack)  # cocoercive: convex and smooth


@pytest.mark.parametrize("name", NAMES)
def test_the_constants_bound_the_hessian(name: str) -> None:
    problem = example(name)
    if "twice differentiable" not in problem.traits:
        return
    a, b = _points(problem, name + " a"), _points(problem, name + " b")
    H, K = (np.asarray(_hessians(points, problem)) for points in (a, b))
    np.testing.assert_allclose(H, np.swapaxes(H, 1, 2), rtol=1e-12, atol=1e-13)
    values = np.linalg.eigvalsh(H)
    assert values.max() <= problem.known["L"].value * (1 + 1e-12)
    assert values.min() >= problem.known["mu"].value * (1 - 1e-12) - 1e-14 * problem.known["L"].value
    if "Lipschitz Hessian" in problem.traits:
        change = np.linalg.norm(H - K, ord=2, axis=(1, 2))
        distance = np.linalg.norm(a - b, axis=1)
        assert np.all(change <= problem.known["M"].value * distance * (1 + 1e-12) + 1e-14 * problem.known["L"].value)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_unbiased_convex_and_smooth(name: str) -> None:
    problem = example(name)
    if not problem.rows:
        return

    def of_row(row: Any, theta: Any) -> Any:
        batch = jax.tree.map(lambda leaf: leaf[None], row)
        return jax.grad(lambda point: problem.risk(point, batch, problem.constants))(theta)

    rows = jax.jit(jax.vmap(of_row, in_axes=(0, None)))
    a, b = _points(problem, name + " a", 2)
    np.testing.assert_allclose(np.mean(rows(problem.data, a), axis=0), _gradient(a, problem), rtol=1e-12, atol=1e-14)
    change = np.asarray(rows(problem.data, a) - rows(problem.data, b))
    assert np.linalg.norm(change, axis=1).max() <= problem.known["L_max"].value * np.linalg.norm(a - b) * (1 + 1e-12)
    assert np.min(change @ (a - b)) >= -1e-14
    if problem.optimum is not None and problem.optimum.hi is not None:
        noise = float(np.sqrt(np.mean(np.sum(np.square(rows(problem.data, problem.optimum.hi)), axis=1))))
        assert noise * (1 - 1e-14) - 1e-15 <= problem.known["sigma_star"].value <= noise * (1 + 1e-10) + 1e-14


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_those_of_finite_differences(name: str) -> None:
    problem = example(name)
    size = 1e-5 * problem.known["D"].value
    for theta in _points(problem, name, 5):
        direction = _points(problem, name + " direction", 1)[0]
        direction = direction / np.linalg.norm(direction)
        up, down = theta + size * direction, theta - size * direction
        slope = float(np.sum(_gradient(theta, problem) * direction))
        difference = (float(_value(up, problem)) - float(_value(down, problem))) / (2 * size)
        assert slope == pytest.approx(
            difference, rel=1e-5, abs=1e-8 * float(_value(problem.theta0, problem)) / size * 1e-3
        )
        if "twice differentiable" in problem.traits:
            curved = np.asarray(_hessians(theta[None], problem))[0] @ direction
            difference = (np.asarray(_gradient(up, problem)) - np.asarray(_gradient(down, problem))) / (2 * size)
            np.testing.assert_allclose(curved, difference, rtol=1e-4, atol=1e-6 * problem.known["L"].value)


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_finite_far_out(name: str) -> None:
    """Up to 1e6 times as far as θ0, and at the very points where kinks and poles of derivatives hide: θ* and 0."""
    problem = example(name)
    far = [_points(problem, name, 4, scale=scale) for scale in (1e2, 1e4, 1e6)]
    still = [np.asarray(problem.theta0)[None], np.zeros_like(problem.theta0)[None]]
    if problem.optimum is not None and problem.optimum.hi is not None:
        still.append(problem.optimum.hi[None])
    for theta in np.concatenate([*far, *still]):
        assert np.isfinite(float(_value(theta, problem)))
        assert np.all(np.isfinite(_gradient(theta, problem)))
        assert np.all(np.isfinite(_hessians(theta[None], problem)))
        assert np.isfinite(float(_gap(theta, problem)))


@pytest.mark.parametrize("name", NAMES)
def test_two_constructions_and_two_values_of_each_number_compile_once(name: str) -> None:
    compiled = jax.jit(lambda problem: (risk_of(problem, problem.theta0), risk_gap(problem.theta0, problem)))
    changed = {key: 1.125 * value for key, value in module(name).EXAMPLE.items() if type(value) is float}
    for arguments in ({}, {}, *({key: value} for key, value in changed.items())):
        compiled(build(name, **arguments))
    assert compiled._cache_size() == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_problem_is_the_same_in_a_batch_of_starts(name: str) -> None:
    problem = example(name)
    points = _points(problem, name, 4)
    batched = jax.vmap(risk_gap, in_axes=(0, None))(points, problem)
    single = [float(_gap(theta, problem)) for theta in points]
    np.testing.assert_allclose(np.asarray(batched), single, rtol=1e-13)


def test_logits_of_800_leave_value_gradient_and_hessian_finite() -> None:
    problem = example("logistic")
    X, _ = problem.data
    theta = X[0] / float(X[0] @ X[0])
    for logit in (800.0, -800.0, 1e5, -1e5):
        point = logit * theta
        assert float(_value(point, problem)) == pytest.approx(
            float(np.mean(np.logaddexp(0.0, -problem.data[1] * (X @ point)))) + 0.025 * float(point @ point), rel=1e-13
        )
        assert np.all(np.isfinite(_gradient(point, problem)))
        hessian = np.asarray(_hessians(point[None], problem))[0]
        assert np.linalg.eigvalsh(hessian).min() >= 0.05 * (1 - 1e-12)
        assert float(_gap(point, problem)) >= 0.0
