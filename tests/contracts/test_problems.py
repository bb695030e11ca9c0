"""Every file in convlab/problems: its claims are attacked with its own EXAMPLE. A new problem needs no edit here.

What is demanded follows from the problem's traits and fields alone; VARIANTS are further constructions to try.
"""

from __future__ import annotations

import inspect
import math
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.calculus.check import check_values
from convlab.core.problem import Problem, displacement, risk_gap, risk_of, squared_norm
from convlab.core.setting import Known
from tests.contracts.problem_cases import (
    CASES,
    COMPOSITE,
    DIFFERENTIABLE,
    PAIRS,
    SMOOTH,
    build,
    domain_of,
    every_case,
    example,
    gap_at,
    gaps_at,
    gradient_at,
    gradients_at,
    hessians_at,
    minimiser_of,
    module,
    points_of,
    projected,
    prox_at,
    shortest_at,
    shown_gradients_at,
    size_of,
    slope_of,
    start_of,
    unflattened,
    value_at,
    values_at,
)

ANNOTATION = re.compile(r"^(float|int|bool|str|Literal\[[^\]]+\]|tuple\[float, \.\.\.\])( \| None)?$")


def in_parts(read: Callable[..., Any], problem: Problem, points: np.ndarray) -> np.ndarray:
    """``read`` at points, N × d, as N × m: in parts of the size that other tests compile it for."""
    parts = -(-len(points) // PAIRS)
    filled = np.concatenate([points, np.repeat(points[:1], parts * PAIRS - len(points), axis=0)])
    return np.concatenate([read(part, problem) for part in np.split(filled, parts)])[: len(points)].reshape(
        len(points), -1
    )


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@every_case
def test_facts_are_complete(case: str) -> None:
    name, problem = CASES[case][0], example(case)
    function, known, traits = getattr(module(name), name), problem.known, problem.traits
    assert problem.name == name
    assert problem.certificate
    assert all(isinstance(fact, Known) and type(fact.value) is float for fact in known.values())
    assert all(math.isfinite(fact.value) for fact in known.values())
    assert "initial_gap" in known
    assert not traits & problem.denied.keys()
    assert ("L" in known) == bool((SMOOTH | {COMPOSITE}) & traits)
    assert (problem.simple is not None) == (COMPOSITE in traits)
    assert not (COMPOSITE in traits and DIFFERENTIABLE & traits)  # what these words say, they say of all of R
    assert ("G" in known) == ("Lipschitz" in traits)
    assert ("mu" in known) == ("convex" in traits)
    assert ("strongly convex" in traits) == ("mu" in known and known["mu"].value > 0)
    assert ("D" in known) == ("has minimiser" in traits) == (minimiser_of(problem) is not None)
    assert "M" in known or "Lipschitz Hessian" not in traits
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(problem))
    assert len(problem.digest) == (64 if problem.rows else 0)
    assert inspect.getdoc(module(name)).splitlines()[0].endswith(".")
    assert inspect.getdoc(function)
    for parameter in inspect.signature(function).parameters.values():
        assert ANNOTATION.match(parameter.annotation), f"{name}({parameter.name}: {parameter.annotation})"
    hash(problem.risk), hash(problem.gap), hash(problem.project), hash(problem.simple)  # static under jit


@every_case
def test_theta_star_is_stationary_and_theta0_at_its_distance(case: str) -> None:
    problem, theta_star = example(case), minimiser_of(example(case))
    if theta_star is None:
        return
    scale, gradient = slope_of(problem), np.asarray(gradient_at(theta_star, problem))
    assert float(problem.optimum.radius) <= 1e-20 * scale
    distance = float(jnp.sqrt(squared_norm(displacement(problem.theta0, problem.optimum))))
    assert distance * (1 - 1e-14) <= problem.known["D"].value <= distance * (1 + 1e-10)
    if problem.project is not None and DIFFERENTIABLE & problem.traits:  # no direction into the set descends
        steps = points_of(case, scale=3.0) - theta_star
        assert np.all(steps @ gradient >= -1e-15 * scale * np.linalg.norm(steps, axis=1))
    elif DIFFERENTIABLE & problem.traits:
        assert np.linalg.norm(gradient) <= float(problem.optimum.rounding) + 1e-16 * scale


