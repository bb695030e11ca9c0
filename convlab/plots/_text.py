"""Texts of a figure: what is mathtext and what is plain, how wide it is, where it may be broken."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text

_PARSER = MathTextParser("path")


def plain(text: str) -> str:
    """Text in which a dollar is a dollar."""
    return text.replace("$", r"\$")


def math_or_plain(text: str) -> str:
    """Text that may hold $mathtext$; taken as it is where matplotlib cannot read it."""
    if text.count("$") % 2 == 0 and "$" in text and _parses(text):
        return text
    return plain(text)


def formula(written: str) -> str:
    """A bound in mathtext, with dollars around it where they are missing."""
    text = written.strip()
    wrapped = text if "$" in text else f"${text}$"
    return wrapped if text and _parses(wrapped) else plain(text)


def _parses(text: str) -> bool:
    try:
        _PARSER.parse(text)
    except ValueError:
        return False
    return True


def wrap(figure: Figure, text: str, room: float, size: float, most: int) -> list[str]:
    """Break a text at spaces (never inside a formula) to lines of at most ``room`` inches; "…" where it is cut."""
    tokens = re.findall(r"(?:\\\$|\$(?:\\.|[^$])*\$|[^\s$])+", text)
    whole = " ".join(tokens)
    if inches(figure, whole, size) <= room:
        return [whole]
    rest = _chopped(figure, tokens, room, size)
    lines = []
    while rest:
        count = _fitting(figure, rest, room, size)
        lines.append(" ".join(rest[:count]))
        rest = rest[count:]
    if len(lines) > most:
        last = lines[most - 1].split(" ")
        while len(last) > 1 and inches(figure, " ".join(last) + " …", size) > room:
            last.pop()
        lines = [*lines[: most - 1], " ".join(last) + " …"]
    return lines


def _fitting(figure: Figure, words: Sequence[str], room: float, size: float) -> int:
    """How many words a line takes, at least one. By bisection: to measure texts is a large part of making a figure."""
    counts = range(1, len(words) + 1)
    return max(1, bisect_right(counts, room, key=lambda count: inches(figure, " ".join(words[:count]), size)))


def _chopped(figure: Figure, tokens: Sequence[str], room: float, size: float) -> list[str]:
    """Words that are wider than a line, in pieces; formulas stay whole."""
    found = []
    for token in tokens:
        rest = token
        while "$" not in rest and _may_be_wider(rest, room, size) and (wide := inches(figure, rest, size)) > room:
            cut = max(1, int(len(rest) * room / wide * 0.9))
            found.append(rest[:cut])
            rest = rest[cut:]
        found.append(rest)
    return found


def _may_be_wider(text: str, room: float, size: float) -> bool:
    """No letter is wider than two of its heights, so that most words need no measuring."""
    return len(text) > 1 and len(text) * 2 * size / 72 > room


def inches(figure: Figure, text: str, size: float) -> float:
    probe = figure.text(0, 0, text, fontsize=size)
    try:
        return extent(figure, probe)
    finally:
        probe.remove()


def extent(figure: Figure, text: Text) -> float:
    return float(text.get_window_extent(renderer(figure)).width / figure.dpi)


class Canvas(FigureCanvasAgg):
    """Its renderers, a new one for each size of a figure, share the mathtext that has been parsed."""

    def get_renderer(self) -> Any:
        global _shared
        found: Any = super().get_renderer()  # type: ignore[no-untyped-call]
        _shared = found.mathtext_parser = _shared or found.mathtext_parser
        return found


_shared: Any = None


def renderer(figure: Figure) -> Any:
    canvas: Any = figure.canvas  # that of `sheet`
    return canvas.get_renderer()
