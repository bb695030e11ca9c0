"""W1: SGD with batch 1 on ridge logistic regression, 10⁵ steps, 100 seeds, 57 checkpoints with their objective."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from convlab.lab import runner
from tests.benchmarks import peers
from tests.benchmarks.harness import Contender, Goal, Work, agree_exactly, agree_in_mean, ratio
from tests.benchmarks.ours import Ours, gap_of, nearest, prepare, steps_taken

STEP_SIZE, RIDGE = 0.01, 0.01
PROBLEM = {"name": "logistic", "rows": "standardised", "ridge": RIDGE}
SGD = {"name": "sgd", "step_size": STEP_SIZE}
PER_RUN, BLOCKED = "numba, one loop per run", "numba, seeds blocked for SIMD"
WHOLE, FILES = "convlab, whole run", "convlab, whole run without figures"
BARE, ENDS = "the loop alone", "convlab, no checkpoints"
WHOLE_OF_MORE, BARE_OF_MORE = "convlab, whole run, ten times the seeds", "the loop alone, ten times the seeds"


def work(quick: bool, cores: int) -> Work:
    steps, seeds = (5_000, 20) if quick else (100_000, 100)
    ours = prepare(PROBLEM, [SGD], steps, seeds)
    ends = prepare(PROBLEM, [SGD], steps, seeds, checkpoints=2)
    gaps = ours.run()["gap"][:, 0]
    more = prepare(PROBLEM, [SGD], steps, 10 * seeds)  # what a run costs beside its steps does not grow with them
    units = float(steps * seeds)

    def same(found: Any) -> str:
        return agree_exactly(gaps, found["gap"][:, 0], "gaps")

    def same_of_more(found: Any) -> str:
        return agree_exactly(gaps, found["gap"][:seeds, 0], "gaps of the first seeds")

    def same_end(found: Any) -> str:
        return agree_exactly(gaps[:, -1], found["gap"][:, 0, -1], "gaps")

    contenders = [
        Contender("convlab", lambda: ours.run, units, same, "57 checkpoints, measured"),
        Contender(WHOLE, lambda: ours.whole, units, same, "with files, rulings and figures"),
        Contender(FILES, lambda: lambda: ours.whole(figures=False), units, same, "with files and rulings"),
        Contender(BARE, ours.bare, units, _points(ours, gaps, -1), "one call, nothing measured"),
        Contender(ENDS, lambda: ends.run, units, same_end, "start and end alone"),
        Contender(WHOLE_OF_MORE, lambda: more.whole, 10 * units, same_of_more, "with files, rulings and figures"),
        Contender(BARE_OF_MORE, more.bare, 10 * units, _points(ours, gaps, -1, seeds), "one call, nothing measured"),
        *_numba(ours, gaps, cores),
        *_packages(ours, gaps, quick),
    ]
    threads = "1 thread" if cores == 1 else f"{cores} threads"
    taken = steps_taken(ours) / steps
    goals = [
        Goal(f"W1: convlab / numba per run, {threads} each", 1.0, ratio("convlab", PER_RUN)),
        Goal("a whole run / the bare loop", 1.15, ratio(WHOLE, BARE)),
        Goal("a whole run without figures / the bare loop", 1.15, ratio(FILES, BARE)),
        Goal("a whole run / the bare loop, ten times the seeds", 1.15, ratio(WHOLE_OF_MORE, BARE_OF_MORE)),
        Goal("57 checkpoints / none", 1.05, ratio("convlab", ENDS)),
        Goal("steps taken / longest horizon", 1.0, lambda rounds: [taken], "exactly"),
    ]
    return Work(f"SGD, batch 1, breast_cancer 569×30, {steps:,} steps, {seeds} seeds", contenders, goals)


def _points(ours: Ours, gaps: np.ndarray, at: int, most: int | None = None) -> Callable[[Any], str]:
    """The same random numbers: points, of the first ``most`` seeds, whose gaps are those of convlab at a checkpoint."""

    def check(found: Any) -> str:
        points = np.asarray(found)[:most]
        return agree_exactly(gaps[: len(points), at], gap_of(ours.problem, points.reshape(len(points), -1)), "gaps")

    return check


def _numba(ours: Ours, gaps: np.ndarray, cores: int) -> list[Contender]:
    """With one core a loop in one thread; with several the runs are spread over as many threads."""
    X, y = (np.asarray(leaf) for leaf in ours.problem.data)
    at, seeds = np.array([*ours.steps[1:], -1]), len(gaps)
    assert ours.problem.optimum is not None
    least = float(ours.problem.optimum.risk_low)

    def risks(found: Any) -> str:
        ends = np.asarray(found)[:, [nearest(ours.steps[1:], 100), -1]] - least
        return agree_in_mean(gaps[:, [nearest(ours.steps, 100), -1]], ends, "gaps at t = 100 and at the end")

    def per_run() -> Callable[[], Any]:
        peers.package("numba")
        from tests.benchmarks import kernels

        loop, found = kernels.sgd_runs_parallel if cores > 1 else kernels.sgd_runs, np.zeros((seeds, len(at) - 1))

        def call() -> Any:
            loop(X, y, ours.steps[-1], np.full(seeds, STEP_SIZE), RIDGE, 1, at, found)
            return found

        return call

    def blocked() -> Callable[[], Any]:
        peers.package("numba")
        from tests.benchmarks import kernels

        call = kernels.blocked_call(X, y, seeds, cores > 1)
        return lambda: call(ours.steps[-1], STEP_SIZE, RIDGE, at)

    threads = "prange" if cores > 1 else "1 thread"
    return [
        Contender(PER_RUN, per_run, ours.units, risks, f"{threads}, objective included"),
        Contender(BLOCKED, blocked, ours.units, risks, f"{threads}, objective included"),
    ]


def _packages(ours: Ours, gaps: np.ndarray, quick: bool) -> list[Contender]:
    """Fewer steps and runs where all would take minutes; compared at the checkpoint where they stop."""
    X, y = (np.asarray(leaf) for leaf in ours.problem.data)
    eta = np.array([STEP_SIZE])

    def cut(name: str, build: Any, steps: int, seeds: int) -> Contender:
        at = nearest(ours.steps, min(steps, ours.steps[-1]))
        seeds, steps = min(seeds, len(gaps)), ours.steps[at]

        def check(found: Any) -> str:
            return agree_in_mean(gaps[:, at], gap_of(ours.problem, np.asarray(found)[:, 0]), f"gaps at t = {steps}")

        note = f"{steps:,} steps, {seeds} seeds, no objective"
        return Contender(name, lambda: build(X, y, steps, eta, seeds, RIDGE, 1), float(steps * seeds), check, note)

    def sklearn() -> Callable[[], Any]:
        return peers.sklearn_sgd(X, y, STEP_SIZE, RIDGE, drawn(ours, 4)[:, :, 0])

    return [
        cut("JAX as usual: vmap, split, randint, grad", peers.jax_usual, 10_000, 100),
        cut("numpy, seeds as rows", peers.numpy_sgd, 2_000, 100),
        Contender(
            "sklearn SGDClassifier", sklearn, 4.0 * ours.steps[-1], _points(ours, gaps, -1), "4 fits on convlab's rows"
        ),
        cut("optax, jitted step in a Python loop", peers.optax_loop, 100 if quick else 300, 20),
        cut("torch, autograd and optim.SGD", peers.torch_loop, 100, 20),
    ]


def drawn(ours: Ours, seeds: int) -> np.ndarray:
    """The rows that convlab's oracle draws, [seeds, steps, batch]: for contenders that are told their rows."""
    each = ours.settled[0]
    keys = runner._keys(each, np.arange(seeds))
    blocks = range(-(-ours.steps[-1] // each.oracle.block))
    draw = jax.jit(each.oracle.draw)
    bare = dataclasses.replace(each.problem, optimum=None)
    rows = [np.concatenate([np.asarray(draw(bare, (), key, np.int64(k))) for k in blocks]) for key in keys]
    return np.stack(rows)[:, : ours.steps[-1]]
