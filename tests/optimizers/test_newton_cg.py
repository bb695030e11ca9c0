"""Newton's steps by conjugate gradients: against numpy's solves, on what is indefinite, where no matrix would fit."""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import convlab
from convlab.core.errors import ConvlabError
from convlab.core.setting import Hyper
from convlab.lab import needs
from convlab.lab.api import settle_all
from convlab.lab.grid import cells
from convlab.optimizers._conjugate_gradients import conjugate_gradients
from tests.optimizers.functions import CASES, follow, follow_tree
from tests.running import experiment, run

NEWTON = importlib.import_module("convlab.optimizers.newton")
DAMPED = importlib.import_module("convlab.optimizers.damped_newton")
RNG = np.random.default_rng(11)
BASIS = np.linalg.qr(RNG.standard_normal((12, 12)))[0]
B = RNG.standard_normal(12)
LARGE = 5_000


@jax.jit
def solved(A: Any, b: Any, tolerance: Any = 1e-10) -> Any:
    return conjugate_gradients(lambda v: A @ v, b, tolerance)


def symmetric(spectrum: Any) -> np.ndarray:
    return (BASIS * np.asarray(spectrum)) @ BASIS.T


# --- the linear systems ---


@pytest.mark.parametrize(("dtype", "accuracy"), [("float64", 1e-9), ("float32", 2e-4)])
def test_it_solves_what_numpy_solves(dtype: str, accuracy: float) -> None:
    """The error is at most κ = 300 times the tolerance, in float32 about κ units of rounding."""
    A = symmetric(np.geomspace(0.01, 3.0, 12))
    expected = np.linalg.solve(A, B)
    x = solved(A.astype(dtype), B.astype(dtype))
    assert x.dtype == dtype
    assert np.linalg.norm(x - expected) <= accuracy * np.linalg.norm(expected)


@pytest.mark.parametrize("scale", [1e-300, 1e-170, 1e170, 1e300])
def test_the_size_of_b_does_not_matter(scale: float) -> None:
    """‖b‖² under- and overflows; x is that of b, times the scale."""
    A = symmetric(np.linspace(1.0, 3.0, 12))
    np.testing.assert_allclose(solved(A, scale * B) / scale, np.linalg.solve(A, B), rtol=1e-8)


def test_it_stops_at_the_tolerance() -> None:
    A = symmetric(np.geomspace(0.01, 3.0, 12))
    for tolerance in (0.5, 1e-2, 1e-4):
        residual = np.linalg.norm(B - A @ np.asarray(solved(A, B, tolerance))) / np.linalg.norm(B)
        assert 1e-3 * tolerance < residual <= tolerance * (1 + 1e-9)


def test_after_k_products_it_is_the_best_of_the_krylov_space() -> None:
    A = symmetric(np.geomspace(0.1, 3.0, 12))
    x = conjugate_gradients(lambda v: A @ v, jnp.asarray(B), 1e-10, 4)
    K = np.stack([np.linalg.matrix_power(A, k) @ B for k in range(4)], axis=1)
    np.testing.assert_allclose(x, K @ np.linalg.solve(K.T @ A @ K, K.T @ B), rtol=1e-6)


def test_a_singular_matrix_is_no_obstacle_where_there_is_a_solution() -> None:
    spectrum = np.array([*np.linspace(1.0, 2.0, 8), 0.0, 0.0, 0.0, 0.0])
    A = symmetric(spectrum)
    b = A @ B
    np.testing.assert_allclose(solved(A, b), np.linalg.pinv(A, rcond=1e-10) @ b, atol=1e-9)


UNSOLVED = {
    "one negative eigenvalue": (np.diag([*np.linspace(1.0, 2.0, 11), -1e-3]), B),
    "in no direction of the axes": (symmetric([*np.linspace(1.0, 2.0, 11), -0.5]), B),
    "negative": (-np.eye(12), B),
    "zero": (np.zeros((12, 12)), B),
    "singular, without a solution": (np.diag([*np.linspace(1.0, 2.0, 11), 0.0]), B),
    "NaN in b": (np.eye(12), np.where(np.arange(12) == 3, np.nan, B)),
    "infinity in b": (np.eye(12), np.where(np.arange(12) == 3, np.inf, B)),
    "NaN in A": (np.full((12, 12), np.nan), B),
}


