"""What there is, in aligned columns. Plain text: it answers at once and pipes well."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from convlab.lab.config import experiments
from convlab.lab.faults import one_line
from convlab.lab.summaries import summaries


def show_list(kinds: tuple[str, ...]) -> None:
    """The names of each kind with a line on each, cut to the terminal's width."""
    told = summaries(tuple(kind for kind in kinds if kind != "experiments"))
    rows = {kind: _experiments() if kind == "experiments" else told[kind] for kind in kinds}
    width = max((len(name) for listed in rows.values() for name, _ in listed), default=0)
    for kind, listed in rows.items():
        if len(kinds) > 1:
            click.echo(click.style(kind, bold=True))
        indent = "  " if len(kinds) > 1 else ""
        if not listed:
            click.echo(f"{indent}(none)")
        for name, text in listed:
            click.echo(_cut(f"{indent}{name:<{width}}  {one_line(text)}".rstrip()))
        if kind == "optimizers":
            click.echo(f"{indent}{'optax.NAME':<{width}}  any optimizer of optax")


def _experiments() -> list[tuple[str, str]]:
    return [(found.name, f"{found.title} ({_near(found.path)})") for found in experiments()]


def _near(path: Path) -> str:
    """The path, relative where it lies below the current folder."""
    full = path.resolve()
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(full)


def _cut(line: str) -> str:
    columns = shutil.get_terminal_size().columns
    return line if not sys.stdout.isatty() or len(line) <= columns else line[: max(columns - 1, 20)] + "…"
