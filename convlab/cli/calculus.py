"""``convlab calculus``: the lecture's calculus, item by item. Listing it imports no jax."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from convlab.core.errors import ConvlabError, nearest
from convlab.lecture.contents import ITEMS, Item

_BY_NAME = {item.name: item for item in ITEMS}


class _Lecture(click.Group):
    """A command for each item of the lecture, beside those with options of their own."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [*_BY_NAME, "check"]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        own = super().get_command(context, name)
        if own is not None:
            return own
        if name not in _BY_NAME:
            raise ConvlabError(f"the lecture has no item '{name[:60]}'; {nearest(name, [*_BY_NAME, *self.commands])}")
        return _item_command(_BY_NAME[name])


_out = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results/calculus"),
    show_default=True,
    help="Folder that a figure is written to.",
)


@click.group(cls=_Lecture, invoke_without_command=True, short_help="The lecture's calculus: run it and look at it.")
@click.option("--all", "everything", is_flag=True, help="Run every item, and draw every figure.")
@_out
@click.pass_context
def calculus(context: click.Context, everything: bool, out: Path) -> int:
    """The lecture's calculus, item by item. Without a name the items are listed.

    An item prints what it measured and writes its figure, where it has one.
    """
    if context.invoked_subcommand is not None:
        return 0
    if not everything:
        _list()
        return 0
    return max(_show(item, out) for item in ITEMS)


@calculus.command("identities", short_help=_BY_NAME["identities"].title)
@click.option("--sizes", type=click.IntRange(1, 8), default=8, show_default=True, help="Largest matrices to try.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random matrices.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="Only this identity; repeatable.")
def identities(sizes: int, seed: int, names: tuple[str, ...]) -> int:
    """Check every closed form against automatic differentiation on random matrices of sizes 1 to 8."""
    return _show(_BY_NAME["identities"], None, sizes=sizes, seed=seed, names=names)


@calculus.command("check", short_help="Check a derivative of your own: custom_jvp, custom_vjp, or any function.")
@click.argument("function", metavar="MODULE:FUNCTION")
@click.option("--at", metavar="NUMBERS", help="Where: a JSON list such as [1.0, 2.0], or a number.")
@click.option("--shape", metavar="SHAPE", help="Shape of x for random points: 3 or 2x3; a number by default.")
@click.option("--points", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many random points.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the random points.")
def check(function: str, at: str | None, shape: str | None, points: int, seed: int) -> int:
    """Compare the derivatives that JAX finds for a function with difference quotients, and explain what is wrong.

    FUNCTION takes one array. Naming it here allows its code to run.
    """
    from convlab.lecture.own_derivative import run

    return _print(lambda: run(function, at=at, shape=shape, points=points, seed=seed))


def _item_command(item: Item) -> click.Command:
    """Run it, and draw its figure where it has one."""

    def command(out: Path | None = None, table: bool = False) -> int:
        return _show(item, None if table else out)

    command = click.command(item.name, help=item.title, short_help=item.title)(command)
    if item.figure:
        command = _out(click.option("--table", is_flag=True, help="The table alone, without the figure.")(command))
    return command


def _list() -> None:
    from rich.table import Table
    from rich.text import Text

    from convlab.cli.tables import console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("convlab calculus …", "the lecture", "functions of convlab.calculus"):
        table.add_column(column, overflow="fold", no_wrap=column.startswith("convlab"))
    for item in ITEMS:
        also = f"; experiment {item.experiment}" if item.experiment else ""
        picture = " (figure)" if item.figure else ""
        table.add_row(Text(item.name, style="bold"), Text(item.title + picture + also), Text(", ".join(item.functions)))
    table.add_row(Text("check", style="bold"), Text("A derivative of your own: MODULE:FUNCTION"), Text(""))
    console().print(table)


def _show(item: Item, out: Path | None, **options: Any) -> int:
    """Run an item, print what it shows, draw its figure; the exit code."""
    import importlib

    module = importlib.import_module(f"convlab.lecture.{item.name}")
    click.secho(item.title, bold=True)
    code = _print(lambda: module.run(**options))
    if item.figure and out is not None:
        from convlab.lab import environment
        from convlab.lecture.figures import write

        with environment.numerics("cpu"):
            for path in write(item.name, module.draw, out):
                click.echo(path.resolve())
    return code


def _print(run: Any) -> int:
    """What an item shows, as a table with its notes; 1 where something did not hold."""
    from rich.table import Table
    from rich.text import Text

    from convlab.calculus.inputs import CalculusError
    from convlab.cli.tables import console
    from convlab.lab import environment

    try:
        with environment.numerics("cpu"):
            shown = run()
    except CalculusError as error:
        raise ConvlabError(str(error)) from None
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown.header:
        table.add_column(column, overflow="fold")
    for row in shown.rows:
        table.add_row(*(Text(cell) for cell in row))
    screen = console()
    screen.print(table)
    for note in shown.notes:
        screen.print(Text(note))
    return 0 if shown.well else 1