@pytest.mark.parametrize("case", UNSOLVED)
def test_what_it_cannot_solve_is_not_finite(case: str) -> None:
    A, b = UNSOLVED[case]
    assert np.isnan(solved(A, b)).all()


def test_what_is_not_reached_is_not_finite_and_more_products_reach_it() -> None:
    """κ = 1e12 over 40 dimensions: plain numpy needs 816 products to the tolerance, and 10 d are 400."""
    spectrum = np.geomspace(1e-12, 1.0, 40)
    assert np.isnan(solved(np.diag(spectrum), np.ones(40))).all()
    x = conjugate_gradients(lambda v: spectrum * v, jnp.ones(40), 1e-10, 2_000)
    assert np.linalg.norm(spectrum * x - 1) <= 1e-8


def test_b_of_zeros_gives_zeros() -> None:
    np.testing.assert_array_equal(solved(-np.eye(12), np.zeros(12)), np.zeros(12))


# --- the steps ---


def gradient_and_hessian(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    h, gradient = 1e-6, CASES[name].gradient
    return gradient(x), np.array([(gradient(x + h * e) - gradient(x - h * e)) / (2 * h) for e in np.eye(x.size)])


@pytest.mark.parametrize("name", ["quadratic", "logistic"])
def test_a_step_solves_the_system(name: str) -> None:
    """Over a pytree, with a schedule and a ridge."""
    points, _ = follow_tree(NEWTON.newton(lambda t: 0.5 / (t + 1), 0.25, solver="cg"), CASES[name], 3)
    for t, (x, moved) in enumerate(itertools.pairwise(points)):
        g, H = gradient_and_hessian(name, x)
        expected = x - 0.5 / (t + 1) * np.linalg.solve(H + 0.25 * np.eye(5), g)
        np.testing.assert_allclose(moved, expected, rtol=1e-7, atol=1e-8)


def test_a_damped_step_is_the_formula() -> None:
    points, _ = follow_tree(DAMPED.damped_newton("cg"), CASES["logistic"], 2)
    for x, moved in itertools.pairwise(points):
        g, H = gradient_and_hessian("logistic", x)
        p = np.linalg.solve(H, g)
        np.testing.assert_allclose(moved, x - p / (1 + math.sqrt(g @ p)), rtol=1e-7, atol=1e-8)


def test_it_backtracks() -> None:
    """On log cosh, where full steps diverge from |x| > 1.09."""
    tx = NEWTON.newton(1.0, backtracking=True, solver="cg")
    points, _ = follow(tx, lambda x: jnp.logaddexp(x, -x), jnp.array(1.5), 8)
    assert abs(float(points[-1])) < 1e-8


def test_negative_curvature_is_a_divergence_and_a_ridge_mends_it() -> None:
    """x⁴/4 − x²/2 + y²/2 at (0.1, 1): the direct solve steps to the saddle (0, 0); H = diag(3x² − 1, 1)."""

    def well(z: jax.Array) -> jax.Array:
        return z[0] ** 4 / 4 - z[0] ** 2 / 2 + z[1] ** 2 / 2

    start = np.array([0.1, 1.0])
    found = convlab.minimize(well, start, NEWTON.newton(solver="cg"), steps=5)
    assert found.status == "diverged: the value is not finite after step 1"
    found = convlab.minimize(well, start, NEWTON.newton(ridge=2.0, solver="cg"), steps=300, tolerance=1e-9)
    assert found.converged
    np.testing.assert_allclose(found.x, [1.0, 0.0], atol=1e-8)
    saddle = convlab.minimize(well, start, NEWTON.newton(), steps=20, tolerance=1e-9)
    np.testing.assert_allclose(saddle.x, [0.0, 0.0], atol=1e-8)


# --- in the lab ---

LOGISTIC = {"name": "logistic", "data": "synthetic", "n": 200, "dimension": 20, "ridge": 1e-3}


def test_logistic_regression_to_a_gap_of_1e_12() -> None:
    """To a tolerance as a number of the program, and with truncated steps; neither is told to be an exact step."""
    cg = {"name": "newton", "solver": "cg"}
    chosen = [{**cg, "tolerance": 1e-10}, {**cg, "tolerance": 0.1}, {**cg, "iterations": 6}]
    traces = run(LOGISTIC, chosen, horizon=12, every_step=True)
    fine, loose, truncated = (trace.measured["last"]["gap"][0] for trace in traces)
    assert max(fine[-1], loose[-1], truncated[-1]) <= 1e-12
    assert fine[4] < 1e-12 < min(loose[4], truncated[4])
    assert {name for name in traces[0].setting.traits if "Newton" in name} == {"inexact Newton step"}


def test_the_traits() -> None:
    hyper = {"step_size": Hyper("1.0", 1.0), "ridge": Hyper("0.0", 0.0)}
    options = {"backtracking": False, "solver": "direct"}
    assert NEWTON.traits(hyper, options) == {"Newton step", "full Newton step"}
    assert NEWTON.traits(hyper, {**options, "backtracking": True}) == {"Newton step"}
    assert NEWTON.traits(hyper, {**options, "solver": "cg"}) == {"inexact Newton step"}
    assert DAMPED.traits({}, {"solver": "direct"}) == {"Newton step", "self-concordant Newton step"}
    assert DAMPED.traits({}, {"solver": "cg"}) == {"inexact Newton step"}


def test_what_a_run_takes_of_memory_has_no_square_of_d() -> None:
    chosen = experiment(LOGISTIC, [{"name": "newton"}, {"name": "newton", "solver": "cg"}])
    direct, cg = (needs.of_run(each).hessians for each in settle_all(cells(chosen), chosen))
    assert (direct, cg) == (200 * 20 + 3 * 20**2, 4 * (200 + 20))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"solver": "lu"}, "solver = 'lu'; allowed: 'direct', 'cg'"),
        ({"tolerance": 1e-3}, "tolerance is of solver = 'cg'"),
        ({"iterations": 5}, "iterations is of solver = 'cg'"),
        ({"solver": "cg", "tolerance": 0.0}, "tolerance = 0.0; it is relative, between 0 and 1"),
        ({"solver": "cg", "tolerance": 1.0}, "tolerance = 1.0; it is relative, between 0 and 1"),
        ({"solver": "cg", "iterations": 0}, "iterations = 0; it should be a whole number from 1 on"),
    ],
)
@pytest.mark.parametrize("make", [NEWTON.newton, DAMPED.damped_newton])
def test_an_option_that_does_not_fit_is_told_in_one_line(make: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConvlabError) as told:
        make(**options)
    assert str(told.value).startswith(f"{make.__name__}: {words}")
    assert "\n" not in str(told.value)


