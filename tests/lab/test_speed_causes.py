"""What makes a run fast, held without a clock: what compiles, what a step reads, when random numbers are drawn, what
the host touches, and what is kept in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from convlab.lab import environment, loop, measure, noise, quadratic_model, runner
from tests.benchmarks.ours import Ours, prepare, recorded, steps_taken

N = 23  # rows: a number that no other size of these programs has
ROWS = {"name": "logistic", "data": "synthetic", "n": N, "dimension": 3, "ridge": 0.1}
ONE_ROW = {"name": "minibatch", "size": 1}
BLOCK = 128  # steps that minibatch draws at once
CONTAINERS = {"jit", "pjit", "closed_call", "while", "scan", "cond", "custom_jvp_call", "custom_vjp_call"}


@pytest.fixture(autouse=True)
def _numerics() -> Iterator[None]:
    with environment.numerics("cpu"):
        yield


def sgd(
    horizon: int = 300, seeds: int = 2, step_size: Any = 0.5, checkpoints: int = 5, ridge: float = 0.1, n: int = N
) -> Ours:
    problem = {**ROWS, "ridge": ridge, "n": n}
    return prepare(problem, [{"name": "sgd", "step_size": step_size}], horizon, seeds, checkpoints, ONE_ROW)


def with_oracle(ours: Ours, **changes: Any) -> Ours:
    """The same cells with parts of the oracle replaced."""

    def changed(settled: Any) -> Any:
        return dataclasses.replace(settled, oracle=dataclasses.replace(settled.oracle, **changes))

    batches = [
        dataclasses.replace(
            batch, tasks=tuple(dataclasses.replace(task, settled=changed(task.settled)) for task in batch.tasks)
        )
        for batch in ours.batches
    ]
    return dataclasses.replace(ours, settled=[changed(each) for each in ours.settled], batches=batches)


# What compiles


@contextlib.contextmanager
def compilations() -> Iterator[Counter[str]]:
    """Every program that is compiled meanwhile, those of single operations too, by what jax calls the event."""
    found: Counter[str] = Counter()

    def listen(event: str, seconds: float, **about: Any) -> None:
        if event.endswith("backend_compile_duration"):
            found[event] += 1

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def test_nothing_compiles_for_another_horizon_step_size_ridge_or_seed() -> None:
    first = sgd()
    first.run()
    others = [
        sgd(horizon=1_000),
        sgd(step_size=0.4),
        sgd(step_size="1/L_max"),
        sgd(ridge=0.2),
        sgd(seeds=1),  # one seed runs as two
    ]
    with compilations() as found:
        for other in others:
            other.run()
        (batch,) = first.batches
        runner.run_batch(batch, (40, 42), lambda steps, label: None)
    assert not found


def test_measuring_compiles_nothing_for_other_numbers_of_points() -> None:
    """Another T, other checkpoints, other seeds: also down to the optimum, where a gap is measured a second way."""
    sizes = [(400, 5), (60, 3), (5_000, 40), (700, 300)]
    runs = [prepare(ROWS, [{"name": "gd", "step_size": "1/L"}], T, checkpoints=count) for T, count in sizes]
    near = [int((runs[0].run()["gap"] < 1e-6).sum())]
    problem, star = runs[0].problem, np.asarray(runs[0].problem.optimum.hi)  # type: ignore[union-attr]
    with compilations() as found:
        near += [int((run.run()["gap"] < 1e-6).sum()) for run in runs[1:]]
        for count in (1, 8, 9, 300, 5_000):  # of seeds × checkpoints
            measure.measure(problem, star + np.linspace(0.0, 1.0, count)[:, None])
    assert not found
    assert min(near) > 0
    assert len(set(near)) == len(near)


def test_noise_models_and_keys_compile_nothing_for_other_numbers_of_points_or_seeds() -> None:
    problem, oracle = sgd().problem, sgd().settled[0].oracle
    settled = sgd().settled[0]

    def points(count: int) -> np.ndarray:
        return np.random.default_rng(count).standard_normal((count, 3))

    def all_of(count: int) -> None:
        noise.measure_noise(problem, oracle, points(count))
        quadratic_model.measure_steps(problem, np.stack([points(count), points(count + 1)[1:]]), np.array([0, 1]))
        runner._keys(settled, np.arange(count))

    all_of(300)  # among so many steps some ask for the finest rule of integration
    with compilations() as found:
        for count in (2, 3, 6, 40, 500):
            all_of(count)
    assert not found


def test_one_program_for_each_shape() -> None:
    """Another number of seeds or of rows is another shape: one more program of each kind, and no more."""
    sgd().run()
    programs = (loop.start, loop.advance, loop.points)
    for shape in (sgd(seeds=3), sgd(n=N + 1)):
        before = [program._cache_size() for program in programs]
        shape.run()
        shape.run()
        grown = [program._cache_size() - size for program, size in zip(programs, before, strict=True)]
        assert grown[1] == 1
        assert max(grown) == 1


def test_the_counter_of_compilations_counts() -> None:
    with compilations() as found:
        jax.jit(lambda x: x * np.float64(3.25))(jnp.ones(7)).block_until_ready()
    assert sum(found.values()) >= 1


# What a step reads


@functools.cache
def advance_of(oracle: str) -> Any:
    """The jaxpr of the loop as the runner calls it: for SGD on single rows, or for the same problem with all rows."""
    ours = sgd() if oracle == "minibatch" else prepare(ROWS, [{"name": "gd", "step_size": 0.1}], 300, checkpoints=5)
    arguments, options = call_of(ours)
    return loop.advance.trace(*arguments, **options).jaxpr.jaxpr


def call_of(ours: Ours) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the runner calls the loop with."""
    with recorded() as seen:
        ours.run()
    return seen[0]


