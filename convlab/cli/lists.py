"""What there is, in aligned columns, and what a theorem says. Plain text: it answers at once and pipes well."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from convlab.lab.catalog import CATALOG
from convlab.lab.config import experiments
from convlab.lab.faults import one_line

if TYPE_CHECKING:
    from convlab.core.theorem import Theorem

_KEPT = 100  # columns of an explanation


def show_list(kinds: tuple[str, ...]) -> None:
    """The names of each kind with a line on each, cut to the terminal's width."""
    rows = {kind: _rows(kind) for kind in kinds}
    width = max((len(name) for listed in rows.values() for name, _ in listed), default=0)
    for kind, listed in rows.items():
        if len(kinds) > 1:
            click.echo(click.style(kind, bold=True))
        indent = "  " if len(kinds) > 1 else ""
        if not listed:
            click.echo(f"{indent}(none)")
        for name, text in listed:
            click.echo(_cut(f"{indent}{name:<{width}}  {text}".rstrip()))
        if kind == "optimizers":
            click.echo(f"{indent}{'optax.NAME':<{width}}  any optimizer of optax")


def _rows(kind: str) -> list[tuple[str, str]]:
    if kind == "experiments":
        return [(found.name, f"{found.title} ({_near(found.path)})") for found in experiments()]
    plug_ins = CATALOG.read_all(kind)
    return [(found.name, one_line(f"({found.fault})" if found.fault else found.summary)) for found in plug_ins]


def _near(path: Path) -> str:
    """The path, relative where it lies below the current folder."""
    full = path.resolve()
    return str(full.relative_to(Path.cwd())) if full.is_relative_to(Path.cwd()) else str(full)


def _cut(line: str) -> str:
    columns = shutil.get_terminal_size().columns
    return line if not sys.stdout.isatty() or len(line) <= columns else line[: max(columns - 1, 20)] + "…"


def show_theorem(name: str, allow_code: bool) -> None:
    """A theorem in full."""
    theorem: Theorem = CATALOG.load("theorems", name, allow_code)
    click.echo(click.style(f"{name}: {theorem.title}", bold=True))
    rows = [
        ("states", theorem.statement),
        ("of", f"{theorem.quantity} at the output '{theorem.output}', {theorem.valid}, {_sense(theorem)}"),
        ("kind", f"{theorem.kind} bound; its rate is {theorem.rate.written}"),
        ("needs", "\n".join(assumption.words for assumption in theorem.assumes)),
        ("constants", ", ".join(theorem.constants) or "none"),
        ("source", theorem.source),
        ("instance", _instance(theorem)),
    ]
    for what, text in rows:
        paragraphs = [line for part in text.splitlines() for line in textwrap.wrap(part, _KEPT - 12) or [""]]
        for number, line in enumerate(paragraphs):
            click.echo(f"{what if number == 0 else '':<10}  {line}")
    click.echo(f"{'file':<10}  {_file(name)}")


def _sense(theorem: Theorem) -> str:
    return "on every run" if theorem.sense == "every run" else "in expectation"


def _file(name: str) -> str:
    path = CATALOG.read("theorems", name).path
    return str(path) if path is not None and path.is_file() else name


def _instance(theorem: Theorem) -> str:
    """The instance in the words of an experiment file, and what it reaches."""
    instance = theorem.instance
    tables = [f"{key}: {_table(value)}" for key, value in instance.spec.items()]
    reaches = "attains the bound" if instance.reaches == 1 else f"reaches {instance.reaches:.4g} of the bound"
    return "\n".join([*tables, f"{reaches}: {instance.note}"])


def _table(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {one}" for key, one in value.items())
    return str(value)
