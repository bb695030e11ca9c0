"""One curve of gradient descent, from nothing to a file, as a whole process: `convlab run` and `benchopt run`.

benchopt restarts its solver for each point of a curve, as it must where all it may do is call a solver with a number of
iterations; what that costs is seen here. Its benchmark is as small as can be: one objective, one data set, one solver.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.harness import Contender, Goal, Work, agree_exactly, ratio
from tests.benchmarks.ours import Ours, prepare
from tests.benchmarks.peers import package
from tests.benchmarks.w5 import PROGRAM

STEP_SIZE, RIDGE = 0.1, 0.01
BENCHOPT = "benchopt run"
PROBLEM = {"name": "logistic", "rows": "standardised", "ridge": RIDGE}
TOML = """title = "One curve"
[problem]
name = "logistic"
rows = "standardised"
ridge = {ridge}
[[optimizer]]
name = "gd"
step_size = {step_size}
[run]
horizon = {steps}
"""
FILES = {
    "objective.py": """
import numpy as np
from benchopt import BaseObjective

class Objective(BaseObjective):
    name = "ridge logistic regression"
    min_benchopt_version = "1.5"
    def set_data(self, X, y):
        self.X, self.y = X, y
    def get_one_result(self):
        return dict(theta=np.zeros(self.X.shape[1]))
    def evaluate_result(self, theta):
        margins = self.y * (self.X @ theta)
        return np.logaddexp(0.0, -margins).mean() + 0.5 * {ridge} * theta @ theta
    def get_objective(self):
        return dict(X=self.X, y=self.y)
""",
    "datasets/rows.py": """
from pathlib import Path
import numpy as np
from benchopt import BaseDataset

class Dataset(BaseDataset):
    name = "rows"
    def get_data(self):
        found = np.load(Path(__file__).parent / "rows.npz")
        return dict(X=found["X"], y=found["y"])
""",
    "solvers/gd.py": """
import numpy as np
from benchopt import BaseSolver

class Solver(BaseSolver):
    name = "gd"
    sampling_strategy = "iteration"
    def set_objective(self, X, y):
        self.X, self.y = X, y
    def get_next(self, stop_val):
        return max(stop_val + 1, int(stop_val * {growth}))
    def run(self, n_iter):
        X, y = self.X, self.y
        theta = np.zeros(X.shape[1])
        for _ in range(n_iter):
            theta -= {step_size} * (X.T @ (-y / (1 + np.exp(y * (X @ theta)))) / len(X) + {ridge} * theta)
        self.theta = theta
    def get_result(self):
        return dict(theta=self.theta)
""",
}


def work(quick: bool, cores: int) -> Work:
    steps = 1_000 if quick else 100_000
    ours = prepare(PROBLEM, [{"name": "gd", "step_size": STEP_SIZE}], steps, checkpoints=57)
    gap = ours.run()["gap"][0, 0]
    contenders = [
        Contender("convlab", lambda: _convlab(steps), note=f"{steps:,} steps, 57 checkpoints, judged and drawn"),
        Contender(BENCHOPT, lambda: _benchopt(ours), check=_same(ours, gap), note=f"numpy, to {steps:,} steps or more"),
    ]
    goals = [Goal("one curve: convlab / benchopt, whole processes", 1.0, ratio("convlab", BENCHOPT))]
    return Work(f"One gap curve of GD, {steps:,} steps, as a whole process", contenders, goals, "s", 1.0)


def _convlab(steps: int) -> Callable[[], Any]:
    def call() -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "one_curve.toml"
            file.write_text(TOML.format(ridge=RIDGE, step_size=STEP_SIZE, steps=steps), encoding="utf-8")
            command = [sys.executable, "-c", PROGRAM, "run", str(file), "--out", str(Path(folder) / "results")]
            subprocess.run(command, check=True, capture_output=True, timeout=600)

    return call


def _benchopt(ours: Ours) -> Callable[[], Any]:
    """Points at ratios like convlab's, and a run that ends at the first of them beyond the horizon."""
    package("benchopt")
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    steps, points = ours.steps[-1], 57
    numbers = {"ridge": RIDGE, "step_size": STEP_SIZE, "growth": steps ** (1 / (points - 2))}
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text.format(**numbers), encoding="utf-8")
    X, y = ours.problem.data
    np.savez(folder / "datasets" / "rows.npz", X=X, y=y)
    most = len(_stops(steps, numbers["growth"]))
    options = ["-r", "1", "-n", str(most), "--timeout", "3000", "--no-plot", "--no-html", "--no-cache", "--no-display"]
    command = [sys.executable, "-m", "benchopt", "run", str(folder), *options]

    def call() -> Path:
        shutil.rmtree(folder / "outputs", ignore_errors=True)
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, "CI": "1"})
        if done.returncode:
            raise RuntimeError((done.stdout + done.stderr).strip().splitlines()[-1])
        return folder / "outputs"

    return call


def _stops(steps: int, growth: float) -> list[int]:
    found = [1]
    while found[-1] < steps:
        found.append(max(found[-1] + 1, int(found[-1] * growth)))
    return found


def _same(ours: Ours, gap: np.ndarray) -> Callable[[Any], str]:
    """The objective of its curve where both have a point, as a gap."""

    def check(outputs: Path) -> str:
        import pandas

        (file,) = outputs.glob("*.parquet")
        table = pandas.read_parquet(file)
        value = next(name for name in ("objective_value", "value") if name in table)
        assert ours.problem.optimum is not None
        theirs = dict(zip(table["stop_val"], table[value] - float(ours.problem.optimum.risk_low), strict=True))
        shared = [k for k, t in enumerate(ours.steps) if t in theirs]
        words = agree_exactly(gap[shared], [theirs[ours.steps[k]] for k in shared], "gaps", 1e-14)
        return f"{words} at {len(shared)} points of {len(theirs)} up to t = {max(theirs)}"

    return check
