"""A stand-in for `lab.api`, so that the command line is tested without a run."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convlab.core.results import Results
from convlab.core.setting import Hyper, Setting
from convlab.core.trace import Trace
from convlab.core.verdict import Slope, Verdict

WHY = (
    "measured/bound is at most 1.0000 at every one of 2 horizons; the bound is attained, as the instance demands of it"
)


def trace(step: str, horizon: int, gaps: Sequence[Sequence[float]] = ((1.0, 1.0),)) -> Trace:
    """Of one seed for each row of gaps; one that ends with NaN has diverged."""
    setting = Setting("huber", "exact", "gd", horizon, hyper={"step_size": Hyper(step, 0.1)})
    points = {"last": {"gap": np.array(gaps)}}
    status = tuple("diverged" if math.isnan(row[-1]) else "done" for row in gaps)
    t = np.linspace(0, horizon, len(gaps[0])).astype(int)
    return Trace(setting, t, tuple(range(len(gaps))), points, {}, {}, status, label=f"gd, step_size = {step}")


SLOPE = Slope(1.0, 0.9987654, 1.0012345, (10, 100), "power", "bound")


def results(*rulings: tuple[str, str | None], slope: Slope | None = SLOPE) -> Results:
    verdicts = tuple(
        Verdict("gd_smooth_convex", (0, 1), ruling, WHY, 1.0, 100, slope, 1.0, expect)  # type: ignore[arg-type]
        for ruling, expect in rulings
    )
    return Results("x", "A title", "horizon sweep", (trace("1/L", 10), trace("1/L", 100)), verdicts)


@dataclasses.dataclass
class FakeOutcome:
    results: Results
    folder: Path = Path("results/x")
    files: tuple[Path, ...] = (Path("results/x/summary.csv"),)
    failures: tuple[str, ...] = ()
    reused: int = 1
    ran: int = 3
    seconds: float = 2.12


class FakeApi(types.ModuleType):
    """Stands for `lab.api`: records what it was called with and returns what it was told to."""

    def __init__(self) -> None:
        super().__init__("convlab.lab.api")
        self.calls: list[tuple[str, Any]] = []
        self.answer: Callable[[], Any] = lambda: FakeOutcome(results(("holds", "holds")))

    def run(self, experiment: Any, **options: Any) -> Any:
        self.calls.append(("run", (experiment, options)))
        options["progress"](types.SimpleNamespace(done=1, total=2, label="gd", plan=""))
        return self.answer()

    def judge(self, target: str, out: Path | None = None, allow_code: bool = False) -> Any:
        self.calls.append(("judge", (target, out)))
        return self.answer()

    def plot(self, target: str, kind: str | None, out: Path | None, allow_code: bool = False) -> tuple[Path, ...]:
        self.calls.append(("plot", (target, kind, out)))
        return (Path("a.svg"),)

    def doctor(self) -> list[tuple[str, str, bool]]:
        return [("jax", "0.10.1", True), ("sums", "wrong", False)]
