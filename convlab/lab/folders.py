"""Where results lie: results/NAME/ for the experiment as its file says, folders beside it for every other spec.

results/NAME/            index.json, verdicts.csv, summary.csv and the figures of the file as it is
results/NAME/tasks/      the task files of all specs of this name: a cell that two specs share is run once
results/NAME/variants/X/ the same for a run with --set, --seeds, --horizon or --quick
results/NAME/earlier/H/  what an earlier text of the file had put in results/NAME/
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from convlab.core.errors import ConvlabError
from convlab.lab import store
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


def make_room(folder: Path, spec: str) -> None:
    """Moves what another spec has put in the folder to earlier/, so that nothing is overwritten."""
    index = folder / INDEX
    if not index.is_file():
        return
    try:
        found = store.read_json(index)
        before = str(found["spec"])
        names = [*(str(name) for name in found["files"]), INDEX]  # the index last: a kill on the way is made good
    except (ConvlabError, KeyError, TypeError):
        return
    if before == spec:
        return
    away = folder / "earlier" / re.sub(r"\W", "_", before)[:20]
    away.mkdir(parents=True, exist_ok=True)
    for name in names:
        if Path(name).name == name and (folder / name).is_file():
            os.replace(folder / name, away / name)


def find(target: str, out: Path | None) -> Path:
    """The folder of results that a name or a path means: it holds an index."""
    candidates = [out] if out is not None else []
    candidates += [Path(target), Path("results") / target]
    for candidate in candidates:
        if (candidate / INDEX).is_file():
            return candidate.resolve()
    looked = ", ".join(str(candidate / INDEX) for candidate in candidates)
    raise ConvlabError(f"no results of '{target}' found (looked for {looked}); run `convlab run {target}` first")
