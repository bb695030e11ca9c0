"""From files to rulings and figures, without running anything and without jax: what `judge` and `plot` do."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from convlab.core.errors import ConvlabError, NothingFinished, nearest
from convlab.core.results import X_AXES, Kind, Landscape, Results
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict
from convlab.lab import catalog, display, docket, folders, pages, records, store
from convlab.lab.spec import EXPECTATIONS, FIGURES

_KEYS = ("label", "problem", "optimizer", "oracle", "horizon", "output", "seed", "t")  # of a row of the data frame


class Curves(dict[str, np.ndarray]):
    """An array for each run, by its label; a label that is not there is told with the nearest."""

    def __missing__(self, label: str) -> np.ndarray:
        raise KeyError(f"no run is labelled '{label}'; {nearest(str(label), self)}")


@dataclass(frozen=True)
class Outcome:
    """What a command did: the results, where they lie, which files were written, and what failed.

    ``folder`` is None where nothing was kept. ``gap`` and ``t`` map a run's label to its gap [seeds, checkpoints] and
    the checkpoints; ``curves`` reads any output and quantity. In a notebook an outcome shows its rulings.
    """

    results: Results
    folder: Path | None
    files: tuple[Path, ...] = ()
    failures: tuple[str, ...] = ()
    reused: int = 0
    ran: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        where = f" in {self.folder}" if self.folder is not None else ""
        lines = [f"  {run}: {theorem}: {ruling}: {why}" for run, theorem, ruling, _, why in self._rulings()]
        return "\n".join([f"Outcome of '{self.results.name}'{where}", *lines, *self._failed("  ")])

    def _repr_html_(self) -> str:
        header = ("run", "theorem", "ruling", "worst measured / bound", "why")
        shown = display.table(header, self._rulings(), self.results.title)
        return shown + "".join(f"<p>{display.escaped(line)}</p>" for line in self._failed())

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return self.results.verdicts

    @property
    def labels(self) -> tuple[str, ...]:
        """A label for each trace; those of a sweep end with their horizon."""
        found = [trace.label for trace in self.results.traces]
        twice = len(set(found)) < len(found)
        ends = [f", T = {trace.setting.horizon}" if twice else "" for trace in self.results.traces]
        return tuple(label + end for label, end in zip(found, ends, strict=True))

    @property
    def t(self) -> Curves:
        """Each run's checkpoints [K]."""
        return Curves(zip(self.labels, (trace.t for trace in self.results.traces), strict=True))

    @property
    def gap(self) -> Curves:
        """Each run's gap R(θ_t) − R(θ*) [seeds, K] of the experiment's first output; NaN from where a seed diverged."""
        return self.curves()

    def curves(self, quantity: str = "gap", output: str | None = None) -> Curves:
        """Each run's measurements [seeds, K] of a quantity of an output: the experiment's first, or the one named."""
        found = Curves()
        for label, trace in zip(self.labels, self.results.traces, strict=True):
            first = next((name for name in self.results.outputs if name in trace.measured), next(iter(trace.measured)))
            measured = trace.measured.get(output or first, {})
            if quantity in measured:
                found[label] = measured[quantity]
        if not found:
            there = [(name, each) for trace in self.results.traces for name, q in trace.measured.items() for each in q]
            outputs, quantities = ({pair[i] for pair in there} for i in (0, 1))
            wrong, known = (output, outputs) if output and output not in outputs else (quantity, quantities)
            raise ConvlabError(f"'{wrong}' is not measured here; {nearest(wrong, known)}")
        return found

    def to_pandas(self) -> Any:
        """Every measurement, a row for each run, output, seed and checkpoint. Needs pandas."""
        from convlab.core.trace import QUANTITIES

        traces = self.results.traces
        there = {name for trace in traces for measured in trace.measured.values() for name in measured}
        wanted = [name for name in QUANTITIES if name in there]
        parts: dict[str, list[np.ndarray]] = {name: [] for name in (*_KEYS, *wanted)}
        for label, trace in zip(self.labels, traces, strict=True):
            for output, measured in trace.measured.items():
                shape = (len(trace.seeds), trace.t.size)
                setting = trace.setting
                keys = (label, setting.problem, setting.optimizer, setting.oracle, setting.horizon, output)
                seeds = np.asarray(trace.seeds)[:, None]
                for name, value in zip(_KEYS, (*keys, seeds, trace.t), strict=True):
                    parts[name].append(np.broadcast_to(np.asarray(value), shape).ravel())
                for name in wanted:
                    parts[name].append(np.broadcast_to(measured.get(name, np.nan), shape).ravel())
        return display.frame({name: np.concatenate(arrays) for name, arrays in parts.items()})

    def rates(self, quantity: str = "gap") -> dict[str, Any]:
        """The measured rate of each run and output, without any theorem, or in words why it has none."""
        from convlab.lab import rates

        return rates.of(self.results, quantity)

    def plot(self, kind: str = "gap_curves") -> Any:
        """A matplotlib Figure of a kind that ``convlab list plots`` names."""
        return display.shown(catalog.load("plots", kind)(self.results))

    def _rulings(self) -> list[tuple[str, str, str, str, str]]:
        """Run, theorem, ruling, worst ratio and reason of each verdict; unclaimed theorems only where they apply."""
        shown = [verdict for verdict in self.verdicts if verdict.expect or verdict.ruling != "not applicable"]
        return [
            (
                self.results.traces[verdict.cells[0]].label,
                verdict.theorem,
                verdict.ruling
                if verdict.as_expected
                else f"{verdict.ruling}, expected {verdict.expect or 'no violation'}",
                "" if verdict.worst_ratio is None else f"{verdict.worst_ratio:.4g}",
                verdict.why,
            )
            for verdict in shown
        ]

    def _failed(self, indent: str = "") -> list[str]:
        return [f"{indent}{line}" for line in (*self.failures, *self.notes)]

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
    results = docket.results_of(index["experiment"], index["kind"], traces, facts, together, allow_code)
    drawn, about = _drawn(index), index.get("about", {"hypothesis": "", "lesson": ""})
    shown = dataclasses.replace(results, figures=tuple(drawn["kinds"]), x=drawn["x"], **about)
    return with_landscapes(shown, index)


