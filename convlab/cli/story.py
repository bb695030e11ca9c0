"""The story of one ruling on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convlab.cli.tables import console, ruling_text
from convlab.lab import catalog, review
from convlab.lab.story import chosen, labels_of, story

if TYPE_CHECKING:
    from convlab.core.verdict import Verdict
    from convlab.lab.story import Story

MOST = 3  # stories that are told without being asked for one
_LISTED = 20  # labels of the others
_WIDEST = 100  # columns of a story


def show_verdicts(target: str, theorem: str, label: str | None, allow_code: bool) -> None:
    """Every ruling on a theorem in half a page; the labels of the runs where there are more than a few."""
    _, results = review.read(target, None, allow_code)
    ruled = chosen(results, theorem, label)
    screen = console()
    if len(ruled) > MOST and label is None:
        labels = labels_of(results, ruled)
        screen.print(f"{theorem} was ruled on {len(ruled)} times in {results.name}; --cell LABEL tells of one:")
        for name in labels[:_LISTED]:
            screen.print(Text(f"  {name}"), soft_wrap=True)
        if len(labels) > _LISTED:
            screen.print(f"  … and {len(labels) - _LISTED} more: verdicts.csv has all")
        return
    stated = catalog.load("theorems", theorem, allow_code)
    for number, verdict in enumerate(ruled):
        if number:
            screen.print()
        show_story(story(results, stated, verdict), verdict, screen)


def show_story(told: Story, verdict: Verdict, screen: Console) -> None:
    """A line that says who and how, and a paragraph for each section."""
    ruling = Text(" ").join(ruling_text(verdict).split("\n"))
    width = min(screen.width, _WIDEST)
    screen.print(Text.assemble(ruling, (f"  {told.label}: {told.theorem}, {told.title}", "bold")), width=width)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, width=7)
    grid.add_column(overflow="fold")
    for word, lines in told.sections:
        for number, line in enumerate(lines):
            grid.add_row(word if number == 0 else "", Text(line))
    screen.print(grid, width=width)