def advance_with(show: Callable[..., Any]) -> Any:
    """The jaxpr of the loop for SGD, with another way of showing f_t."""
    arguments, options = call_of(sgd())
    changed = (*arguments[:2], dataclasses.replace(arguments[2], show=show), *arguments[3:])
    return loop.advance.trace(*changed, **options).jaxpr.jaxpr


def equations(jaxpr: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Every equation with the containers round it, outermost first; the containers themselves are left out."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        inner = [found for value in equation.params.values() for found in _jaxprs(value)]
        if not inner or name not in CONTAINERS:
            yield equation, path
        for each in inner:
            yield from equations(each, (*path, name))


def _jaxprs(value: Any) -> Iterator[Any]:
    if hasattr(value, "eqns"):
        yield value
    elif hasattr(value, "jaxpr"):
        yield value.jaxpr
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _jaxprs(each)


def over_all_rows(jaxpr: Any) -> set[str]:
    """The operations that read or make an array with a row for each of the n, gathers of rows apart."""
    found = set()
    for equation, path in equations(jaxpr):
        shapes = [getattr(var.aval, "shape", ()) for var in (*equation.invars, *equation.outvars)]
        reads = equation.primitive.name in ("gather", "dynamic_slice") and N not in shapes[-1]
        if "while" in path and any(N in shape for shape in shapes) and not reads:
            found.add(equation.primitive.name)
    return found


def test_a_step_on_single_rows_touches_no_other() -> None:
    """No evaluation of R in the loop: whatever had all rows as operand would cost n/b times the step."""
    assert over_all_rows(advance_of("minibatch")) == set()
    gathers = [path for equation, path in equations(advance_of("minibatch")) if equation.primitive.name == "gather"]
    assert gathers


def test_a_step_on_all_rows_is_seen_to_touch_them() -> None:
    assert "dot_general" in over_all_rows(advance_of("exact"))


def test_an_oracle_that_evaluates_the_risk_is_seen() -> None:
    honest = sgd().settled[0].oracle.show

    def show(problem: Any, constants: Any, theta: Any, state: Any, sample: Any, t: Any) -> Any:
        f, state = honest(problem, constants, theta, state, sample, t)
        whole = problem.risk(theta, problem.data, problem.constants)
        return (lambda point: f(point) + 0.0 * whole), state

    assert "dot_general" in over_all_rows(advance_with(show))


# When random numbers are drawn


def draws(jaxpr: Any) -> list[tuple[str, ...]]:
    """The loops and branches round every draw of random bits."""
    names = ("random_bits", "threefry2x32", "random_fold_in", "random_split", "random_wrap")
    return [
        tuple(name for name in path if name in ("while", "scan", "cond"))
        for equation, path in equations(jaxpr)
        if equation.primitive.name in names
    ]


def test_random_numbers_are_drawn_for_a_block_and_not_for_a_step() -> None:
    """In the loop over blocks, where a new one is entered; none in the loop over steps within it."""
    found = draws(advance_of("minibatch"))
    assert found
    assert set(found) == {("while", "cond")}


def test_the_drawing_is_compiled_once() -> None:
    """In `advance` alone: the first block is drawn there too, and `start` draws nothing."""
    (program, problem, oracle, hyper, keys, *_), _ = call_of(sgd())
    found = jax.make_jaxpr(loop.start, static_argnums=(0, 5))(program, problem, oracle, hyper, keys, 1)
    assert "random_bits" in str(jax.make_jaxpr(loop._draw)(problem, oracle, keys, 0))
    assert "random_bits" not in str(found)


def test_a_draw_in_a_step_is_seen() -> None:
    honest = sgd().settled[0].oracle.show

    def show(problem: Any, constants: Any, theta: Any, state: Any, sample: Any, t: Any) -> Any:
        f, state = honest(problem, constants, theta, state, sample, t)
        noise = jax.random.normal(jax.random.fold_in(jax.random.key(0), t), theta.shape)
        return (lambda point: f(point) + jnp.vdot(noise, point)), state

    assert any(path.count("while") > 1 for path in draws(advance_with(show)))


def test_each_block_is_drawn_once_wherever_the_checkpoints_lie() -> None:
    drawn: Counter[int] = Counter()
    honest = sgd().settled[0].oracle.draw

    def draw(problem: Any, constants: Any, key: Any, number: Any) -> Any:
        jax.debug.callback(lambda block: drawn.update([int(block)]), number)
        return honest(problem, constants, key, number)

    for checkpoints in (2, 40):
        drawn.clear()
        with_oracle(sgd(horizon=300, checkpoints=checkpoints), draw=draw).run()
        jax.effects_barrier()
        assert set(drawn) == {0, 1, 2}  # 300 steps are 2 blocks of 128 and a part
        assert len(set(drawn.values())) == 1  # once for each seed, or for all at once


def test_every_step_is_taken_once() -> None:
    """One trajectory serves all its checkpoints; no restart for a point of the curve."""
    assert steps_taken(sgd(horizon=300, checkpoints=40)) == 300


# What the host touches


class Held:
    """An array that notes when the host reads its numbers; waiting for it and asking for its shape reads none."""

    def __init__(self, array: jax.Array, kind: str, seen: list[str]) -> None:
        self.array, self._kind, self._seen = array, kind, seen

    def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
        self._seen.append(self._kind)
        return np.asarray(self.array)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("shape", "dtype", "ndim", "size", "nbytes", "sharding", "devices", "block_until_ready", "is_ready"):
            return getattr(self.array, name)
        self._seen.append(f"{self._kind}: {name}")
        return getattr(self.array, name)


def _watch(function: Callable[..., Any], kind: str, seen: list[str]) -> Callable[..., Any]:
    """The function on the arrays that are held, its result held again."""

    def watched(*arguments: Any, **options: Any) -> Any:
        plain = jax.tree.map(lambda leaf: leaf.array if isinstance(leaf, Held) else leaf, (arguments, options))
        seen.append(function.__name__)
        return jax.tree.map(lambda leaf: Held(leaf, kind, seen), function(*plain[0], **plain[1]))

    return watched


def test_iterates_stay_on_the_device_between_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host waits for iterates but reads none; what it reads are the points of checkpoints."""
    ours = sgd(horizon=5_000, checkpoints=4)  # slices of 64, 128, … steps lie between checkpoints
    expected = ours.run()
    seen: list[str] = []
    for name, kind in (("start", "iterate"), ("advance", "iterate"), ("points", "point")):
        monkeypatch.setattr(loop, name, _watch(getattr(loop, name), kind, seen))
    found = ours.run()
    np.testing.assert_array_equal(found["gap"], expected["gap"])
    assert Counter(seen)["advance"] > len(ours.steps)
    assert {entry for entry in seen if entry.startswith("iterate")} == set()
    assert Counter(seen)["point"] <= len(ours.steps)


def test_a_read_is_seen() -> None:
    seen: list[str] = []
    held = Held(jnp.ones(3), "iterate", seen)
    np.asarray(held)
    assert seen == ["iterate"]


# What is kept in memory


def test_what_is_alive_does_not_grow_with_the_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of all live arrays at every call of the loop: the same most for 64 times as many steps."""
    most = []
    for horizon in (200, 12_800):
        ours = sgd(horizon=horizon)
        ours.run()
        alive = [0]
        with monkeypatch.context() as patch:
            patch.setattr(loop, "advance", _weighing(loop.advance, alive))
            before = _alive()
            ours.run()
        most.append(max(alive) - before)
    assert most[0] == most[1] > 0


def _alive() -> int:
    return sum(array.nbytes for array in jax.live_arrays())


def _weighing(advance: Callable[..., Any], alive: list[int]) -> Callable[..., Any]:
    def weighed(*arguments: Any, **options: Any) -> Any:
        result = advance(*arguments, **options)
        alive.append(_alive())
        return result

    return weighed


def test_the_program_needs_little_beside_its_carry_and_samples() -> None:
    """Temporary buffers of the compiled loop: no more than the samples and the carry, twice, and the rows."""
    ours, seeds = sgd(), 64  # so many that what is there once does not count
    (program, problem, oracle, hyper, *_), options = call_of(ours)
    keys = runner._keys(ours.settled[0], np.arange(seeds))
    carried = loop.start.eval_shape(program, problem, oracle, hyper, keys, 1)
    arguments = (program, problem, oracle, hyper, keys, *carried, np.int64(0), np.int64(1))
    analysis = loop.advance.lower(*arguments, **options).compile().memory_analysis()
    assert analysis is not None
    carry, samples = (sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(part)) for part in arguments[5:7])
    data = sum(leaf.nbytes for leaf in jax.tree.leaves(ours.problem.data))
    assert analysis.temp_size_in_bytes <= 2 * (carry + 2 * samples) + data  # random bits are as wide as two samples
