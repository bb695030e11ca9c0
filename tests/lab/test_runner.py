"""The loop and the runner against plain numpy, one step after the other, and what compiles how often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from convlab.core.trace import Trace
from convlab.lab import environment, loop, runner, tasks
from convlab.lab.api import settle_all
from convlab.lab.grid import cells, checkpoints
from tests.running import experiment, run

RIDGE = {"name": "least_squares", "data": "synthetic", "n": 20, "dimension": 3, "condition": 4.0, "noise": 0.3}
GOLDEN = ([1, 7, 8, 4, 12, 7], [1, 15, 18], [3, 0, 16, 4, 19, 6])
NOISY = {"name": "quadratic", "dimension": 1, "eigenvalues": [1.0]}


def settled(*args: Any, **options: Any) -> Any:
    chosen = experiment(*args, **options)
    return settle_all(cells(chosen), chosen)


def test_gradient_descent_is_the_recursion_to_the_last_bits() -> None:
    trace = run(RIDGE, [{"name": "gd", "step_size": 0.1}], horizon=40, every_step=True)[0]
    with environment.numerics():
        problem = settled(RIDGE, [{"name": "gd", "step_size": 0.1}])[0].problem
    X, y = (np.asarray(leaf) for leaf in problem.data)
    theta, optimum = np.zeros(3), np.asarray(problem.optimum.hi)
    for t in range(41):
        gap = np.square(X @ (theta - optimum)).sum() / 40
        assert trace.measured["last"]["gap"][0, t] == pytest.approx(gap, rel=1e-12)
        assert trace.measured["last"]["dist2"][0, t] == pytest.approx(np.square(theta - optimum).sum(), rel=1e-12)
        gradient = X.T @ (X @ theta - y) / 20
        assert trace.measured["last"]["grad_norm2"][0, t] == pytest.approx(
            np.square(gradient).sum(), rel=1e-9, abs=1e-28
        )
        theta = theta - 0.1 * gradient


def test_sgd_replays_from_its_drawn_indices() -> None:
    """The run equals numpy's, fed with the rows that the oracle draws for that seed: over blocks and checkpoints."""
    trace = run(RIDGE, [{"name": "sgd", "step_size": 0.05}], horizon=300, seeds=3, outputs=("last", "average"))[0]
    with environment.numerics():
        each = settled(RIDGE, [{"name": "sgd", "step_size": 0.05}], horizon=300)[0]
        keys = runner._keys(each, np.arange(3))
        drawn = [
            [np.asarray(each.oracle.draw(each.problem, (), keys[s], block)) for block in range(3)] for s in range(3)
        ]
    X, y = (np.asarray(leaf) for leaf in each.problem.data)
    optimum = np.asarray(each.problem.optimum.hi)
    for seed in range(3):
        theta, total = np.zeros(3), np.zeros(3)
        for row in np.concatenate(drawn[seed])[:300, 0]:
            total += theta
            theta = theta - 0.05 * X[row] * (X[row] @ theta - y[row])
        for output, point in (("last", theta), ("average", total / 300)):
            gap = np.square(X @ (point - optimum)).sum() / 40
            assert trace.measured[output]["gap"][seed, -1] == pytest.approx(gap, rel=1e-9)


def test_checkpoints_do_not_change_the_run() -> None:
    """The same end whether the host looks up at 4 or at 200 places: the blocks are cut, not the random numbers."""
    few = run(
        NOISY,
        [{"name": "gd", "step_size": 0.3}],
        oracle={"name": "additive_noise", "sigma": 1.0},
        horizon=200,
        seeds=4,
        checkpoints=4,
    )[0]
    many = run(
        NOISY,
        [{"name": "gd", "step_size": 0.3}],
        oracle={"name": "additive_noise", "sigma": 1.0},
        horizon=200,
        seeds=4,
        every_step=True,
    )[0]
    np.testing.assert_array_equal(few.measured["last"]["gap"][:, -1], many.measured["last"]["gap"][:, -1])


