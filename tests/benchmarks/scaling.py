"""Scaling: ns per step and run over horizon, runs, dimension, rows and batch, for the runner and a numba loop per run.

Only steps are counted: the time that the runner spends on measuring its points, which does not grow with the steps, is
taken off (two points here), and the numba loops take no objective.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tests.benchmarks import peers
from tests.benchmarks.harness import Contender, Goal, Work, spread
from tests.benchmarks.ours import prepare, stepping

RIDGE, STEP_SIZE, RUNS = 0.01, 0.01, 64
BREAST_CANCER = {"name": "logistic", "rows": "standardised", "ridge": RIDGE}
NUMBA_UNITS = 400_000  # steps × runs that a numba loop is given: its time per step does not depend on them


def work(quick: bool, cores: int) -> Work:
    less = 10 if quick else 1
    axes: dict[str, dict[str, list[Any]]] = {}
    contenders: list[Contender] = []
    for axis, cells in _cells(less).items():
        values = list(cells)[: 2 if quick else None]
        names = [f"convlab, {axis} = {value:,}" for value in values]
        rivals = [f"numba, {axis} = {value:,}" for value in values if axis not in ("T", "runs")]
        axes[axis] = {"values": values, "convlab": names, "numba": rivals}
        contenders += [_ours(name, **cells[value]) for name, value in zip(names, values, strict=True)]
        if rivals:
            contenders += [_numba(name, **cells[value]) for name, value in zip(rivals, values, strict=True)]
    runs = [name for name, value in zip(axes["runs"]["convlab"], axes["runs"]["values"], strict=True) if value >= 16]
    goals = [
        Goal("slowest / fastest over T = 10³ … 10⁶", 1.3, spread(axes["T"]["convlab"])),
        Goal("slowest / fastest over 16 … 4096 runs", 1.3, spread(runs)),
    ]
    return Work("SGD: what a step of a run costs, over sizes", contenders, goals, axes=axes, baseline="")


def _cells(less: int) -> dict[str, dict[int, dict[str, Any]]]:
    """The problem, horizon, runs and batch of each point of each axis."""

    def rows(n: int, d: int) -> dict[str, Any]:
        return {"name": "logistic", "data": "synthetic", "n": n, "dimension": d, "ridge": RIDGE}

    def steps(units: float, runs: int) -> int:
        return max(1_000, int(units / runs / less))

    cancer = {"problem": BREAST_CANCER, "size": 1}
    return {
        "T": {T: {**cancer, "steps": T, "runs": RUNS} for T in (1_000, 10_000, 100_000, 1_000_000)},
        "runs": {
            runs: {**cancer, "steps": steps(2**21, runs), "runs": runs}
            for runs in ((16, 64, 256) if less > 1 else (1, 4, 16, 64, 256, 1_024, 4_096))
        },
        "d": {
            d: {"problem": rows(1_000, d), "size": 1, "steps": steps(2**26 / (d + 32), RUNS), "runs": RUNS}
            for d in (4, 32, 128, 512, 1_000)
        },
        "n": {
            n: {"problem": rows(n, 32), "size": 1, "steps": steps(2**20, RUNS), "runs": RUNS}
            for n in (1_000, 10_000, 100_000)
        },
        "batch": {
            size: {"problem": BREAST_CANCER, "size": size, "steps": steps(2**22 / (size + 3), RUNS), "runs": RUNS}
            for size in (1, 4, 16, 64, 256)
        },
    }


def _ours(name: str, problem: Mapping[str, Any], size: int, steps: int, runs: int) -> Contender:
    def build() -> Callable[[], float]:
        oracle = {"name": "minibatch", "size": size}
        sgd = [{"name": "sgd", "step_size": STEP_SIZE}]
        ours = prepare(problem, sgd, steps, runs, checkpoints=2, oracle=oracle)
        return lambda: stepping(ours)

    return Contender(name, build, float(steps * runs), note=f"{steps:,} steps, {runs:,} runs", reports=True)


def _numba(name: str, problem: Mapping[str, Any], size: int, steps: int, runs: int) -> Contender:
    d = int(problem.get("dimension", 30))
    units = max(1_000, int(NUMBA_UNITS * 64 / (size * (d + 32))))
    runs = 2
    steps = units // runs

    def build() -> Callable[[], Any]:
        peers.package("numba")
        from tests.benchmarks import kernels

        settled = prepare(problem, [{"name": "sgd", "step_size": STEP_SIZE}], 1, 1)
        X, y = (np.asarray(leaf) for leaf in settled.problem.data)
        nowhere, found = np.array([-1]), np.zeros((runs, 0))
        return lambda: kernels.sgd_runs(X, y, steps, np.full(runs, STEP_SIZE), RIDGE, size, nowhere, found)

    return Contender(name, build, float(steps * runs), note=f"{steps:,} steps, {runs} runs, 1 thread")
