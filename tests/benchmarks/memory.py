"""Peak memory over horizon and runs, each in a process of its own: `python -m tests.benchmarks.memory T RUNS [in-one]`.

The same run is made twice: the first loads and compiles all there is to; then the peak is set back, and what is counted
is the rise of the second run's peak above what is resident before it. It is set against the data, the carry and the
points of the checkpoints, each once. Over horizons the run is one program: long ones are cut for the cores and their
cache otherwise, which takes less at once. Where the system cannot set a peak back (it takes Linux), the peak of all
counts.
"""

from __future__ import annotations

import ctypes
import gc
import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jax

from tests.benchmarks.harness import Contender, Goal, Rounds, Work
from tests.benchmarks.ours import Ours, prepare

ROOT = Path(__file__).resolve().parents[2]
PROBLEM = {"name": "logistic", "data": "digits", "rows": "standardised", "ridge": 0.01}
SGD = {"name": "sgd", "step_size": 0.01}
HORIZONS, RUNS = (1_000, 10_000, 100_000), (256, 1_024, 4_096)
MANY = 512  # runs of the processes over T
MIB = 2.0**20


def work(quick: bool, cores: int) -> Work:
    runs, horizons = (RUNS[1:2], HORIZONS[:2]) if quick else (RUNS, HORIZONS)
    over_t = {T: (T, MANY) for T in horizons}
    over_runs = {each: (1_000, each) for each in runs}
    cells = {**{f"T = {T:,}": cell for T, cell in over_t.items()}, **{f"{r:,} runs": c for r, c in over_runs.items()}}
    least = {name: expected(prepare(PROBLEM, [SGD], *cell)) / MIB for name, cell in cells.items()}
    contenders = [
        Contender(
            name, _process(*cell, name.startswith("T")), check=_told, reports=True,
            note=f"{cell[0]:,} steps, {cell[1]:,} runs; data, carry and points: {least[name]:.1f} MiB",
        )
        for name, cell in cells.items()
    ]  # fmt: skip

    def over(name: str) -> Callable[[Rounds], list[float]]:
        return lambda rounds: [value / least[name] for value in rounds[name]]

    def over_horizons(rounds: Rounds) -> list[float]:
        shares = zip(*(over(f"T = {T:,}")(rounds) for T in horizons), strict=True)
        return [max(each) / min(each) for each in shares]

    largest = f"{runs[-1]:,} runs"
    goals = [
        Goal("peak memory over T = 10³ … 10⁵, for equal points: largest / smallest", 1.05, over_horizons),
        Goal(f"peak memory / (data + carry + points), {largest}", 1.5, over(largest)),
    ]
    axes = {
        "T": {"values": list(over_t), "convlab": [f"T = {T:,}" for T in over_t]},
        "runs": {"values": list(over_runs), "convlab": [f"{r:,} runs" for r in over_runs]},
    }
    title = "Rise of peak memory in a warm process, SGD, digits 1797×64, 57 checkpoints"
    return Work(title, contenders, goals, "MiB", 1 / MIB, axes, baseline="", most_rounds=1 if quick else 3)


def _process(steps: int, runs: int, in_one: bool) -> Callable[[], Callable[[], object]]:
    command = [sys.executable, "-m", "tests.benchmarks.memory", str(steps), str(runs), *(["in-one"] if in_one else [])]

    def call() -> float:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        return float(json.loads(done.stdout)["rise"])

    return lambda: call


def _told(rise: object) -> str:
    return f"{float(str(rise)) / MIB:.0f} MiB"


def expected(ours: Ours) -> float:
    """Bytes of the data, of the carry (θ alone, for SGD), and of one output's points at the checkpoints."""
    data = sum(leaf.nbytes for leaf in jax.tree.leaves(ours.problem.data))
    theta = sum(leaf.nbytes for leaf in jax.tree.leaves(ours.problem.theta0)) * ours.experiment.seeds
    return float(data + theta * (1 + len(ours.steps)))


def main(steps: int, runs: int, in_one: bool) -> None:
    from convlab.lab import environment

    with environment.numerics("cpu"):
        ours = prepare(PROBLEM, [SGD], steps, runs)
        call = ours.run_in_one if in_one else ours.run
        call()
        before = _resident()
        call()
    print(json.dumps({"rise": _peak() - before}))


def _resident() -> float:
    """Bytes in memory now, all that is free given back; the peak starts anew from here."""
    gc.collect()
    if not sys.platform.startswith("linux"):
        return 0.0
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _of_status("VmRSS")


def _peak() -> float:
    if sys.platform.startswith("linux"):
        return _of_status("VmHWM")
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # bytes on macOS


def _of_status(name: str) -> float:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{name}:\s*(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return float(found.group(1)) * 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), "in-one" in sys.argv)
