"""A small experiment, and the command line as the fault tests drive it: in this process, or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from convlab.cli import main

TOML = """\
title = "Small"
[problem]
name = "least_squares"
data = "synthetic"
n = 12
dimension = 2
condition = 4.0
noise = 0.1
[[optimizer]]
name = "gd"
step_size = ["1/L", "1/(2*L)"]
[[optimizer]]
name = "sgd"
step_size = "1/(4*L_max)"
[run]
horizon = 12
seeds = 3
[[claim]]
theorem = "gd_smooth_convex"
where = { optimizer = "gd" }
"""


def convlab(*arguments: str) -> Result:
    """The command line in this process."""
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def told(result: Result, code: int = 2) -> list[str]:
    """The lines on stderr of a command that ended with the exit code: none is a traceback or a fault of convlab."""
    lines = result.stderr.splitlines()
    assert result.exit_code == code, f"exit code {result.exit_code}, {lines}"
    assert "Traceback" not in result.output
    assert "internal error" not in result.output
    return lines


def one_mistake(result: Result) -> str:
    """The one line in which a mistake was answered."""
    lines = told(result)
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert len(lines[0]) < 600, "helpful, not a dump"
    return lines[0]


def start(arguments: Sequence[str], folder: Path, **options: Any) -> subprocess.Popen[str]:
    """`convlab` in a process group of its own, on one core: byte-equality holds for a fixed number of threads."""
    return subprocess.Popen(
        [sys.executable, "-c", "from convlab.cli import main; main()", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, apart from the readable copies of tasks, whose times and hosts differ."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if not (path.parent.name == "tasks" and path.suffix == ".json")
    }
