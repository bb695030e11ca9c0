"""W5: what a user waits for before anything runs, as whole processes."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.harness import Contender, DisagreementError, Goal, Rounds, Work

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "import sys; sys.argv[0] = 'convlab'; from convlab.cli import main; main()"  # what the installed script does
COMMANDS = {"--help": ["--help"], "list": ["list"], "check": ["check", "experiments/quickstart.toml"]}
FIRST, SECOND = "run --force, first", "run --force, second"
TINY = """title = "Tiny"
[problem]
name = "huber"
[[optimizer]]
name = "gd"
step_size = "1/L"
[run]
horizon = 100
"""


def work(quick: bool, cores: int) -> Work:
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    shutil.rmtree(folder)  # made anew by the first run of each round
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    small = "gd on huber" if quick else "quickstart --quick"
    contenders = [
        Contender(f"convlab {words}", _command(arguments), check=_without_jax(arguments))
        for words, arguments in COMMANDS.items()
    ]
    contenders += [
        Contender("python, nothing imported", _python("pass")),
        Contender("import numpy", _python("import numpy")),
        Contender("import jax", _python("import jax")),
        Contender(
            "import matplotlib.figure, Agg", _python("import matplotlib.figure, matplotlib.backends.backend_agg")
        ),
        Contender("import click, rich", _python("import click, rich.console, rich.table")),
        Contender("convlab doctor", _command(["doctor"])),
        Contender(f"convlab {FIRST}", lambda: _run(folder, quick, fresh=True), note=f"{small}; an empty cache folder"),
        Contender(f"convlab {SECOND}", lambda: _run(folder, quick, fresh=False), note="the same again"),
    ]
    goals = [Goal(f"convlab {words}: seconds, without jax", 0.3, _seconds(f"convlab {words}")) for words in COMMANDS]
    goals.append(Goal("a second run --force / the first", 0.6, _second_over_first))
    return Work("Start: whole processes", contenders, goals, "ms", 1e3, baseline="import jax")


def _seconds(name: str) -> Callable[[Rounds], list[float]]:
    return lambda rounds: [value / 1e3 for value in rounds[name]]


def _second_over_first(rounds: Rounds) -> list[float]:
    pairs = zip(rounds[f"convlab {SECOND}"], rounds[f"convlab {FIRST}"], strict=True)
    return [second / first for second, first in pairs]


def _process(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    found = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    if found.returncode:
        raise RuntimeError(
            found.stderr.strip().splitlines()[-1] if found.stderr.strip() else f"code {found.returncode}"
        )
    return found


def _python(program: str) -> Callable[[], Callable[[], object]]:
    return lambda: lambda: _process(["-c", program])


def _command(arguments: list[str]) -> Callable[[], Callable[[], object]]:
    return lambda: lambda: _process(["-c", PROGRAM, *arguments])


def _without_jax(arguments: list[str]) -> Callable[[object], str]:
    def check(_: object) -> str:
        told = _process(["-X", "importtime", "-c", PROGRAM, *arguments]).stderr
        modules = {line.rpartition("|")[2].strip() for line in told.splitlines() if line.startswith("import time:")}
        heavy = sorted(modules & {"jax", "matplotlib", "numpy", "scipy", "sklearn"})
        if "jax" in heavy:
            raise DisagreementError("it imports jax")
        return f"imports {', '.join(heavy)}" if heavy else "no jax, numpy or matplotlib"

    return check


def _run(folder: Path, quick: bool, fresh: bool) -> Callable[[], object]:
    """A small experiment with its own cache folder, which is emptied where the run is to be the first."""
    caches = {"XDG_CACHE_HOME": str(folder / "cache"), "MPLCONFIGDIR": str(folder / "matplotlib")}
    chosen = [str(folder / "tiny.toml")] if quick else ["quickstart", "--quick"]
    command = ["-c", PROGRAM, "run", *chosen, "--force", "--out", str(folder / "results")]

    def call() -> object:
        if fresh:
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "matplotlib").mkdir(parents=True)
            (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
            _process(["-c", "import matplotlib.font_manager"], **caches)  # the list of fonts is matplotlib's to keep
        return _process(command, **caches)

    return call
