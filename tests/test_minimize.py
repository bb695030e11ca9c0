"""`minimize` against plain loops in numpy, scipy, and itself inside jit and vmap."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize

import convlab
from convlab import minimize
from convlab.core.errors import ConvlabError

A = np.array([[3.0, 1.0], [1.0, 2.0]])
GD = convlab.gd(step_size=0.25)


def quadratic(x: jax.Array) -> jax.Array:
    return 0.5 * x @ (jnp.asarray(A, x.dtype) @ x)


def rosenbrock(x: jax.Array) -> jax.Array:
    return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def square(x: Any) -> jax.Array:
    return jnp.sum(jnp.square(x))


def test_it_is_the_plain_loop() -> None:
    x, points = np.array([1.0, -2.0]), []
    for _ in range(41):
        points.append(x)
        x = x - 0.25 * (A @ x)
    with jax.enable_x64(True):
        found = minimize(quadratic, points[0], GD, steps=40, keep_points=True)
    assert found.x.dtype == found.value.dtype == np.float64
    np.testing.assert_allclose(found.history.x, points, rtol=1e-13)
    np.testing.assert_allclose(found.history.value, [0.5 * p @ A @ p for p in points], rtol=1e-13)
    np.testing.assert_allclose(found.history.grad_norm, [np.linalg.norm(A @ p) for p in points], rtol=1e-13)
    np.testing.assert_array_equal(found.history.t, np.arange(41))
    np.testing.assert_array_equal(found.x, found.history.x[-1])
    assert (found.value, found.grad_norm) == (found.history.value[-1], found.history.grad_norm[-1])
    assert (found.status, int(found.steps), found.converged) == ("took all 40 steps", 40, False)


@pytest.mark.parametrize("optimizer", [optax.lbfgs(), convlab.newton(backtracking=True)], ids=["lbfgs", "newton"])
def test_rosenbrock_as_scipy_solves_it(optimizer: Any) -> None:
    x0 = np.array([-1.2, 1.0, 0.7])
    how: dict[str, Any] = {"method": "L-BFGS-B", "options": {"gtol": 1e-9, "ftol": 0.0}}
    theirs = scipy.optimize.minimize(scipy.optimize.rosen, x0, jac=scipy.optimize.rosen_der, **how)
    with jax.enable_x64(True):
        ours = minimize(rosenbrock, x0, optimizer, steps=200, tolerance=1e-8, keep_points=True)
    assert ours.converged, ours.status
    assert float(ours.grad_norm) <= 1e-8 < float(ours.history.grad_norm[-2])
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-6)
    values = [scipy.optimize.rosen(np.asarray(point)) for point in ours.history.x]
    np.testing.assert_allclose(ours.history.value, values, rtol=1e-9, atol=1e-20)
    norms = [np.linalg.norm(scipy.optimize.rosen_der(np.asarray(point))) for point in ours.history.x]
    np.testing.assert_allclose(ours.history.grad_norm, norms, rtol=1e-6, atol=1e-13)


def test_the_judged_point_is_the_one_that_counts() -> None:
    x = y = np.array([1.0, -2.0])
    seen = [x]
    for i in range(20):
        x, before = y - 0.25 * (A @ y), x
        y = x + i / (i + 3) * (x - before)
        seen.append(x)
    with jax.enable_x64(True):
        found = minimize(quadratic, seen[0], convlab.nesterov(0.25), steps=20, keep_points=True)
    np.testing.assert_allclose(found.history.x, seen, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.history.value, [0.5 * p @ A @ p for p in seen], rtol=1e-10)
    assert not np.allclose(found.x, y, rtol=1e-3, atol=0.0)


def test_it_stops_and_so_saves_the_time_of_the_rest() -> None:
    found = minimize(square, 1.0, GD, steps=10**9, every=10**7, tolerance=1e-3)
    assert (int(found.steps), found.converged) == (11, True)  # the gradient is 2·2^(−t)
    assert found.history.t.tolist() == [0, 11]
    assert found.status == "gradient norm 0.00098 reached the tolerance 0.001 after 11 steps"
    at_once = minimize(square, 0.0, GD, steps=5, tolerance=0.0)
    assert (at_once.status, at_once.history.t.shape) == ("gradient norm 0 reached the tolerance 0 at x0", (1,))
    missed = minimize(square, 1.0, GD, steps=2, tolerance=1e-9)
    assert missed.status == "took all 2 steps; gradient norm 0.5 is above the tolerance 1e-9"


@pytest.mark.parametrize("every", [1, 3, 7, 20, 50])
def test_the_history_has_every_so_many_steps_and_the_last(every: int) -> None:
    whole = minimize(square, 1.0, GD, steps=20)
    found = minimize(square, 1.0, GD, steps=20, every=every)
    t = sorted({*range(0, 20, every), 20})
    assert found.history.t.tolist() == t
    np.testing.assert_array_equal(found.history.value, whole.history.value[np.array(t)])


def test_divergence_is_told_with_its_step() -> None:
    x, steps = np.float32(2.0), 0
    with np.errstate(over="ignore"):
        while np.isfinite(x**2 * x**2):
            x, steps = x - np.float32(0.5) * np.float32(4.0) * x**3, steps + 1
    found = minimize(lambda x: x**4, jnp.float32(2.0), convlab.gd(0.5), steps=100)
    assert found.status == f"diverged: the value is not finite after step {steps}"
    assert (int(found.steps), found.converged, found.history.t.shape) == (steps, False, (steps + 1,))
    assert np.isfinite(found.history.value[:-1]).all()
    assert not np.isfinite(found.value)
    assert minimize(jnp.log, -1.0, GD, steps=5).status == "diverged: the value is not finite at x0"
    assert minimize(jnp.sqrt, 0.0, GD, steps=5, tolerance=9.0).status == "diverged: the gradient is not finite at x0"


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_no_square_of_a_gradient_under_or_overflows(size: float) -> None:
    found = minimize(lambda x: size * x.sum(), jnp.ones(4), convlab.gd(0.0), steps=1, tolerance=1e-35)
    assert not found.converged
    np.testing.assert_allclose(found.grad_norm, 2.0 * size, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
@pytest.mark.parametrize("make", [lambda: GD, optax.lbfgs, lambda: convlab.newton(), lambda: optax.adam(0.1)])
def test_dtypes_and_settings_are_kept(dtype: str, make: Callable[[], Any]) -> None:
    wide = dtype == "float64"
    with jax.enable_x64(wide):
        before = dict(jax.config.values)
        x0 = {"a": jnp.ones(3, dtype), "b": [jnp.full((), 2.0, dtype)]}
        found = minimize(lambda x: square(x["a"]) + square(x["b"][0]), x0, make(), steps=40, tolerance=1e-6)
        assert dict(jax.config.values) == before
    assert jax.tree.structure(found.x) == jax.tree.structure(x0)
    assert {leaf.dtype for leaf in jax.tree.leaves(found.x)} == {jnp.dtype(dtype)}
    assert found.value.dtype == dtype
    assert found.grad_norm.dtype == (np.float64 if wide else np.float32)
    assert float(found.value) < 0.2
    assert "steps: " in repr(found)


def test_without_x64_numpy_numbers_are_jax_numbers() -> None:
    assert minimize(square, np.ones(2), GD, steps=1).x.dtype == np.float32
    with jax.enable_x64(True):
        assert minimize(square, 1.0, GD, steps=1).x.dtype == np.float64
        assert minimize(square, np.float32(1.0), GD, steps=1).x.dtype == np.float32


def test_a_list_of_numbers_is_an_array_and_a_tuple_a_pytree() -> None:
    assert minimize(rosenbrock, [-1.2, 1], GD, steps=1).x.shape == (2,)
    assert minimize(square, [[1.0, 2.0], [3.0, 4.0]], GD, steps=1).x.shape == (2, 2)
    found = minimize(lambda x: square(x[0]) + square(x[1]), (1.0, np.ones(2)), GD, steps=1)
    assert [leaf.shape for leaf in found.x] == [(), (2,)]


def test_one_compilation_for_what_may_vary() -> None:
    traced = []

    def f(x: jax.Array, centre: Any) -> jax.Array:
        traced.append(None)
        return square(x - centre)

    first = minimize(f, 1.0, GD, steps=30, args=(3.0,))
    once = len(traced)
    second = minimize(f, jnp.float32(5.0), GD, steps=30, tolerance=1e-3, args=(4.0,))
    assert len(traced) == once
    np.testing.assert_allclose([first.x, second.x], [3.0, 4.0], atol=1e-3)
    minimize(f, 1.0, convlab.gd(0.25), steps=30, args=(3.0,))  # another optimizer, though equal
    assert len(traced) > once


def test_vmap_over_starts_is_each_by_itself_and_compiles_once() -> None:
    traced = []

    def f(x: jax.Array) -> jax.Array:
        traced.append(None)
        return rosenbrock(x)

    optimizer = optax.lbfgs()
    batched = jax.vmap(lambda x: minimize(f, x, optimizer, steps=60, tolerance=1e-3))
    starts = jnp.asarray(np.random.default_rng(0).normal(size=(5, 2)), jnp.float32)
    together = batched(starts)
    once = len(traced)
    batched(starts + 1.0)
    assert len(traced) == once
    assert together.history.value.shape == (5, 61)
    for i, x0 in enumerate(starts):
        alone = minimize(f, x0, optimizer, steps=60, tolerance=1e-3)
        one = jax.tree.map(lambda leaf, i=i: leaf[i], together)
        assert alone.converged
        assert one.converged
        assert bool(together.converged[i])
        assert int(one.steps) < 60
        np.testing.assert_allclose(one.x, [1.0, 1.0], atol=2e-2)
        assert np.isfinite(one.history.value[: int(one.steps) + 1]).all()
        assert np.isnan(one.history.value[int(one.steps) + 1 :]).all()
    assert together.status == "5 runs: 5 reached the tolerance"
    with pytest.raises(ValueError, match="is of one run"):
        together.plot()


def test_a_gradient_descent_of_a_batch_is_that_of_one() -> None:
    starts = jnp.asarray([0.0, 1.0, 64.0])
    together = jax.vmap(lambda x: minimize(square, x, GD, steps=12, tolerance=1e-2))(starts)
    alone = [minimize(square, x0, GD, steps=12, tolerance=1e-2) for x0 in starts]
    assert together.steps.tolist() == [int(each.steps) for each in alone] == [0, 8, 12]
    for i, each in enumerate(alone):
        np.testing.assert_array_equal(together.history.value[i][: int(each.steps) + 1], each.history.value)
        np.testing.assert_array_equal(together.history.t[i][: int(each.steps) + 1], each.history.t)
    assert together.status == "3 runs: 2 reached the tolerance, 1 took all steps"
    assert repr(together) == f"Solution({together.status})"


def test_vmap_over_step_sizes() -> None:
    steps = jax.vmap(lambda eta: minimize(square, 1.0, convlab.gd(eta), steps=9, tolerance=0.5).steps)
    assert steps(jnp.asarray([0.25, 0.45, 0.001])).tolist() == [2, 1, 9]


def test_inside_jit_it_is_the_same_with_a_history_of_full_length() -> None:
    inside = jax.jit(lambda x: minimize(square, x, GD, steps=30, every=4, tolerance=1e-2))(1.0)
    outside = minimize(square, 1.0, GD, steps=30, every=4, tolerance=1e-2)
    assert (inside.status, int(inside.steps)) == (outside.status, int(outside.steps))
    assert (inside.history.t.shape, outside.history.t.tolist()) == ((9,), [0, 4, 8])
    np.testing.assert_array_equal(inside.history.value[:3], outside.history.value)
    assert np.isnan(inside.history.value[3:]).all()
    np.testing.assert_array_equal(inside.to_pandas(), outside.to_pandas())
    slope = jax.jvp(lambda x: minimize(square, x, GD, steps=3).x, (1.0,), (1.0,))[1]
    assert float(slope) == 0.125


def test_words_wait_for_numbers() -> None:
    seen: list[Any] = []
    jax.eval_shape(lambda x: seen.append(minimize(square, x, GD, steps=3)), jnp.ones(()))
    assert "traced" in seen[0].status
    assert "traced" in repr(seen[0])


def test_pandas_and_html() -> None:
    found = minimize(square, jnp.ones(2, jnp.bfloat16), GD, steps=5)
    frame = found.to_pandas()
    assert list(frame.columns) == ["t", "value", "grad_norm"]
    assert frame["t"].tolist() == [0, 1, 2, 3, 4, 5]
    assert frame["value"].tolist() == [2.0 / 4**t for t in range(6)]
    assert "took all 5 steps" in found._repr_html_()
    assert "History of 6 points" in repr(found.history)


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        minimize(square, 1.0, GD, steps=1).to_pandas()


def test_the_figure_shows_what_was_recorded() -> None:
    found = minimize(square, 1.0, GD, steps=50, tolerance=1e-3)
    figure = found.plot()
    value, norm = figure.axes
    np.testing.assert_array_equal(value.lines[0].get_xydata(), np.stack([found.history.t, found.history.value], 1))
    np.testing.assert_allclose(norm.lines[0].get_ydata(), found.history.grad_norm)
    assert norm.lines[1].get_ydata()[0] == pytest.approx(1e-3)
    assert value.get_yscale() == "log"
    assert figure._repr_png_().startswith(b"\x89PNG")
    minimize(jnp.log, -1.0, GD, steps=5).plot()._repr_png_()


def test_plotting_leaves_pyplot_and_importing_leaves_jax_alone() -> None:
    program = (
        "import sys, convlab\n"
        "assert 'jax' not in sys.modules\n"
        "found = convlab.minimize(lambda x: x**2, 1.0, convlab.gd(0.1), steps=3)\n"
        "assert 'matplotlib' not in sys.modules and 'pandas' not in sys.modules\n"
        "found.plot()._repr_png_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"x0": 1}, "x0 is int32; real floating-point numbers are needed"),
        ({"x0": [1, 2]}, "x0 is int32"),
        ({"x0": {"a": 1.0, "b": [np.arange(2)]}}, r"x0\['b'\]\[0\] is int32"),
        ({"x0": 1j}, "x0 is complex64; .* real and imaginary part"),
        ({"x0": "one"}, "x0 is 'one' that is no array"),
        ({"x0": [[1.0], [2.0, 3.0]]}, "x0 is a list that is no array"),
        ({"x0": []}, "x0 holds no numbers"),
        ({"steps": 0}, "steps = 0 is out of range; a whole number from 1"),
        ({"steps": True}, "steps = True is out of range"),
        ({"steps": 2.5}, "steps is a float, not a whole number"),
        ({"every": -1}, "every = -1 is out of range"),
        ({"tolerance": -1e-3}, "tolerance = -0.001 is no gradient norm"),
        ({"tolerance": float("nan")}, "tolerance = nan"),
        ({"tolerance": "small"}, "tolerance is 'small'"),
        ({"args": 3.0}, r"args is a float, not a tuple; write args=\(data,\)"),
        ({"optimizer": convlab.gd}, r"optimizer is the function gd, .* pass convlab.gd\(step_size=0.1\)"),
        ({"optimizer": "newtn"}, r"optimizer is 'newtn', .* pass convlab.newton\(step_size=1.0\)"),
        ({"optimizer": None}, r"optimizer is None, .* pass convlab.gd\(step_size=0.1\)"),
        ({"f": lambda x: x, "x0": [1.0, 2.0]}, r"f returns an array of shape \(2,\)"),
        ({"f": lambda x: (x, x)}, "f returns a tuple"),
        ({"f": lambda x: None}, "f returns None"),
        ({"f": lambda x: x + 1j}, "f returns complex64; .* real part"),
        ({"f": lambda x: jnp.int32(1)}, "f returns int32"),
        ({"f": 3}, "f is an int, not a function"),
        ({"f": convlab.huber()}, r"f is a Problem, not a function of x; pass its risk, with args=\(problem.data, "),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(change: dict[str, Any], told: str) -> None:
    wanted = {"f": square, "x0": 1.0, "optimizer": GD, "steps": 3, **change}
    with pytest.raises(ConvlabError, match=f"^minimize: {told}") as caught:
        minimize(wanted.pop("f"), wanted.pop("x0"), wanted.pop("optimizer"), **wanted)
    assert "\n" not in str(caught.value)


def test_steps_that_jit_traces_and_a_function_without_hash() -> None:
    with pytest.raises(ConvlabError, match="length of the history, so jit may not trace it"):
        jax.jit(lambda n: minimize(square, 1.0, GD, steps=n))(3)

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, x: jax.Array) -> jax.Array:
            return square(x)

    with pytest.raises(ConvlabError, match="wrap it: lambda x"):
        minimize(Unhashable(), 1.0, GD, steps=3)


def test_a_function_that_gives_a_python_number() -> None:
    assert float(minimize(lambda x: 3.0, 1.0, GD, steps=3).x) == 1.0


def test_a_problem_of_the_catalogue_is_minimised_through_its_risk() -> None:
    with jax.enable_x64(True):
        problem = convlab.logistic(data="breast_cancer", ridge=0.01)
        data = (problem.data, problem.constants)
        found = minimize(problem.risk, problem.theta0, convlab.newton(), steps=30, tolerance=1e-9, args=data)
    assert found.converged, found.status
    optimum = problem.optimum
    assert optimum is not None
    np.testing.assert_allclose(found.x, optimum.hi, rtol=1e-6)
    np.testing.assert_allclose(found.value, optimum.risk_high, rtol=1e-12)
