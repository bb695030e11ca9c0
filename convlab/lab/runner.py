"""The runner: drives a batch from checkpoint to checkpoint, measures what was kept, and hands out one trace per
cell."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from convlab.core.problem import Problem
from convlab.core.setting import EXACT_EXPECTATION
from convlab.core.trace import Trace
from convlab.lab import final_floors, floors, loop, moments, noise, quadratic_model
from convlab.lab.measure import measure, relative_errors
from convlab.lab.settle import Settled
from convlab.lab.tasks import Batch
from convlab.lab.uncertainty import errors

_GROWTH = 1e8  # a run without noise whose gap ends this many times above its start has diverged, finite or not
_SMALL = 100  # parameters up to which Newton's decrement is measured
_TOGETHER = {"gpu": 32}  # steps of an inner loop of known length, where that is faster
_SLICE = 0.5  # seconds after which the host looks up: for progress, and for Ctrl-C
_GROWTH_OF_SLICES = 64  # from one to the next, at most
_KEYS = 1 << 10  # seeds whose keys are made in one call, always as many: another number compiles nothing


@dataclass
class Progress:
    """How far a run is, in steps × runs, and ``plan``: how many batches there are, and what the largest needs."""

    total: int
    done: int = 0
    label: str = ""
    plan: str = ""


def run_batch(batch: Batch, seeds: tuple[int, int], advance: Callable[[int, str], None]) -> list[Trace]:
    """Runs all cells of a batch on the seeds [first, last) and returns their traces, in the order of its tasks.

    ``advance(n, label)`` is called as n further steps × runs are done. Must be called within `environment.numerics`.
    """
    first = batch.first
    if EXACT_EXPECTATION in first.setting.traits:
        return [_expected(task.settled, advance) for task in batch.tasks]
    width = max(2, seeds[1] - seeds[0]) if batch.random else 1  # a batch of one seed has other last bits than of many
    keys = _keys(first, np.arange(seeds[0], seeds[0] + width))
    hyper = _stack([task.settled.hyper for task in batch.tasks])
    problem, exact = _placed(first.problem, first.cell.dtype, next(iter(keys.devices())))
    points = _drive(batch, problem, hyper, keys, advance)
    poll = functools.partial(advance, 0, f"{first.cell.label}: measuring")
    measured = {}
    for output, kept in points.items():
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[3:]), kept)
        shape = (len(first.cell.checkpoints), width, len(batch.tasks))
        found = measure(exact, flat, _decrement_is_wanted(first.problem), poll)
        measured[output] = {name: array.reshape(shape) for name, array in found.items()}
    if "last" in points and _models_are_wanted(first):
        runs = jax.tree.map(lambda leaf: leaf.reshape(leaf.shape[0], -1, *leaf.shape[3:]), points["last"])
        found = quadratic_model.measure_steps(exact, runs, np.asarray(first.cell.checkpoints))
        measured["last"] |= {name: array.reshape(measured["last"]["gap"].shape) for name, array in found.items()}
    if first.cell.noise and batch.random:
        where = "last" if "last" in points else next(iter(points))
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[3:]), points[where])
        found = noise.measure_noise(exact, first.oracle, flat)
        measured[where] |= {name: array.reshape(measured[where]["gap"].shape) for name, array in found.items()}
    count = seeds[1] - seeds[0]
    plane = _plane(points.get("last"))
    return [
        _trace(
            task.settled,
            tuple(range(*seeds)),
            {
                output: {name: np.ascontiguousarray(array[:, :count, column].T) for name, array in quantities.items()}
                for output, quantities in measured.items()
            },
            None if plane is None else np.ascontiguousarray(plane[:, :count, column].swapaxes(0, 1)),
        )
        for column, task in enumerate(batch.tasks)
    ]


def _expected(settled: Settled, advance: Callable[[int, str], None]) -> Trace:
    """The trace of a cell whose expectations are computed: one row of numbers, and no seed."""
    measured = moments.expected(settled.problem, settled.cell, settled.setting.step_size)
    advance(settled.cell.horizon, settled.cell.label)
    return _trace(settled, (0,), measured, None)


def _decrement_is_wanted(problem: Problem) -> bool:
    """Newton's decrement is measured where a theorem speaks of it, and its linear system is small."""
    return "self-concordant" in problem.traits and _dimension(problem) <= _SMALL


