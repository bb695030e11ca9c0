"""W2: minibatch SGD with 32 rows on ridge logistic regression of the digits, 32 seeds × 8 step sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks import peers
from tests.benchmarks.harness import Contender, Goal, Work, agree_exactly, agree_in_mean, ratio
from tests.benchmarks.ours import Ours, gap_of, nearest, prepare

RIDGE, SIZE = 0.01, 32
STEP_SIZES = [0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12]
PROBLEM = {"name": "logistic", "data": "digits", "rows": "standardised", "ridge": RIDGE}
NUMBA, OPTAX = "numba, one loop per run", "optax, jitted step in a Python loop"


def work(quick: bool, cores: int) -> Work:
    steps, seeds = (400, 8) if quick else (20_000, 32)
    optimizers = [{"name": "sgd", "step_size": eta} for eta in STEP_SIZES]
    ours = prepare(PROBLEM, optimizers, steps, seeds, oracle={"name": "minibatch", "size": SIZE})
    gaps = ours.run()["gap"]
    contenders = [
        Contender(
            "convlab",
            lambda: ours.run,
            ours.units,
            lambda found: agree_exactly(gaps, found["gap"], "gaps"),
            "57 checkpoints, measured; seeds shared by all step sizes",
        ),
        _numba(ours, gaps, cores),
        _cut(ours, gaps, "JAX as usual: vmap, split, randint, grad", peers.jax_usual, 1_000, seeds),
        _cut(ours, gaps, "numpy, stacks of products", peers.numpy_sgd, 500, seeds),
        _cut(ours, gaps, "torch, runs batched by bmm", peers.torch_batched, 200, seeds),
        _cut(ours, gaps, OPTAX, peers.optax_loop, 30 if quick else 100, 4),
    ]
    goals = [
        Goal(
            f"W2: convlab / numba per run, {cores} thread{'s' if cores > 1 else ''} each", 0.5, ratio("convlab", NUMBA)
        ),
        Goal("W2: an optax loop / convlab", 50.0, ratio(OPTAX, "convlab"), "at least"),
    ]
    title = f"SGD, batch 32, digits 1797×64, {steps:,} steps, {seeds} seeds × {len(STEP_SIZES)} step sizes"
    return Work(title, contenders, goals)


def _numba(ours: Ours, gaps: np.ndarray, cores: int) -> Contender:
    X, y = (np.asarray(leaf) for leaf in ours.problem.data)
    at, seeds = np.array([*ours.steps[1:], -1]), len(gaps)
    assert ours.problem.optimum is not None
    least = float(ours.problem.optimum.risk_low)

    def build() -> Callable[[], Any]:
        peers.package("numba")
        from tests.benchmarks import kernels

        loop, found = (
            kernels.sgd_runs_parallel if cores > 1 else kernels.sgd_runs,
            np.zeros((gaps[..., 0].size, len(at) - 1)),
        )

        def call() -> Any:
            loop(X, y, ours.steps[-1], np.tile(STEP_SIZES, seeds), RIDGE, SIZE, at, found)
            return found.reshape(seeds, len(STEP_SIZES), -1)

        return call

    def check(found: Any) -> str:
        return agree_in_mean(gaps[..., -1], found[..., -1] - least, "gaps")

    return Contender(NUMBA, build, ours.units, check, f"{'prange' if cores > 1 else '1 thread'}, objective included")


def _cut(ours: Ours, gaps: np.ndarray, name: str, build: Any, steps: int, seeds: int) -> Contender:
    """Fewer steps or seeds; compared at the checkpoint where they stop."""
    X, y = (np.asarray(leaf) for leaf in ours.problem.data)
    at = nearest(ours.steps, min(steps, ours.steps[-1]))
    steps, etas = ours.steps[at], np.array(STEP_SIZES)

    def check(found: Any) -> str:
        return agree_in_mean(gaps[..., at], gap_of(ours.problem, found), f"gaps at t = {steps}")

    note = f"{steps:,} steps, {seeds} seeds, no objective"
    units = float(steps * seeds * len(etas))
    return Contender(name, lambda: build(X, y, steps, etas, seeds, RIDGE, SIZE), units, check, note)