@every_case
def test_gap_is_nonnegative_and_the_plain_difference_where_that_is_accurate(case: str) -> None:
    problem, theta_star, theta0 = example(case), minimiser_of(example(case)), start_of(example(case))
    optimum = problem.optimum
    assert optimum is not None
    low, high = float(optimum.risk_low), float(optimum.risk_high)
    assert low <= high
    points = np.concatenate([theta0[None], points_of(case, "", 20), points_of(case, "", 5, scale=100.0)])
    for gap, value in zip(np.asarray(gaps_at(points, problem)), np.asarray(values_at(points, problem)), strict=True):
        assert value >= low - 1e-14 * abs(low)
        assert gap >= 0.0
        assert gap == pytest.approx(value - low, rel=1e-12, abs=1e-14 * (abs(value) + abs(low)))
    if theta_star is None:
        assert problem.known["initial_gap"].value == pytest.approx(float(value_at(theta0, problem)) - low, rel=1e-12)
        return
    assert high - low <= 1e-14 * abs(high)
    assert float(gap_at(theta0, problem)) == pytest.approx(problem.known["initial_gap"].value, rel=1e-12)
    tiny = points_of(case, "", 5, scale=1e-9)
    gaps, distance = np.asarray(gaps_at(tiny, problem)), np.linalg.norm(tiny - theta_star, axis=1)
    assert np.all(gaps > 0.0)
    if not DIFFERENTIABLE & problem.traits:
        assert "G" not in problem.known or np.all(gaps <= problem.known["G"].value * distance * (1 + 1e-7))
    elif problem.project is None:
        top = (
            problem.known["L"].value if "L" in problem.known else np.linalg.norm(hessians_at(tiny, problem), 2, (1, 2))
        )
        assert np.all(gaps <= 0.51 * top * distance**2)


@every_case
def test_the_constants_bound_the_gradient_on_random_pairs(case: str) -> None:
    problem = example(case)
    known, traits = problem.known, problem.traits
    a, b = points_of(case, " a"), points_of(case, " b")
    step, change = a - b, np.asarray(gradients_at(a, problem)) - np.asarray(gradients_at(b, problem))
    inner, square = np.sum(change * step, axis=1), np.sum(step**2, axis=1)
    slack = 1e-13 * slope_of(problem) / size_of(problem) * square
    if "L" in known:
        shown = np.asarray(shown_gradients_at(a, problem)) - np.asarray(shown_gradients_at(b, problem))
        assert np.all(np.linalg.norm(shown, axis=1) <= known["L"].value * np.sqrt(square) * (1 + 1e-12))
    if "convex" in traits:
        assert np.all(inner >= known["mu"].value * square - slack)
    if "convex" in traits and {"smooth", COMPOSITE} & traits:
        along, shown2 = np.sum(shown * step, axis=1), np.sum(shown**2, axis=1)
        assert np.all(along >= shown2 / known["L"].value - slack)  # cocoercive
        assert np.all(along >= known["mu"].value * square - slack)
    assert ("mu_PL" in known) == ("Polyak-Lojasiewicz" in traits)
    if "mu_PL" in known:
        points = np.concatenate([points_of(case, " c", 500), points_of(case, " d", 500, scale=30.0)])
        slopes = np.sum(np.square(gradients_at(points, problem)), axis=1)
        assert np.all(0.5 * slopes >= known["mu_PL"].value * np.asarray(gaps_at(points, problem)) * (1 - 1e-12))