def _drawn(index: Mapping[str, Any]) -> Mapping[str, Any]:
    """The kinds of figures and their x axis; results written before there was a choice have the default."""
    drawn: Mapping[str, Any] = index.get("figures", {"kinds": list(FIGURES), "x": X_AXES[0]})
    return drawn


def with_landscapes(results: Results, index: Mapping[str, Any]) -> Results:
    """The results with the landscapes that the index holds, of two-dimensional problems."""
    found = []
    for record in index.get("landscapes", []):
        x, y, risk = (np.asarray(record[name], float) for name in ("x", "y", "risk"))
        if risk.shape != (y.size, x.size) or not all(0 <= cell < len(results.traces) for cell in record["cells"]):
            raise ValueError("a landscape of another shape")
        minimiser = record["minimiser"]
        place = None if minimiser is None else (float(minimiser[0]), float(minimiser[1]))
        found.append(Landscape(tuple(record["cells"]), x, y, risk, place))
    return dataclasses.replace(results, landscapes=tuple(found))


def judge(target: str, out: Path | None = None, allow_code: bool = False) -> Outcome:
    """Rules again on files alone: nothing is run, and no problem is built.

    Tables and page are written beside the files, or to another folder ``out``, with the figures that the page shows.
    """
    started = time.perf_counter()
    folder, results = read(target, out, allow_code)
    into = _into(folder, out)
    with store.told_in_one_line(into):
        files = (*docket.write_tables(results, into), _write_page(results, into))
        if into != folder:
            files += draw(results, into, results.figures)
    return Outcome(results, into, files, (), len(results.traces), 0, time.perf_counter() - started)


def plot(target: str, kind: str | None = None, out: Path | None = None, allow_code: bool = False) -> tuple[Path, ...]:
    """Draws the figures of results on disk again, or the one kind named, beside them or to ``out``; returns paths."""
    folder, results = read(target, out, allow_code)
    into = _into(folder, out)
    with store.told_in_one_line(into):
        return draw(results, into, (kind,) if kind else results.figures)


def _into(folder: Path, out: Path | None) -> Path:
    """Where to write: beside the results, or to the folder named, which is made where it is not there."""
    into = folder if out is None else out.resolve()
    store.require_writable(into)
    return into


def _checked(index: Any, path: Path, allow_code: bool) -> Mapping[str, Any]:
    """The index, if it has the form that `api.run` gives it; ValueError, KeyError or TypeError if not."""
    if index["schema"] > store.SCHEMA:
        raise ConvlabError(f"{path}: written by a newer convlab (schema {index['schema']}); update convlab")
    experiment, cells = index["experiment"], index["cells"]
    lists = [cells, experiment["outputs"], experiment["claims"], *index["groups"], *(cell["tasks"] for cell in cells)]
    texts = [experiment["name"], experiment["title"], *experiment["outputs"], *_drawn(index)["kinds"]]
    texts += [text for cell in cells for text in (cell["label"], *cell["tasks"])]
    texts += [*index.get("about", {}).values(), *index.get("about", {})]
    texts += [claim["theorem"] for claim in experiment["claims"]]
    tables = [*(cell["facts"] for cell in cells), *(claim["where"] for claim in experiment["claims"])]
    numbers = [*(cell["seeds"] - 1 for cell in cells), *(number for group in index["groups"] for number in group)]
    sound = (
        index["kind"] in get_args(Kind)
        and _drawn(index)["x"] in X_AXES
        and all(claim["expect"] in EXPECTATIONS for claim in experiment["claims"])
    )
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


def read(target: str, out: Path | None, allow_code: bool) -> tuple[Path, Results]:
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
    refused: list[str] = []
    for kind in kinds:
        try:
            files += _style.save(catalog.load("plots", kind)(results), folder / kind)
        except ConvlabError as error:  # this kind has nothing to show: the others are drawn all the same
            refused.append(str(error))
    if refused:
        raise ConvlabError("\n".join(refused))
    return tuple(files)


def _write_page(results: Results, folder: Path) -> Path:
    path = folder / pages.PAGE
    store.write_bytes(path, pages.page(results).encode())
    return path


def write(results: Results, index: dict[str, Any], folder: Path) -> tuple[Path, ...]:
    """Tables, index and figures, in this order: `judge` and `plot` need the index, even where a figure fails."""
    tables = (*docket.write_tables(results, folder), _write_page(results, folder))
    figures = [f"{kind}.{suffix}" for kind in results.figures for suffix in ("svg", "png")]
    names = [*(path.name for path in tables), *figures]
    store.write_json(folder / folders.INDEX, {**index, "files": names})
    return (*tables, *draw(results, folder, results.figures), folder / folders.INDEX)