# --- where d is large ---


def arrays(program: Any) -> Iterator[int]:
    """The sizes of all values of a program, those of the programs within it too."""
    for equation in program.eqns:
        yield from (math.prod(name.aval.shape) for name in equation.outvars)
        for parameter in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda leaf: hasattr(leaf, "eqns")):
            inner = getattr(parameter, "jaxpr", parameter)
            if hasattr(inner, "eqns"):
                yield from arrays(inner)


def test_no_matrix_is_formed_for_5000_parameters() -> None:
    """The Hessian would hold 25 million numbers, 200 MB; what is found solves its system, written by hand."""
    n, ridge = 40, 0.1
    X, y = RNG.standard_normal((n, LARGE)) / math.sqrt(LARGE), np.sign(RNG.standard_normal(n))
    theta = 0.1 * RNG.standard_normal(LARGE)

    def step(solver: str, theta: Any, X: Any) -> Any:
        def f(t: Any) -> Any:
            return jnp.mean(jax.nn.softplus(-y * (X @ t))) + 0.5 * ridge * jnp.sum(t**2)

        tx = NEWTON.newton(solver=solver)
        return tx.update(jax.grad(f)(theta), tx.init(theta), theta, value_fn=f)[0]

    largest = {
        solver: max(arrays(jax.make_jaxpr(lambda t, X, s=solver: step(s, t, X))(theta, X).jaxpr))
        for solver in ("cg", "direct")
    }
    assert largest == {"cg": LARGE, "direct": LARGE**2}
    program = jax.jit(lambda t, X: step("cg", t, X)).lower(theta, X).compile()
    assert program.memory_analysis().temp_size_in_bytes < 2 * X.nbytes
    p = -np.asarray(program(theta, X))
    s = 1 / (1 + np.exp(y * (X @ theta)))
    g = X.T @ (-y * s) / n + ridge * theta
    residual = X.T @ (s * (1 - s) * (X @ p)) / n + ridge * p - g
    assert np.linalg.norm(residual) <= 2e-10 * np.linalg.norm(g)
