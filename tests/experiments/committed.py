"""The committed results of an experiment: its traces, read from the task files."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path

from convlab.core.results import Results
from convlab.core.trace import Trace
from convlab.lab import review

ROOT = Path(__file__).resolve().parents[2]


def results_of(name: str) -> Results:
    """Results of an experiment; CONVLAB_RESULTS names another folder of results than the repository's."""
    return ruled(Path(os.environ.get("CONVLAB_RESULTS", ROOT / "results")) / name)


@functools.cache  # many tests ask for them, and to rule on all takes 13 s
def ruled(folder: Path) -> Results:
    """The results in a folder, its claims ruled on by the code as it is."""
    return review.results_of(json.loads((folder / "index.json").read_text(encoding="utf-8")), folder / "tasks")


def traces_of(name: str, **facts: str | int) -> list[Trace]:
    """The traces whose setting has these facts: problem, optimizer, oracle, horizon."""
    found = [
        trace
        for trace in results_of(name).traces
        if all(getattr(trace.setting, key) == value for key, value in facts.items())
    ]
    assert found, f"{name} has no run with {facts}"
    return found
