"""From the tables of an experiment file to an `Experiment`: each section's shape, and what they need of each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convlab.core.errors import nearest
from convlab.lab.catalog import Catalog
from convlab.lab.claim_tables import checked_name, read_claims, tables_of
from convlab.lab.claims import Index, combinations, count, facts
from convlab.lab.faults import Faults, given
from convlab.lab.figures import read_figures
from convlab.lab.parts import Reader, is_line, read_optimizer, read_oracle, read_problem
from convlab.lab.spec import EXACT, SAMPLED, Experiment, Key, OptimizerPart, Part, output_parts

TOP = ("title", "hypothesis", "lesson", "problem", "optimizer", "oracle", "run", "claim", "figures", "quick")
LONGEST_HORIZON = 10**9
MOST_CELLS = 10_000
_MOST_SEEDS = 1_000_000
_LONGEST_EVERY_STEP = 1_000_000  # steps, where each is a checkpoint
_DATA_SUFFIXES = (".csv", ".npz", ".svm", ".svmlight", ".libsvm", ".txt", ".tsv", ".dat", ".data")
RUN = ("horizon", "seeds", "expectation", "outputs", "checkpoints", "every_step", "pairs", "dtype", "device")


def experiment_of(reader: Reader, tables: Mapping[str, Any], name: str, path: Path) -> Experiment | None:
    """The experiment that the tables say, or None where there are mistakes, which the reader's faults then hold."""
    faults = reader.faults
    for key in tables:
        if key not in TOP:
            faults.add((key,), f"unknown key; {nearest(key, TOP)}")
    title = tables.get("title")
    if not is_line(title):
        told = "is missing" if title is None else f"{given(title)} is not one line of text"
        faults.add(("title",), f'{told}; such as title = "Gradient descent reaches 1/T"')
    hypothesis, lesson = (_text(faults, tables.get(key, ""), key) for key in ("hypothesis", "lesson"))
    listed = _problems(reader, tables)
    files = _data_files(faults, listed, path.parent)
    problems = tuple(problem for problem in listed if problem is not None)
    optimizers = _optimizers(reader, tables)
    _check_on(faults, problems, optimizers)
    run = _run(reader, tables.get("run"))
    claims = read_claims(reader, tables)
    figures, x = read_figures(reader, tables.get("figures"))
    if faults:
        return None
    experiment = Experiment(
        name=name,
        title=str(title),
        path=path,
        problems=problems,
        optimizers=optimizers,
        claims=claims,
        files=files,
        hypothesis=hypothesis,
        lesson=lesson,
        figures=figures,
        x=x,
        **run,
    )
    if (cell_count := count(experiment)) > MOST_CELLS:
        faults.add(("optimizer",), f"the lists of this file make {cell_count} cells; at most {MOST_CELLS}")
    return None if faults else experiment


def _text(faults: Faults, written: Any, key: str) -> str:
    """A paragraph or more for the experiment's page."""
    if isinstance(written, str) and len(written) <= 10_000:
        return written.strip()
    faults.add((key,), f'{given(written)} is no text; write {key} = """..."""')
    return ""


def claims_of_no_cell(catalog: Catalog, experiment: Experiment) -> dict[int, tuple[Key, str]]:
    """The claims that speak of no cell, by number: the key to blame, and why."""
    index = Index(facts(cell, catalog) for cell in combinations(experiment))
    found: dict[int, tuple[Key, str]] = {}
    for number, claim in enumerate(experiment.claims):
        where: Key = ("claim", number, "where")
        unknown = next((key for key in claim.where if key not in index.by_key), None)
        if unknown is not None:
            found[number] = ((*where, unknown), f"unknown key; {nearest(unknown, index.by_key)}")
        elif why := index.why_none(claim):
            found[number] = (where, why)
    return found


def _problems(reader: Reader, tables: Mapping[str, Any]) -> list[Part | None]:
    """One for each table, None where it has mistakes."""
    listed = enumerate(tables_of(reader, tables, "problem"))
    return [read_problem(reader, table, ("problem", index)) for index, table in listed]


def _optimizers(reader: Reader, tables: Mapping[str, Any]) -> tuple[OptimizerPart, ...]:
    default = (tables["oracle"], ("oracle",)) if "oracle" in tables else None
    if default is not None:
        read_oracle(reader, *default)  # its mistakes are told even where no optimizer uses it
    listed = enumerate(tables_of(reader, tables, "optimizer"))
    parts = [read_optimizer(reader, table, ("optimizer", index), default) for index, table in listed]
    return tuple(part for part in parts if part is not None)


def _check_on(faults: Faults, problems: tuple[Part, ...], optimizers: tuple[OptimizerPart, ...]) -> None:
    """An optimizer's ``on`` names problems of this file, by name or label."""
    known = {name for problem in problems for name in (problem.name, problem.label) if name}
    for index, optimizer in enumerate(optimizers):
        for name in optimizer.on if problems else ():
            if name not in known:
                faults.add(("optimizer", index, "on"), f"{given(name)} is no problem here; {nearest(name, known)}")


def _whole(faults: Faults, key: Key, value: Any, low: int, high: int) -> bool:
    if isinstance(value, bool) or not isinstance(value, int):
        hint = f" (write {int(value)})" if isinstance(value, float) and value.is_integer() else ""
        faults.add(key, f"{given(value)} is not a whole number{hint}; {low} to {high}")
    elif not low <= value <= high:
        faults.add(key, f"{given(value)} is out of range; a whole number from {low} to {high}")
    else:
        return True
    return False