def test_the_noisy_quadratic_has_its_exact_second_moment() -> None:
    """E θ_T² = r^{2T} θ0² + η²σ²(1 − r^{2T})/(1 − r²) with r = 1 − ηλ, within the error of 4096 seeds."""
    eta, sigma, steps = 0.3, 0.7, 12
    trace = run(
        NOISY,
        [{"name": "gd", "step_size": eta}],
        oracle={"name": "additive_noise", "sigma": sigma},
        horizon=steps,
        seeds=4096,
        every_step=True,
    )[0]
    r = 1 - eta
    for t in range(1, steps + 1):
        found = trace.measured["last"]["dist2"][:, t]
        expected = r ** (2 * t) + eta**2 * sigma**2 * (1 - r ** (2 * t)) / (1 - r**2)
        assert abs(found.mean() - expected) < 4.5 * found.std(ddof=1) / 64


def test_seeds_are_shared_by_step_sizes_and_extend_without_change() -> None:
    both = run(
        RIDGE,
        [{"name": "sgd", "step_size": 0.05}, {"name": "sgd", "step_size": 0.05, "label": ""}][:1],
        horizon=50,
        seeds=6,
    )[0]
    with environment.numerics() as device:
        each = settled(RIDGE, [{"name": "sgd", "step_size": 0.05}], horizon=50, seeds=6)
        (batch,) = tasks.batches(each, device.platform)
        (later,) = runner.run_batch(batch, (4, 6), lambda n, label: None)
    np.testing.assert_allclose(later.measured["last"]["gap"], both.measured["last"]["gap"][4:], rtol=1e-12)


def test_a_sweep_folds_the_horizon_into_its_seeds() -> None:
    traces = run(RIDGE, [{"name": "sgd", "step_size": 0.05}], horizon=(8, 16), seeds=2, every_step=True)
    short, long = (trace.measured["last"]["gap"][:, 5] for trace in traces)
    assert not np.any(short == long)


def test_one_compilation_for_two_constructions_ridges_horizons_and_step_sizes() -> None:
    before: int | None = None
    for ridge, eta, horizon in ((0.1, 0.05, 10), (0.2, 0.05, 10), (0.1, 0.1, 10), (0.1, "1/(L*sqrt(T))", 333)):
        run({**RIDGE, "ridge": ridge}, [{"name": "gd", "step_size": eta}], horizon=horizon, checkpoints=5)
        if before is None:
            before = loop.advance._cache_size()
    assert loop.advance._cache_size() == before


