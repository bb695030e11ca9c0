"""Running cells from tests: an experiment as dictionaries, straight through the runner, without files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convlab.core.trace import Trace
from convlab.lab import catalog, environment, runner, tasks
from convlab.lab.api import settle_all
from convlab.lab.grid import cells
from convlab.lab.spec import Experiment, OptimizerPart, Part


def part(table: Mapping[str, Any]) -> Part:
    parameters = {key: value for key, value in table.items() if key != "name"}
    return Part(str(table["name"]), parameters)


def experiment(
    problem: Mapping[str, Any],
    optimizers: Sequence[Mapping[str, Any]],
    oracle: Mapping[str, Any] | None = None,
    horizon: int | Sequence[int] = 10,
    outputs: Sequence[str] = ("last",),
    **run: Any,
) -> Experiment:
    entries = []
    for table in optimizers:
        chosen = part(table)
        name = str(table["name"])
        default = {"name": "exact"}
        if name in catalog.names("optimizers"):
            default = dict(catalog.read("optimizers", name).constants.get("ORACLE", default))
        entries.append(OptimizerPart(chosen.name, chosen.parameters, None, (), oracle=part(oracle or default)))
    horizons = (horizon,) if isinstance(horizon, int) else tuple(horizon)
    return Experiment(
        name="test",
        title="test",
        path=Path("test.toml"),
        problems=(part(problem),),
        optimizers=tuple(entries),
        horizons=horizons,
        outputs=tuple(outputs),
        **run,
    )


def run(problem: Mapping[str, Any], optimizers: Sequence[Mapping[str, Any]], **options: Any) -> list[Trace]:
    """The traces of every cell, in order."""
    chosen = experiment(problem, optimizers, **options)
    with environment.numerics() as device:
        settled = settle_all(cells(chosen), chosen)
        traces: dict[int, Trace] = {}
        for batch in tasks.batches(settled, device.platform):
            seeds = (0, chosen.seeds if batch.random else 1)
            for task, trace in zip(batch.tasks, runner.run_batch(batch, seeds, _silent), strict=True):
                traces[task.index] = trace
    return [traces[index] for index in range(len(settled))]


def _silent(steps: int, label: str) -> None:
    pass
