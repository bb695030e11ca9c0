"""`convlab new`: a commented experiment file to start from, and the commands that come next."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from convlab.lab.template import new_experiment


def show_new(name: str) -> None:
    """Writes the file into the current folder and prints what to do with it."""
    path = new_experiment(name, Path())
    file = shlex.quote(path.name if not path.name.startswith("-") else f"./{path.name}")
    click.echo(f"{path.resolve()}")
    click.echo("Edit it, then:")
    for command, what in _NEXT:
        click.echo(f"  {command.format(file):<{len(file) + 20}}  {what}")


_NEXT = (
    ("convlab check {}", "all that is wrong in it, without running it"),
    ("convlab run {} --quick", "a small version of it"),
    ("convlab run {}", "all of it"),
)
