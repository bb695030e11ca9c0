"""`convlab.run`: an experiment by name, or one said in Python, with the words of an experiment file."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convlab.core.errors import ConvlabError
from convlab.lab import api
from convlab.lab.config import checked_name, experiment_from
from convlab.lab.review import Outcome
from convlab.lab.spec import Experiment

Table = Mapping[str, Any]
_SAID = "<python>"  # what error lines name in place of a file


def run(
    experiment: Experiment | str | None = None,
    *,
    problem: str | Table | Sequence[str | Table] | None = None,
    optimizers: str | Table | Sequence[str | Table] | Mapping[str, str | Table] | None = None,
    oracle: str | Table | None = None,
    horizon: int | Sequence[int] | None = None,
    seeds: int | None = None,
    outputs: str | Sequence[str] | None = None,
    claims: str | Table | Sequence[str | Table] | None = None,
    checkpoints: int | None = None,
    every_step: bool | None = None,
    dtype: str | None = None,
    figures: Table | None = None,
    name: str = "python",
    title: str | None = None,
    device: str | None = None,
    force: bool = False,
    out: Path | str | None = None,
    progress: api.Report | None = None,
) -> Outcome:
    """Runs an experiment, judges every claim, and returns the outcome: its verdicts, gaps and plots.

    ``experiment`` is the name or file of one, whose results then lie in results/NAME; what has run before is not run
    again. Or it is said by ``problem`` and ``optimizers``, with the words of an experiment file: a name, a table such
    as ``{"name": "sgd", "step_size": "1/(4*L_max)"}``, or a list of those; ``optimizers`` may also map labels to them.
    Numbers may be expressions in the problem's constants, a list of them is an axis. ``oracle`` is for all optimizers
    that name none; ``horizon``, ``seeds``, ``outputs``, ``checkpoints``, ``every_step``, ``dtype`` are as in [run], and
    ``figures`` is the [figures] table, such as ``{"x": "epochs"}``.
    ``claims`` are names of theorems, or tables with theorem, where, expect; without claims every theorem is tried.
    Such an experiment is kept nowhere unless ``out`` names a folder, where it goes on from what it finds; ``name`` is
    then what its tables call it.

    Raises ConvlabError with one line for each mistake.

    >>> import convlab
    >>> gd = {"name": "gd", "step_size": "1/L"}
    >>> found = convlab.run(problem="huber", optimizers=gd, horizon=100, claims="gd_smooth_convex")
    >>> found.verdicts[0].ruling, found.gap["gd"].shape == (1, found.t["gd"].size)
    ('holds', True)
    """
    options = {"horizon": horizon, "seeds": seeds, "outputs": outputs, "checkpoints": checkpoints}
    options |= {"every_step": every_step, "dtype": dtype}
    said: dict[str, Any] = {"problem": problem, "optimizers": optimizers, "oracle": oracle, "claims": claims}
    said |= {"figures": figures, **options}
    given = [key for key, value in {**said, "title": title}.items() if value is not None]
    how: dict[str, Any] = {"device": device, "force": force, "progress": progress}
    if experiment is not None:
        if given:
            told = f"{given[0]} belongs to an experiment said in Python; leave it or the first argument out"
            raise ConvlabError(f"run: {told}")
        return api.run(experiment, out=out, **how)
    found = _experiment(said, options, name, title)
    if out is not None:
        return api.run(found, out=out, **how)
    with tempfile.TemporaryDirectory(prefix="convlab-", ignore_cleanup_errors=True) as folder:
        outcome = api.run(dataclasses.replace(found, figures=()), out=folder, **how)
    results = dataclasses.replace(outcome.results, figures=found.figures)
    return dataclasses.replace(outcome, results=results, folder=None, files=())


def _experiment(said: Table, options: Table, name: str, title: str | None) -> Experiment:
    """The checked experiment; error lines name the arguments' places as a file's keys, after <python>."""
    for key, example in _NEEDED.items():
        if said[key] is None:
            raise ConvlabError(f"run: {key} is missing; such as {key}={example}, or name an experiment first")
    problems, optimizers = _tables("problem", said["problem"]), _optimizers(said["optimizers"])
    tables: dict[str, Any] = {"problem": problems, "optimizer": optimizers}
    tables["run"] = {key: _plain(key, value) for key, value in options.items() if value is not None}
    tables |= {key: _plain(key, said[key]) for key in ("oracle", "figures") if said[key] is not None}
    if said["claims"] is not None and (claims := _tables("claims", said["claims"], "theorem")):
        tables["claim"] = claims
    tables["title"] = title if title is not None else _title(problems, optimizers)
    if not isinstance(name, str):
        raise ConvlabError(f"run: name is of type {type(name).__name__}, not a text")
    try:
        found = experiment_from(tables, checked_name(name))
    except ConvlabError as error:
        lines = str(error).splitlines()
        raise ConvlabError("\n".join(_in_python(line, name) for line in lines)) from None
    return dataclasses.replace(found, places={(): _SAID})


_NEEDED = {
    "problem": '{"name": "logistic", "ridge": 0.01}',
    "optimizers": '{"name": "gd", "step_size": "1/L"}',
    "horizon": "1000",
}


def _in_python(line: str, name: str) -> str:
    """The line about a file of one line, as one about arguments."""
    return _SAID + line.removeprefix(f"{name}:1") if line.startswith(f"{name}:1") else line


def _title(problems: Sequence[Any], optimizers: Sequence[Any]) -> str:
    names = [str(table.get("label") or table.get("name")) for table in optimizers if isinstance(table, dict)]
    on = [str(table.get("name")) for table in problems if isinstance(table, dict)]
    return f"{', '.join(names)} on {', '.join(dict.fromkeys(on))}"[:300]


def _optimizers(written: Any) -> list[Any]:
    """Tables of optimizers; of a mapping from labels with the label in each."""
    if not isinstance(written, Mapping) or "name" in written:
        return _tables("optimizers", written)
    labelled = []
    for label, one in written.items():
        (table,) = _tables(f"optimizers[{label!r}]", [one])
        labelled.append({"label": label, **table} if isinstance(table, dict) else table)
    return labelled


def _tables(argument: str, written: Any, key: str = "name") -> list[Any]:
    """A name, a table, or a list of those, as a list of tables."""
    several = isinstance(written, Sequence) and not isinstance(written, str)
    listed = list(written) if several else [written]
    plain = [_plain(f"{argument}[{index}]" if several else argument, one) for index, one in enumerate(listed)]
    return [{key: one} if isinstance(one, str) else one for one in plain]


def _plain(argument: str, value: Any) -> Any:
    """The value as an experiment file could hold it: numpy's numbers as Python's, tuples and arrays as lists."""
    if hasattr(value, "update") and hasattr(value, "init"):
        table = '{"name": "gd", "step_size": "1/L"}'
        told = "which says neither its name nor its numbers, and those are recorded"
        raise ConvlabError(
            f"run: {argument} is an optax transformation, {told}; write {table}, "
            "or run it with convlab.minimize(f, x0, optimizer, steps=1000)"
        )
    if hasattr(value, "risk") and hasattr(value, "theta0"):
        table = f'{{"name": "{value.name or "logistic"}", ...}}'
        raise ConvlabError(f"run: {argument} is a Problem, whose parameters nobody could record; write it as {table}")
    if isinstance(value, Mapping):
        return {str(key): _plain(f"{argument}[{key!r}]", inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(f"{argument}[{index}]", inner) for index, inner in enumerate(value)]
    if not isinstance(value, bool | int | float | str):
        kind = "None" if value is None else f"of type {type(value).__name__}"
        own = f'; did you mean "{value.__name__}"?' if callable(value) and hasattr(value, "__name__") else ""
        raise ConvlabError(f"run: {argument} is {kind}, not a name, number, text, or table of those{own}")
    return value
