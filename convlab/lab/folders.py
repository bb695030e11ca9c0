"""Where results lie: results/NAME/ for the experiment as its file says, folders beside it for every other spec.

results/NAME/            index.json, verdicts.csv, summary.csv and the figures of the file as it is
results/NAME/tasks/      the task files of all specs of this name: a cell that two specs share is run once
results/NAME/variants/X/ the same for a run with --set, --seeds, --horizon or --quick
results/NAME/earlier/H/  what an earlier text of the file, or earlier data, had put in results/NAME/
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from convlab.core.errors import ConvlabError
from convlab.lab import store
from convlab.lab.faults import one_line
from convlab.lab.spec import Experiment

INDEX = "index.json"
_SLUG = 60


def home(experiment: Experiment, out: Path | None) -> Path:
    """The folder of all specs of an experiment's name; --out names it itself."""
    return out if out is not None else Path.cwd() / "results" / experiment.name


def derived(experiment: Experiment, base: Path) -> Path:
    """The folder for verdicts and figures of this very spec."""
    if not experiment.overrides and not experiment.quick:
        return base
    words = [*(["quick"] if experiment.quick else []), *experiment.overrides]
    slug = re.sub(r"[^A-Za-z0-9=.-]+", "_", ",".join(words)).strip("._")[:_SLUG]
    return base / "variants" / f"{slug}-{store.digest(experiment.to_json())[:8]}"


def make_room(folder: Path, spec: str, data: str) -> None:
    """Moves what another spec, or other data, have put in the folder to earlier/, so that nothing is overwritten."""
    index = folder / INDEX
    if not index.is_file():
        return
    try:
        found = store.read_json(index)
        before = (str(found["spec"]), str(found.get("data", data)))
        names = [*(str(name) for name in found["files"]), INDEX]  # the index last: a kill on the way is made good
    except (ConvlabError, KeyError, TypeError, AttributeError):
        return
    if before == (spec, data):
        return
    away = folder / "earlier" / re.sub(r"\W", "_", "_".join(text[:20] for text in before))
    away.mkdir(parents=True, exist_ok=True)
    for name in names:
        if Path(name).name == name and (folder / name).is_file():
            os.replace(folder / name, away / name)


def find(target: str, out: Path | None) -> Path:
    """The folder of results that a name or a path means: it holds an index. ``out`` is one that `convlab run` may have
    written them to; where it holds those of another experiment, that is a mistake."""
    candidates = [Path(target), Path("results") / target]
    if target.endswith(".toml"):  # the experiment's own file
        candidates.append(Path("results") / Path(target).stem)
    found = next((candidate for candidate in candidates if _is_file(candidate / INDEX)), None)
    if out is not None and _is_file(out / INDEX):
        held, names = _name(out), {Path(target).name.removesuffix(".toml"), found and _name(found)}
        if held is None and found != out:
            raise ConvlabError(f"{one_line(str(out / INDEX))} cannot be read; name another folder with --out")
        if held not in names and found != out:
            told = f"{one_line(str(out))} holds the results of '{held}', not of '{one_line(target[:80])}'"
            raise ConvlabError(f"{told}; name another folder with --out")
        return out.resolve()
    if found is not None:
        return found.resolve()
    candidates = candidates if out is None else [out, *candidates]
    shown = one_line(target[:80])
    looked = ", ".join(one_line(str(candidate / INDEX)[:120]) for candidate in candidates)
    raise ConvlabError(f"no results of '{shown}' found (looked for {looked}); run `convlab run {shown}` first")


def _name(folder: Path) -> str | None:
    """The name of the experiment whose results a folder holds; None where its index does not tell."""
    try:
        return str(store.read_json(folder / INDEX)["experiment"]["name"])
    except (ConvlabError, KeyError, TypeError):
        return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a NUL
        return False