def test_steps_in_inner_loops_of_known_length_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans that begin and end within inner loops, blocks of 128 steps, and outputs that carry a state."""
    found = []
    for together in (1, 32):
        monkeypatch.setattr(runner, "_TOGETHER", {"cpu": together})
        size = loop.advance._cache_size()
        outputs = ("last", "average")
        trace = run(RIDGE, [{"name": "sgd", "step_size": "0.1/(t+1)"}], horizon=300, seeds=3, outputs=outputs)[0]
        found.append([trace.measured[output]["gap"] for output in outputs])
    np.testing.assert_array_equal(found[0], found[1])
    assert loop.advance._cache_size() == size + 1  # so it was another program


def test_schedules_compile_once_and_follow_their_formula() -> None:
    """η_t = c/(t + 2) on θ²/2 from 1: the product of 1 − c/(t + 2)."""
    problem = {"name": "quadratic", "dimension": 1, "eigenvalues": [1.0]}
    trace = run(problem, [{"name": "gd", "step_size": "0.5/(t+2)"}], horizon=20, every_step=True)[0]
    product = np.cumprod([1.0] + [1 - 0.5 / (t + 2) for t in range(20)])
    np.testing.assert_allclose(trace.measured["last"]["dist2"][0], product**2, rtol=1e-13)
    assert trace.setting.hyper["step_size"].at(3) == pytest.approx(0.1)
    size = loop.advance._cache_size()
    run(problem, [{"name": "gd", "step_size": "0.5/(t+2)"}], horizon=31, checkpoints=7)
    assert loop.advance._cache_size() == size


@pytest.mark.parametrize("eta", [2.5, 1e10, 1e308])
def test_divergence_is_a_status_and_a_curve_that_ends(eta: float) -> None:
    trace = run(
        {"name": "quadratic", "dimension": 2, "L": 1.0, "mu": 0.1}, [{"name": "gd", "step_size": eta}], horizon=2000
    )[0]
    gap = trace.measured["last"]["gap"][0]
    assert trace.status == ("diverged",)
    assert np.isfinite(gap[0])
    assert np.isnan(gap[-1])
    ended = np.isnan(gap).argmax()
    assert np.all(np.isfinite(gap[:ended]))
    assert np.all(np.isnan(gap[ended:]))


def test_optax_optimizers_run_and_match_optax() -> None:
    import jax.numpy as jnp
    import optax

    trace = run(RIDGE, [{"name": "optax.adam", "learning_rate": 0.05}], horizon=30, every_step=True)[0]
    with jax.enable_x64(True):
        with environment.numerics():
            problem = settled(RIDGE, [{"name": "gd", "step_size": 0.1}])[0].problem
        tx, theta = optax.adam(0.05), jnp.zeros(3)
        state = tx.init(theta)
        for _ in range(30):
            gradient = jax.grad(lambda point: problem.risk(point, problem.data, problem.constants))(theta)
            updates, state = tx.update(gradient, state, theta)
            theta = optax.apply_updates(theta, updates)
    expected = np.square(np.asarray(theta) - np.asarray(problem.optimum.hi)).sum()
    assert trace.measured["last"]["dist2"][0, -1] == pytest.approx(expected, rel=1e-10)


def test_optax_line_search_gets_its_three_keywords() -> None:
    trace = run(RIDGE, [{"name": "optax.lbfgs"}], horizon=30)[0]
    assert trace.status == ("done",)
    assert trace.measured["last"]["gap"][0, -1] < 1e-12


def test_float32_runs_in_float32_and_knows_its_floor() -> None:
    logistic = {"name": "logistic", "rows": "standardised", "ridge": 0.01}
    single = run(logistic, [{"name": "newton"}], horizon=12, dtype="float32")[0]
    double = run(logistic, [{"name": "newton"}], horizon=12)[0]
    assert single.measured["last"]["gap"][0, -1] < single.floor["gap"]
    assert single.floor["gap"] > 1e6 * double.floor["gap"]
    assert double.measured["last"]["gap"][0, -1] < 1e-25


def test_runs_agree_whatever_the_batch_holds() -> None:
    """Alone or with nine other step sizes: the same up to rounding, and the name of the task tells them apart."""
    sizes = [0.01 * k for k in range(1, 11)]
    many = run(RIDGE, [{"name": "gd", "step_size": eta} for eta in sizes], horizon=60)
    alone = run(RIDGE, [{"name": "gd", "step_size": 0.05}], horizon=60)[0]
    np.testing.assert_allclose(many[4].measured["last"]["gap"], alone.measured["last"]["gap"], rtol=1e-10)


def test_checkpoint_grid() -> None:
    assert checkpoints(1, 60, False) == (0, 1)
    assert checkpoints(100_000, 60, False)[-1] == 100_000
    assert len(checkpoints(100_000, 60, False)) <= 60
    assert checkpoints(5, 60, False) == (0, 1, 2, 3, 4, 5)
    assert checkpoints(200, 10, True) == tuple(range(201))


def test_labels_are_those_of_the_file() -> None:
    trace: Trace = run(RIDGE, [{"name": "gd", "step_size": "1/L"}, {"name": "gd", "step_size": "1.5/L"}])[1]
    assert trace.label == "gd, step_size = 1.5/L"


def test_the_random_numbers_of_a_seed_are_what_they_were() -> None:
    """Rows drawn by seeds 0 and 7 at steps 0-5 and 128-130: a change here makes every stored random run another one."""
    with environment.numerics():
        each = settled(RIDGE, [{"name": "sgd", "step_size": 0.05}], horizon=300)[0]
        keys = runner._keys(each, np.array([0, 7]))
        drawn = [[np.asarray(each.oracle.draw(each.problem, (), key, block))[:, 0] for block in (0, 1)] for key in keys]
    assert drawn[0][0][:6].tolist() == GOLDEN[0]
    assert drawn[0][1][:3].tolist() == GOLDEN[1]
    assert drawn[1][0][:6].tolist() == GOLDEN[2]


def test_outputs_see_the_judged_point_and_its_own_value() -> None:
    """An optimizer whose theorem speaks of θ − 0.5: best is the best of those points, by R there."""
    import dataclasses

    with environment.numerics() as device:
        chosen = experiment(NOISY, [{"name": "gd", "step_size": 0.3}], horizon=6, outputs=("best",), every_step=True)
        (each,) = settle_all(cells(chosen), chosen)
        shifted = dataclasses.replace(each, program=each.program._replace(judged=_half_below))
        (batch,) = tasks.batches([shifted], device.platform)
        (trace,) = runner.run_batch(batch, (0, 1), lambda n, label: None)
    visited = 0.7 ** np.arange(6) - 0.5
    assert trace.measured["best"]["dist2"][0, -1] == pytest.approx(np.square(visited).min(), rel=1e-12)


def _half_below(state: Any, params: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf - 0.5, params)


def test_noise_from_a_close_start_is_no_divergence() -> None:
    """The gap grows by 1e12 from a start 1e-6 away, as the noise wants it: every seed is done, and no bound is hurt."""
    problem = {"name": "quadratic", "dimension": 1, "eigenvalues": [1.0], "D": 1e-6}
    oracle = {"name": "additive_noise", "sigma": 1.0}
    trace = run(problem, [{"name": "sgd", "step_size": "0.25/L"}], oracle=oracle, horizon=50, seeds=32)[0]
    assert set(trace.status) == {"done"}
    assert np.isfinite(trace.measured["last"]["gap"]).all()


def test_steps_one_by_one_draw_each_block_once() -> None:
    """With a checkpoint at every step the samples of a block are handed on, over the ends of blocks too."""
    sgd = [{"name": "sgd", "step_size": 0.05}]
    few = run(RIDGE, sgd, horizon=400, seeds=2, checkpoints=3)[0]
    every = run(RIDGE, sgd, horizon=400, seeds=2, every_step=True)[0]
    np.testing.assert_array_equal(few.measured["last"]["gap"][:, -1], every.measured["last"]["gap"][:, -1])


def test_the_cut_of_a_batch_does_not_depend_on_the_seeds_asked_for() -> None:
    with environment.numerics() as device:
        each = settled(RIDGE, [{"name": "sgd", "step_size": 0.05}], horizon=50)
        names = {task.name for batch in tasks.batches(each, device.platform) for task in batch.tasks}
        again = settled(RIDGE, [{"name": "sgd", "step_size": 0.05}], horizon=50, seeds=4096)
        assert names == {task.name for batch in tasks.batches(again, device.platform) for task in batch.tasks}
        other = settled(RIDGE, [{"name": "sgd", "step_size": 0.06}], horizon=50)
        assert names.isdisjoint(task.name for batch in tasks.batches(other, device.platform) for task in batch.tasks)


class Clock:
    """A clock that only the loop's steps move, each by so many seconds; notes how long every slice took."""

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self.now, self.slices, self._seconds, self._advance = 0.0, [0.0], seconds, loop.advance

    def perf_counter(self) -> float:
        return self.now

    def advance(self, *arguments: Any, **options: Any) -> Any:
        self.slices.append(sum(self._seconds(t) for t in range(int(arguments[7]), int(arguments[8]))))
        self.now += self.slices[-1] + 1e-4  # what a call costs beside its steps
        return self._advance(*arguments, **options)


@pytest.mark.parametrize(
    ("seconds", "most", "calls"),
    [
        (lambda t: 3.0, 3.0, 300),  # one step is a slice
        (lambda t: 1e-3, 0.5, 10),
        (lambda t: 1e-6, 0.5, 4),  # 1, 64, and the rest
        (lambda t: 1e-6 if t < 30 else 0.1, 0.1 * 64, 300),  # steps become dearer: one slice is long, and no other
    ],
)
def test_the_host_looks_up_every_half_second_or_step(
    seconds: Callable[[int], float], most: float, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(seconds)
    monkeypatch.setattr(runner, "time", clock)
    monkeypatch.setattr(loop, "advance", clock.advance)
    run(RIDGE, [{"name": "sgd", "step_size": 0.05}], horizon=300, seeds=3, checkpoints=2)
    assert max(clock.slices) <= most * (1 + 1e-9)
    assert sorted(clock.slices)[-2] <= max(0.5, seconds(299)) * (1 + 1e-9)
    assert len(clock.slices) <= calls + 1
