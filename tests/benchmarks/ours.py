"""convlab as a contender: through `runner.run_batch`, measuring included, as `convlab run` does; or a whole run."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from convlab.core.problem import Problem
from convlab.lab import api, environment, loop, runner, tasks
from convlab.lab.grid import cells
from convlab.lab.settle import Settled
from convlab.lab.side_by_side import Crew
from convlab.lab.spec import Experiment
from tests.running import experiment

CHECKPOINTS = 57  # as in SPEED; 2 are the start and the end alone


@dataclasses.dataclass(frozen=True)
class Ours:
    """An experiment settled and cut into batches: what is not timed."""

    experiment: Experiment
    settled: list[Settled]
    batches: list[tasks.Batch]

    @property
    def problem(self) -> Problem:
        return self.settled[0].problem

    @property
    def steps(self) -> tuple[int, ...]:
        """The checkpoints."""
        return self.settled[0].cell.checkpoints

    @property
    def units(self) -> float:
        seeds = self.experiment.seeds if self.settled[0].random else 1
        return float(len(self.settled) * seeds * self.experiment.horizons[0])

    def run(self) -> dict[str, np.ndarray]:
        """Every quantity [seeds, cells, checkpoints] of the last iterate; cut and spread over cores as by `api.run`."""
        return self._run(self._spans(lambda batch, seeds: batch.piece(seeds)), environment.threads())

    def run_in_turn(self) -> dict[str, np.ndarray]:
        """The same pieces, one after the other."""
        return self._run(self._spans(lambda batch, seeds: batch.piece(seeds)), 1)

    def run_in_one(self) -> dict[str, np.ndarray]:
        """The same without a cut for the cores and their cache."""
        return self._run(self._spans(lambda batch, seeds: batch.most_seeds), 1)

    def _spans(self, piece: Callable[[tasks.Batch, int], int]) -> list[tuple[tasks.Batch, tuple[int, int]]]:
        found = []
        for batch in self.batches:
            seeds = self.experiment.seeds if batch.random else 1
            size = piece(batch, seeds)
            found += [(batch, (low, min(low + size, seeds))) for low in range(0, seeds, size)]
        return found

    def _run(self, work: Sequence[tuple[tasks.Batch, tuple[int, int]]], cores: int) -> dict[str, np.ndarray]:
        found: dict[int, dict[int, dict[str, np.ndarray]]] = {}
        device = jax.devices()[0]

        def one(item: tuple[tasks.Batch, tuple[int, int]]) -> None:
            batch, span = item
            with environment.precise(device):
                traces = runner.run_batch(batch, span, _silent)
            with crew.lock:
                for task, trace in zip(batch.tasks, traces, strict=True):
                    found.setdefault(task.index, {})[span[0]] = trace.measured["last"]

        crew = Crew(min(cores, len(work)))
        crew.do(one, work)
        parts = [[found[cell][low] for low in sorted(found[cell])] for cell in sorted(found)]
        return {
            name: np.stack([np.concatenate([part[name] for part in cell]) for cell in parts], axis=1)
            for name in parts[0][0]
        }

    def whole(self, figures: bool = True) -> dict[str, np.ndarray]:
        """All of `convlab run --force`: files written, claims judged, figures drawn; the gaps come from its results."""
        chosen = self.experiment if figures else dataclasses.replace(self.experiment, figures=())
        with tempfile.TemporaryDirectory() as folder:
            outcome = api.run(chosen, device="cpu", force=True, out=Path(folder) / "results")
        if outcome.failures:
            raise RuntimeError(outcome.failures[0])
        return {"gap": np.stack([trace.measured["last"]["gap"] for trace in outcome.results.traces], axis=1)}

    def bare(self) -> Callable[[], Any]:
        """The loop alone: θ0, then every step in one call; no checkpoint, no measuring."""
        with recorded() as seen:
            self.run_in_one()
        arguments, options = seen[0]
        program, problem, oracle, hyper, keys = arguments[:5]
        span, count = (np.int64(0), np.int64(self.experiment.horizons[0])), len(self.settled)
        rest = arguments[9:]

        def call() -> Any:
            carry, samples = loop.start(program, problem, oracle, hyper, keys, count)
            carry, _ = loop.advance(program, problem, oracle, hyper, keys, carry, samples, *span, *rest, **options)
            return jax.block_until_ready(carry.theta)

        return call


@contextlib.contextmanager
def recorded() -> Iterator[list[tuple[tuple[Any, ...], dict[str, Any]]]]:
    """The arguments of every call of `loop.advance` meanwhile, those that are donated by their shapes."""
    seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    advance = loop.advance

    def watched(*arguments: Any, **options: Any) -> Any:
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), arguments[5:7])
        seen.append(((*arguments[:5], *shapes, *arguments[7:]), options))
        return advance(*arguments, **options)

    loop.advance = watched  # type: ignore[assignment]
    try:
        yield seen
    finally:
        loop.advance = advance


def steps_taken(ours: Ours) -> int:
    """Counted at the loop itself, not by what the runner reports."""
    with recorded() as seen:
        ours.run_in_one()
    return sum(int(arguments[8]) - int(arguments[7]) for arguments, _ in seen)


@contextlib.contextmanager
def _measuring() -> Iterator[list[float]]:
    """Seconds spent in `measure` meanwhile."""
    spent, measure = [0.0], runner.measure

    def watched(*arguments: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return measure(*arguments, **options)
        finally:
            spent[0] += time.perf_counter() - began

    runner.measure = watched
    try:
        yield spent
    finally:
        runner.measure = measure


def stepping(ours: Ours) -> float:
    """Seconds of a run without those of measuring its points, which do not grow with the steps."""
    with _measuring() as spent:
        began = time.perf_counter()
        ours.run_in_turn()
        return time.perf_counter() - began - spent[0]


def prepare(
    problem: Mapping[str, Any],
    optimizers: Sequence[Mapping[str, Any]],
    horizon: int,
    seeds: int = 1,
    checkpoints: int = CHECKPOINTS,
    oracle: Mapping[str, Any] | None = None,
) -> Ours:
    options = {"horizon": horizon, "seeds": seeds, "checkpoints": checkpoints}
    chosen = experiment(problem, optimizers, oracle, **options)
    settled = api.settle_all(cells(chosen), chosen)
    return Ours(chosen, settled, tasks.batches(settled, "cpu"))


def nearest(steps: Sequence[int], wanted: int) -> int:
    """The index of the checkpoint nearest to a step: where a contender that takes fewer steps is compared."""
    return int(np.argmin(np.abs(np.log((np.asarray(steps) + 1e-9) / wanted))))


def gap_of(problem: Problem, points: np.ndarray) -> np.ndarray:
    """R(θ) − R(θ*) of points [..., d] of ridge logistic regression, in numpy, as a plain difference."""
    X, y = (np.asarray(leaf) for leaf in problem.data)
    assert problem.optimum is not None
    flat = np.asarray(points, float).reshape(-1, X.shape[1])
    risks = [np.logaddexp(0.0, -y * (X @ point)).mean() for point in flat]
    risk = np.array(risks) + 0.5 * float(problem.constants["ridge"]) * np.square(flat).sum(axis=1)
    least = 0.5 * (float(problem.optimum.risk_low) + float(problem.optimum.risk_high))
    return (risk - least).reshape(np.shape(points)[:-1])


def distance2_of(problem: Problem, points: np.ndarray) -> np.ndarray:
    assert problem.optimum is not None
    return np.square(np.asarray(points) - np.asarray(problem.optimum.hi)).sum(axis=-1)


def _silent(steps: int, label: str) -> None:
    pass
