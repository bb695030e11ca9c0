"""From files to rulings and figures, without running anything and without jax: what `judge` and `plot` do."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from convlab.core.errors import ConvlabError, NothingFinished
from convlab.core.results import Kind, Results
from convlab.core.trace import Trace
from convlab.lab import catalog, docket, folders, records, store
from convlab.lab.spec import EXPECTATIONS

FIGURES = ("gap_curves", "bound_ratio")


@dataclass(frozen=True)
class Outcome:
    """What a command did: the results, where they lie, which files were written, and what failed."""

    results: Results
    folder: Path
    files: tuple[Path, ...] = ()
    failures: tuple[str, ...] = ()
    reused: int = 0
    ran: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        rulings = "\n".join(
            f"  {self.results.traces[verdict.cells[0]].label}: {verdict.theorem}: {verdict.ruling}: {verdict.why}"
            for verdict in self.results.verdicts
        )
        return f"Outcome of '{self.results.name}' in {self.folder}\n{rulings}"

    @property
    def well(self) -> bool:
        return self.results.as_expected and not self.failures


def results_of(index: Mapping[str, Any], folder: Path, failures: str = "", allow_code: bool = False) -> Results:
    """The results that an index speaks of, its tasks read from ``folder`` and its claims ruled on."""
    traces: list[Trace] = []
    numbers: dict[int, int] = {}  # cell → trace
    for number, cell in enumerate(index["cells"]):
        if cell["tasks"]:
            numbers[number] = len(traces)
            paths = [folder / Path(str(name)).name for name in cell["tasks"]]
            traces.append(records.load_trace(paths, cell["seeds"], cell["label"]))
    if failures and not traces:
        raise NothingFinished(failures)
    if not traces:
        raise ConvlabError(f"{folder}: no finished task to judge; run the experiment again")
    facts = [index["cells"][number]["facts"] for number in numbers]
    together = [tuple(numbers[cell] for cell in group) for group in index["groups"]]
    return docket.results_of(index["experiment"], index["kind"], traces, facts, together, allow_code)


def judge(target: str, out: Path | None = None, allow_code: bool = False) -> Outcome:
    """Rules again on files alone: nothing is run, and no problem is built."""
    started = time.perf_counter()
    folder, results = _read(target, out, allow_code)
    with store.told_in_one_line(folder):
        files = docket.write_tables(results, folder)
    return Outcome(results, folder, files, (), len(results.traces), 0, time.perf_counter() - started)


def plot(target: str, kind: str | None = None, out: Path | None = None, allow_code: bool = False) -> tuple[Path, ...]:
    """Draws the figures of results on disk again, or the one kind named, and returns their paths."""
    folder, results = _read(target, out, allow_code)
    with store.told_in_one_line(folder):
        return draw(results, folder, (kind,) if kind else FIGURES)


def _checked(index: Any, path: Path, allow_code: bool) -> Mapping[str, Any]:
    """The index, if it has the form that `api.run` gives it; ValueError, KeyError or TypeError if not."""
    if index["schema"] > store.SCHEMA:
        raise ConvlabError(f"{path}: written by a newer convlab (schema {index['schema']}); update convlab")
    experiment, cells = index["experiment"], index["cells"]
    lists = [cells, experiment["outputs"], experiment["claims"], *index["groups"], *(cell["tasks"] for cell in cells)]
    texts = [experiment["name"], experiment["title"], *experiment["outputs"]]
    texts += [text for cell in cells for text in (cell["label"], *cell["tasks"])]
    texts += [claim["theorem"] for claim in experiment["claims"]]
    tables = [*(cell["facts"] for cell in cells), *(claim["where"] for claim in experiment["claims"])]
    numbers = [*(cell["seeds"] - 1 for cell in cells), *(number for group in index["groups"] for number in group)]
    sound = index["kind"] in get_args(Kind) and all(claim["expect"] in EXPECTATIONS for claim in experiment["claims"])
    for values, kind in ((lists, list), (texts, str), (tables, dict), (numbers, int)):
        sound = sound and all(isinstance(value, kind) for value in values)
    if not sound or min(numbers) < 0:
        raise ValueError("an index of another form")
    try:
        for claim in experiment["claims"]:
            catalog.CATALOG.find("theorems", claim["theorem"], allow_code)
    except ConvlabError as error:
        raise ConvlabError(f"{path}: {error}") from None
    return cast(Mapping[str, Any], index)


def _read(target: str, out: Path | None, allow_code: bool) -> tuple[Path, Results]:
    """The folder of results and what its files say; ConvlabError where they are damaged, or edited into nonsense."""
    folder = folders.find(target, out)
    path = folder / folders.INDEX
    index = store.read_json(path)
    try:
        return folder, results_of(_checked(index, path, allow_code), _tasks_of(folder), allow_code=allow_code)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError, ArithmeticError):
        raise ConvlabError(f"{path}: not an index of this convlab; run the experiment again") from None


def _tasks_of(folder: Path) -> Path:
    here = folder / "tasks"
    return here if here.is_dir() else folder.parents[1] / "tasks"


def draw(results: Results, folder: Path, kinds: Sequence[str]) -> tuple[Path, ...]:
    """Each kind of figure as SVG and PNG."""
    from convlab.plots import _style

    files: list[Path] = []
    for kind in kinds:
        files += _style.save(catalog.load("plots", kind)(results), folder / kind)
    return tuple(files)


def write(results: Results, index: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """Tables, index and figures, in this order: `judge` and `plot` need the index, even where a figure fails."""
    tables = docket.write_tables(results, folder)
    figures = [f"{kind}.{suffix}" for kind in FIGURES for suffix in ("svg", "png")]
    names = [*(path.name for path in tables), *figures]
    store.write_json(folder / folders.INDEX, {**index, "files": names})
    return (*tables, *draw(results, folder, FIGURES), folder / folders.INDEX)