def _models_are_wanted(settled: Settled) -> bool:
    """The quadratic models of steps are measured where a claim or a figure speaks of them, and R has a Hessian."""
    return settled.cell.models and "twice differentiable" in settled.problem.traits


def _dimension(problem: Problem) -> int:
    return sum(int(np.size(leaf)) for leaf in jax.tree.leaves(problem.theta0))


def _plane(points: Any) -> np.ndarray | None:
    """The points of a two-dimensional problem, [K, seeds, hyperparameters, 2], for a picture of the trajectory."""
    leaves = jax.tree.leaves(points)
    if len(leaves) != 1 or leaves[0].shape[3:] != (2,):
        return None
    return np.asarray(leaves[0], np.float64)


@functools.lru_cache(maxsize=1)
def _placed(problem: Problem, dtype: str, device: jax.Device) -> tuple[Problem, Problem]:
    """The problem on the device as a run sees it and as it is certified: its data once, if the precision is the same,
    and once for all batches. On a CPU that is the memory it lies in already, where it begins at a multiple of 64."""
    exact = jax.device_put(problem)
    return jax.device_put(_cast(exact, dtype)), exact


def _cast(problem: Problem, dtype: str) -> Problem:
    """The problem with its numbers in the run's precision; what the gap is measured against stays as certified."""

    def cast(leaf: Any) -> Any:
        own = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
        return np.asarray(leaf).astype(dtype) if np.issubdtype(own, np.floating) and own != dtype else leaf

    parts = {name: jax.tree.map(cast, getattr(problem, name)) for name in ("data", "constants", "theta0")}
    return dataclasses.replace(problem, optimum=None, stationary=None, **parts)


def _keys(settled: Settled, seeds: np.ndarray) -> jax.Array:
    """A threefry key for each seed; in a sweep the horizon is folded in, since its runs must be independent."""
    folded = np.uint32(settled.cell.horizon if settled.cell.sweep else 0)
    filled = np.pad(seeds.astype(np.uint32), (0, -len(seeds) % _KEYS), "edge").reshape(-1, _KEYS)
    words = np.concatenate([np.asarray(_folded(folded, some)) for some in filled])[: len(seeds)]
    keys: jax.Array = jax.random.wrap_key_data(jax.device_put(words), impl="threefry2x32")
    return keys


@jax.jit
def _folded(horizon: jax.Array, seeds: jax.Array) -> jax.Array:
    root = jax.random.fold_in(jax.random.key(0, impl="threefry2x32"), horizon)
    return jax.random.key_data(jax.vmap(lambda seed: jax.random.fold_in(root, seed))(seeds))


def _stack(rows: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *rows)


def _drive(
    batch: Batch, problem: Problem, hyper: Any, keys: jax.Array, advance: Callable[[int, str], None]
) -> dict[str, Any]:
    """Each output's points at the checkpoints: leaves [K, seeds, hyperparameters, …].

    They are written to where they belong as the run passes by, so that none of them is held twice.
    """
    first = batch.first
    program, oracle = first.program, jax.device_put(first.oracle)
    runs = len(batch.tasks) * keys.shape[0]
    carry, samples = loop.start(program, problem, oracle, hyper, keys, len(batch.tasks))
    kept: dict[str, Any] = {}
    _keep(kept, 0, len(first.cell.checkpoints), loop.points(program, carry))
    together = _TOGETHER.get(next(iter(keys.devices())).platform, 1)
    longest = 1  # steps of a slice
    for number, (begin, end) in enumerate(itertools.pairwise(first.cell.checkpoints), start=1):
        at = begin
        while at < end:
            until = min(end, at + longest)
            started = time.perf_counter()
            span = (np.int64(at), np.int64(until))
            carry, samples = loop.advance(program, problem, oracle, hyper, keys, carry, samples, *span, together)
            jax.tree.leaves(carry.theta)[0].block_until_ready()
            longest = _next_slice(longest, until - at, time.perf_counter() - started)
            advance((until - at) * runs, first.cell.label)
            at = until
        _keep(kept, number, len(first.cell.checkpoints), loop.points(program, carry))
    return kept


def _next_slice(longest: int, steps: int, seconds: float) -> int:
    """How many steps to take before the host looks up, from what the last slice took: some half of _SLICE seconds.

    A slice that a checkpoint cut short says little, unless it took long. A call costs something beside its steps, so
    that the first ones are thought dearer than they are; and steps may become dearer, so that growth is bounded.
    """
    if steps < longest and seconds < _SLICE:
        return longest
    return max(1, min(_GROWTH_OF_SLICES * steps, int(0.5 * _SLICE * steps / max(seconds, 1e-6))))