@every_case
def test_tangents_of_a_convex_risk_lie_below_it_and_a_lipschitz_risk_is_not_steep(case: str) -> None:
    problem = example(case)
    for scale in (1.0, 50.0):
        a, b = points_of(case, " a", scale=scale), points_of(case, " b", scale=scale)
        R, at_b, g = (np.asarray(f(x, problem)) for f, x in ((values_at, a), (values_at, b), (gradients_at, a)))
        step = b - a
        distance, rise = np.linalg.norm(step, axis=1), np.sum(g * step, axis=1)
        if "convex" in problem.traits:
            tangent = R + rise + 0.5 * problem.known["mu"].value * distance**2
            assert np.all(at_b >= tangent - 1e-13 * (np.abs(R) + np.abs(rise) + np.abs(at_b)))
        if "Lipschitz" in problem.traits:
            G = problem.known["G"].value * (1 + 1e-13)
            assert np.all(np.linalg.norm(g, axis=1) <= G)
            assert np.all(np.abs(at_b - R) <= G * distance + 1e-14 * np.abs(R))


@every_case
def test_the_constants_bound_the_hessian(case: str) -> None:
    problem = example(case)
    known, traits = problem.known, problem.traits
    if "twice differentiable" not in traits:
        return
    a, b = points_of(case, " a"), points_of(case, " b")
    H, K = (np.asarray(hessians_at(points, problem)) for points in (a, b))
    values = np.linalg.eigvalsh(H)
    size = np.abs(values).max()
    np.testing.assert_allclose(H, np.swapaxes(H, 1, 2), rtol=1e-12, atol=1e-13 * max(size, 1.0))
    if "L" in known:
        assert size <= known["L"].value * (1 + 1e-12)
    if "convex" in traits:
        assert values.min() >= known["mu"].value * (1 - 1e-12) - 1e-14 * size
    if "Lipschitz Hessian" in traits:
        change, distance = np.linalg.norm(H - K, ord=2, axis=(1, 2)), np.linalg.norm(a - b, axis=1)
        assert np.all(change <= known["M"].value * distance * (1 + 1e-12) + 1e-14 * size)


@every_case
def test_rows_are_unbiased_and_as_convex_and_smooth_as_they_say(case: str) -> None:
    problem = example(case)
    if not problem.rows:
        return

    def of_row(row: Any, flat: Any) -> Any:
        batch = jax.tree.map(lambda leaf: leaf[None], row)
        return jax.grad(lambda point: problem.risk(unflattened(point, problem), batch, problem.constants))(flat)

    rows = jax.jit(jax.vmap(of_row, in_axes=(0, None)))
    a, b = points_of(case, " a", 2)
    whole = shown_gradients_at(a[None], problem)[0]
    np.testing.assert_allclose(np.mean(rows(problem.data, a), axis=0), whole, rtol=1e-12, atol=1e-14)
    change = np.asarray(rows(problem.data, a) - rows(problem.data, b))
    if "convex smooth rows" in problem.traits:
        L_max = problem.known["L_max"].value
        assert np.linalg.norm(change, axis=1).max() <= L_max * np.linalg.norm(a - b) * (1 + 1e-12)
        assert np.min(change @ (a - b)) >= -1e-14
    theta_star = minimiser_of(problem)
    kinks = not (DIFFERENTIABLE | {COMPOSITE}) & problem.traits  # then a row's gradient at θ* is a matter of choice
    assert ("sigma_star" in problem.known) == (theta_star is not None and not kinks)
    if "sigma_star" in problem.known:
        noise = float(np.sqrt(np.mean(np.sum(np.square(rows(problem.data, theta_star)), axis=1))))
        assert noise * (1 - 1e-14) - 1e-15 <= problem.known["sigma_star"].value <= noise * (1 + 1e-10) + 1e-14