def _run(reader: Reader, table: Any) -> dict[str, Any]:
    """The ``[run]`` table as arguments of `Experiment`."""
    faults = reader.faults
    if not isinstance(table, dict):
        told = "is missing" if table is None else f"{given(table)} is not a table"
        faults.add(("run",), f"{told}: [run] with horizon = 1000")
        return {}
    for key in table:
        if key not in RUN:
            faults.add(("run", key), f"unknown key; {nearest(key, RUN)}")
    run: dict[str, Any] = {"horizons": _horizons(faults, table)}
    if "seeds" in table and _whole(faults, ("run", "seeds"), table["seeds"], 1, _MOST_SEEDS):
        run["seeds"] = table["seeds"]
    if "checkpoints" in table and _whole(faults, ("run", "checkpoints"), table["checkpoints"], 2, 100_000):
        run["checkpoints"] = table["checkpoints"]
    for key in ("every_step", "pairs"):
        if key in table:
            run[key] = table[key]
            if not isinstance(table[key], bool):
                faults.add(("run", key), f"{given(table[key])} is not true or false")
    if run.get("every_step") is True and max(run["horizons"], default=0) > _LONGEST_EVERY_STEP:
        faults.add(("run", "every_step"), f"keeps a checkpoint at each step; horizons up to {_LONGEST_EVERY_STEP}")
    for key, choices in (("dtype", ("float64", "float32")), ("device", ("cpu", "gpu"))):
        if key in table:
            run[key] = table[key]
            if table[key] not in choices:
                faults.add(("run", key), f"{given(table[key])} is no choice; allowed: {', '.join(choices)}")
    if "expectation" in table:
        run["expectations"] = _expectations(faults, table["expectation"])
    if "outputs" in table:
        run["outputs"] = _outputs(reader, table["outputs"])
    return run


def _horizons(faults: Faults, table: Mapping[str, Any]) -> tuple[int, ...]:
    key: Key = ("run", "horizon")
    if "horizon" not in table:
        faults.add(("run",), "'horizon' is missing: how many steps, such as horizon = 1000")
        return ()
    written = table["horizon"]
    if not isinstance(written, list):
        return (written,) if _whole(faults, key, written, 1, LONGEST_HORIZON) else ()
    if not written:
        faults.add(key, "an empty list: a list is an axis, with at least one value")
    good = [v for i, v in enumerate(written) if _whole(faults, (*key, i), v, 1, LONGEST_HORIZON)]
    _refuse_twice(faults, key, good)
    return tuple(good)


def _expectations(faults: Faults, written: Any) -> tuple[str, ...]:
    """Sampled or exact, or a list of both: each random cell then runs in both ways."""
    key: Key = ("run", "expectation")
    listed = written if isinstance(written, list) else [written]
    for index, each in enumerate(listed):
        if each not in (SAMPLED, EXACT):
            place = (*key, index) if isinstance(written, list) else key
            faults.add(
                place, f'{given(each)} is no choice; allowed: "{SAMPLED}" (over seeds), "{EXACT}" (without seeds)'
            )
    if not listed:
        faults.add(key, "an empty list: a list is an axis, with at least one value")
    _refuse_twice(faults, key, listed)
    return tuple(each for each in listed if each in (SAMPLED, EXACT))


def _outputs(reader: Reader, written: Any) -> tuple[str, ...]:
    key: Key = ("run", "outputs")
    listed = [written] if isinstance(written, str) else written
    if not isinstance(listed, list):
        reader.faults.add(key, f'{given(written)} is not a list of outputs, such as ["last", "average"]')
        return ()
    found = [
        _output(reader, name, key if isinstance(written, str) else (*key, index)) for index, name in enumerate(listed)
    ]
    _refuse_twice(reader.faults, key, [name for name in found if name])
    return tuple(name for name in found if name)


def _output(reader: Reader, written: Any, key: Key) -> str:
    """An output as theorems name it: ``average(0..T-1)`` is ``average``, whose default that is. Empty where it is
    none."""
    name, argument = output_parts(written) if isinstance(written, str) else (written, None)
    if not checked_name(reader, "outputs", name, key):
        return ""
    parameters = reader.catalog.read("outputs", name).parameters or ()
    if argument is None:
        return str(name)
    if not parameters:
        reader.faults.add(key, f"{given(written)}: '{name}' takes nothing in brackets; write '{name}'")
        return ""
    choices = [str(choice) for form in parameters[0].forms for choice in form.choices]
    if argument not in choices:
        reader.faults.add(key, f"{given(written)}: {given(argument)} is no choice; {nearest(argument, choices)}")
        return ""
    return str(name if argument == parameters[0].default else written)


def _refuse_twice(faults: Faults, key: Key, values: list[Any]) -> None:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if repr(value) in seen:
            faults.add((*key, index), f"{given(value)} is given twice")
        seen.add(repr(value))


def _data_files(faults: Faults, problems: list[Part | None], folder: Path) -> dict[str, Path]:
    """The user's files behind problems' ``data``: beside the experiment file, else from the current folder."""
    found: dict[str, Path] = {}
    folders = (folder, Path.cwd())
    for index, problem in enumerate(problems):
        written = None if problem is None else problem.parameters.get("data")
        for text in written if isinstance(written, list) else [written]:
            if not isinstance(text, str):
                continue
            there = [place / text for place in folders if _is_file(place / text)]
            if there:
                found[text] = there[0].resolve()
            elif "/" in text or "\\" in text or text.lower().endswith(_DATA_SUFFIXES):
                where = " or ".join(dict.fromkeys(str(place) for place in folders))
                faults.add(("problem", index, "data"), f"there is no file {given(text)} in {where}")
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False