def _keep(kept: dict[str, Any], number: int, count: int, points: dict[str, Any]) -> None:
    """Writes the points of a checkpoint into the arrays of all ``count``, which the first one makes."""
    for name, tree in points.items():
        if name not in kept:
            kept[name] = jax.tree.map(lambda leaf: np.empty((count, *leaf.shape), leaf.dtype), tree)
        for into, leaf in zip(jax.tree.leaves(kept[name]), jax.tree.leaves(tree), strict=True):
            into[number] = np.asarray(leaf)


def _trace(
    settled: Settled,
    seeds: tuple[int, ...],
    measured: dict[str, dict[str, np.ndarray]],
    plane: np.ndarray | None,
) -> Trace:
    """The trace of one cell, each seed's curves cut where it is no longer finite."""
    cell = settled.cell
    ends = np.full(len(seeds), len(cell.checkpoints))
    for quantities in measured.values():
        ends = np.minimum(ends, _ends(quantities))
    for quantities in measured.values():
        for array in quantities.values():
            array[np.arange(len(cell.checkpoints)) >= ends[:, None]] = np.nan
    if plane is not None:
        plane[np.arange(len(cell.checkpoints)) >= ends[:, None]] = np.nan
    return Trace(
        setting=settled.setting,
        t=np.asarray(cell.checkpoints, np.int64),
        seeds=seeds,
        measured=measured,
        floor=_floor(settled, measured),
        error=errors(settled.problem),
        status=_status(settled, ends, next(iter(measured.values()))["gap"]),
        rows_per_step=float(settled.oracle.rows_per_step(settled.problem)),
        label=cell.label,
        dimension=_dimension(settled.problem),
        rows=settled.problem.rows,
        relative=relative_errors(settled.problem) | _relative_of_models(settled),
        points=plane,
        confirms_only=tuple(name for name, output in settled.program.outputs if output.confirms_only),
        observed=noise.observed(settled.problem, settled.oracle) if cell.noise else {},
        risk_star=_interval(settled.problem),
        certificate=settled.problem.certificate,
    )


def _floor(settled: Settled, measured: dict[str, dict[str, np.ndarray]]) -> dict[str, float | np.ndarray]:
    """One number per quantity, and, where the method's rounding is understood, one per checkpoint."""
    setting, t = settled.setting, np.asarray(settled.cell.checkpoints, np.int64)
    ends = final_floors.limits(settled.problem, setting)
    blind = final_floors.of_values(settled.problem, setting, t, measured)
    return {**ends, **blind, **floors.along(settled.problem, setting, t, measured)}


def _interval(problem: Problem) -> tuple[float, float] | None:
    """The ends between which R(θ*) lies, where a certificate says so."""
    if problem.optimum is None:
        return None
    low, high = float(problem.optimum.risk_low), float(problem.optimum.risk_high)
    return (low, high) if np.isfinite(low) and np.isfinite(high) else None


def _relative_of_models(settled: Settled) -> dict[str, float]:
    return {"observed_M": quadratic_model.RELATIVE} if _models_are_wanted(settled) else {}


def _ends(quantities: dict[str, np.ndarray]) -> np.ndarray:
    """For each seed the number of checkpoints at which the risk and its gradient are finite numbers."""
    gone = ~np.isfinite(quantities["grad_norm2"])
    if np.isfinite(quantities["gap"][:, 0]).all():  # without an optimum there is no gap to look at
        gone |= ~np.isfinite(quantities["gap"])
    gone[:, 0] = False
    return np.asarray(np.where(gone.any(axis=1), gone.argmax(axis=1), gone.shape[1]))


def _status(settled: Settled, ends: np.ndarray, gap: np.ndarray) -> tuple[str, ...]:
    """ "diverged" where the numbers ended, and where a run without noise has grown beyond all measure."""
    exact = "exact oracle" in settled.setting.traits
    grown = exact & (gap[:, -1] > _GROWTH * gap[:, 0]) & (gap[:, 0] > 0)
    return tuple("diverged" if end < gap.shape[1] or far else "done" for end, far in zip(ends, grown, strict=True))