@every_case
def test_derivatives_are_those_of_finite_differences(case: str) -> None:
    """Undecided is what rounding hides: where a risk is all but flat or linear, a derivative far below its scale."""
    problem = example(case)
    size, height = size_of(problem), problem.known["initial_gap"].value
    for seed, theta in enumerate(points_of(case, "", 5)):
        J = np.asarray(gradient_at(theta, problem))[None]
        found = check_values(
            partial(in_parts, values_at, problem), theta, lambda V, J=J: V @ J.T, directions=1, seed=seed
        )
        hidden = found.verdict == "undecided" and found.bound <= 1e-6 * height / size
        assert (found.verdict == "correct" and found.accuracy <= 1e-5) or hidden, f"gradient: {found.why}"
        if "twice differentiable" in problem.traits:
            H = np.asarray(hessians_at(theta[None], problem))[0]
            found = check_values(
                partial(in_parts, gradients_at, problem), theta, lambda V, H=H: V @ H.T, directions=1, seed=seed
            )
            scale = problem.known["L"].value if "L" in problem.known else np.linalg.norm(H, 2)
            hidden = found.verdict == "undecided" and found.bound <= 1e-6 * scale
            assert (found.verdict == "correct" and found.accuracy <= 1e-4) or hidden, f"Hessian: {found.why}"


@every_case
def test_everything_is_finite_far_out(case: str) -> None:
    """Up to 1e6 times as far as θ0, and at the very points where kinks and poles of derivatives hide: θ* and 0."""
    problem, theta0, theta_star = example(case), start_of(example(case)), minimiser_of(example(case))
    low, high = domain_of(case)
    still = [theta0] if theta_star is None else [theta0, theta_star]
    if low < 0.0 < high:
        still.append(np.zeros_like(theta0))
    points = np.concatenate([np.stack(still), *(points_of(case, "", 4, scale=scale) for scale in (1e2, 1e4, 1e6))])
    for read in (values_at, gradients_at, hessians_at, gaps_at):
        assert np.all(np.isfinite(read(points, problem)))
    for edge in (low, high):
        assert math.isinf(edge) or not np.isfinite(value_at(np.full_like(theta0, edge), problem))


@every_case
def test_the_projection_is_the_nearest_point_of_the_set(case: str) -> None:
    problem, theta0, theta_star = example(case), start_of(example(case)), minimiser_of(example(case))
    if problem.project is None:
        return
    generator = np.random.default_rng(zlib.crc32(case.encode()))
    for scale in (1.0, 1e3, 1e6):
        x, y = scale * size_of(problem) * generator.standard_normal((2, PAIRS, theta0.size))
        p, q = (np.asarray(projected(points, problem)) for points in (x, y))
        reach = np.abs(p).max()
        np.testing.assert_allclose(projected(p, problem), p, rtol=0, atol=1e-15 * reach)
        assert np.all(np.linalg.norm(p - q, axis=1) <= np.linalg.norm(x - y, axis=1) * (1 + 1e-14))
        assert np.all(np.linalg.norm(p - q, axis=1) <= problem.known["diameter"].value * (1 + 1e-14))
        away = np.linalg.norm(x - p, axis=1)
        assert np.all(np.sum((x - p) * (q - p), axis=1) <= 1e-14 * (away + reach) * reach)  # an obtuse angle
    for theta in (theta0, theta_star):
        np.testing.assert_allclose(projected(theta[None], problem)[0], theta, rtol=0, atol=1e-15 * reach)


@every_case
def test_the_prox_is_the_proximal_map_and_theta_star_its_fixed_point(case: str) -> None:
    """p = prox(x, η) has (x − p)/η in ∂h(p): h(z) >= h(p) + ⟨(x − p)/η, z − p⟩ for all z."""
    problem, theta_star = example(case), minimiser_of(example(case))
    if problem.simple is None:
        return
    generator = np.random.default_rng(zlib.crc32(case.encode()))
    L, size = problem.known["L"].value, size_of(problem)
    h = jax.jit(jax.vmap(lambda flat: problem.simple.value(unflattened(flat, problem), problem.constants)))
    for scale in (1e-3, 1.0, 1e3):
        x, z = scale * size * generator.standard_normal((2, PAIRS, start_of(problem).size))
        eta = generator.uniform(0.01, 2.0, PAIRS) / L
        p = np.asarray(prox_at(x, eta, problem))
        slope = (x - p) / eta[:, None]
        for other in (z, np.zeros_like(z), 1.01 * p, 0.99 * p):
            rise = np.sum(slope * (other - p), axis=1)
            rounded = np.sum(np.abs(x) * np.abs(other - p), axis=1) / eta  # p is as exact as x allows
            reach = np.abs(h(other)) + np.abs(h(p)) + np.abs(rise) + rounded
            assert np.all(np.asarray(h(other)) >= np.asarray(h(p)) + rise - 1e-13 * reach)
    if theta_star is not None:
        gradient = np.asarray(shown_gradients_at(theta_star[None], problem))
        landed = prox_at(theta_star[None] - gradient / L, np.array([1.0 / L]), problem)[0]
        error = 4 * float(problem.optimum.rounding) / L + 1e-15 * np.linalg.norm(theta_star)
        np.testing.assert_allclose(landed, theta_star, rtol=0, atol=error)


@every_case
def test_the_shortest_subgradient_is_one_and_the_slope_of_the_steepest_descent(case: str) -> None:
    """v = argmin ‖∂R(θ)‖ is a subgradient, and R falls along −v at the rate ‖v‖²; at θ* it is 0; also at kinks."""
    problem, theta_star = example(case), minimiser_of(example(case))
    if problem.simple is None:
        return
    points, others = points_of(case, " a"), points_of(case, " b")
    points = np.where(np.arange(points.shape[1]) == np.arange(len(points))[:, None] % points.shape[1], 0.0, points)
    R, v = (np.asarray(found) for found in shortest_at(points, problem))
    np.testing.assert_allclose(R, values_at(points, problem), rtol=1e-14)
    at_others, rise = np.asarray(values_at(others, problem)), np.sum(v * (others - points), axis=1)
    assert np.all(at_others >= R + rise - 1e-13 * (np.abs(R) + np.abs(rise)))
    square = np.sum(v**2, axis=1)
    step = 1e-6 * size_of(problem) / np.sqrt(np.where(square > 0, square, 1.0))
    fall = (R - np.asarray(values_at(points - step[:, None] * v, problem))) / step
    np.testing.assert_allclose(fall, square, rtol=1e-3, atol=1e-8 * slope_of(problem) ** 2)
    if theta_star is not None:
        _, still = shortest_at(theta_star[None], problem)
        assert np.linalg.norm(still) <= float(problem.optimum.rounding) + 1e-16 * slope_of(problem)


@every_case
def test_two_constructions_and_two_values_of_each_number_compile_once(case: str) -> None:
    compiled = jax.jit(lambda problem: (risk_of(problem, problem.theta0), risk_gap(problem.theta0, problem)))
    changed = {key: 1.125 * value for key, value in CASES[case][1].items() if type(value) is float}
    for arguments in ({}, {}, *({key: value} for key, value in changed.items())):
        compiled(build(case, **arguments))
    assert compiled._cache_size() == 1


@every_case
def test_a_problem_is_the_same_in_a_batch_of_starts(case: str) -> None:
    problem, points = example(case), points_of(case, "", 4)
    single = [float(gap_at(theta, problem)) for theta in points]
    np.testing.assert_allclose(np.asarray(gaps_at(points, problem)), single, rtol=1e-13)


def test_logits_of_800_leave_value_gradient_and_hessian_finite() -> None:
    problem = example("logistic")
    X, _ = problem.data
    theta = X[0] / float(X[0] @ X[0])
    for logit in (800.0, -800.0, 1e5, -1e5):
        point = logit * theta
        assert float(value_at(point, problem)) == pytest.approx(
            float(np.mean(np.logaddexp(0.0, -problem.data[1] * (X @ point)))) + 0.025 * float(point @ point), rel=1e-13
        )
        assert np.all(np.isfinite(gradient_at(point, problem)))
        hessian = np.asarray(hessians_at(point[None], problem))[0]
        assert np.linalg.eigvalsh(hessian).min() >= 0.05 * (1 - 1e-12)
        assert float(gap_at(point, problem)) >= 0.0
