"""How convlab's figures look, and how they are written: colours, sizes, fonts, byte-stable files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

# Okabe and Ito's colours without the yellow (unreadable on white), then wine, olive and indigo. The least distance
# between two of them is 13.5 (CIE Lab) under simulated deuteranopia, protanopia and tritanopia (Machado 2009); markers
# tell curves apart as well.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#000000",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
    "#882255",
    "#999933",
    "#332288",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
# Dashes say "upper bound", one pattern per theorem; dots say "lower bound"; a measured curve is always solid.
DASHES = ((0, (4, 1.6)), (0, (4, 1.4, 1, 1.4)), (0, (2, 1.1)), (0, (6, 1.3, 1, 1.3, 1, 1.3)), (0, (7, 2)))
DOTS = ((0, (1, 1.4)), (0, (1, 2.8)))

RULING_COLOURS = {"holds": "#00684B", "violated": "#B3001B", "inconclusive": "#8A5A00", "not applicable": "#5F5F5F"}
GREY = "#8C8C8C"
INK = "#262626"
ZONE = "#D9D9D9"
VIOLATED = "#F7D4D2"
SHARED = "#4D4D4D"  # of what several curves share
BROAD, PALE = 1.8, 0.55  # width and opacity of a bound

_PNG = {"compress_level": 3}  # two thirds of the time of 6, and files as large: lines on white compress well either way
TITLE, SMALL, TINY = 9.5, 7.5, 6.8  # points

_RC: Any = {
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": SMALL,
    "axes.linewidth": 0.7,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.5,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "path",  # text as outlines: the same picture where DejaVu is not installed
    "svg.hashsalt": "convlab",  # ids in the SVG follow from its content alone
}


@dataclass(frozen=True)
class Style:
    """How one measured curve is drawn. From the eleventh on colours return, with hollow markers."""

    index: int

    @property
    def colour(self) -> str:
        return COLOURS[self.index % len(COLOURS)]

    @property
    def marker(self) -> str:
        # shifted on every round, so that a colour that returns brings another marker
        return MARKERS[(self.index + self.index // len(COLOURS)) % len(MARKERS)]

    @property
    def face(self) -> str:
        return self.colour if (self.index // len(COLOURS)) % 2 == 0 else "white"

    def line(self, dashes: Any) -> Line2D:
        """An empty line in this style, for a legend or to be filled with data."""
        return Line2D(
            [], [], color=self.colour, linestyle=dashes, linewidth=1.3, marker=self.marker, markersize=4.2,
            markerfacecolor=self.face, markeredgewidth=0.8,
        )  # fmt: skip


def shade(colour: str, weight: float) -> tuple[float, ...]:
    """A colour on white paper: itself at weight 1, white at 0."""
    return tuple(1 - weight * (1 - part) for part in to_rgb(colour))


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults and ours on top, whatever the user's matplotlibrc says; restored at the end."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def save(figure: Figure, path_without_suffix: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write a figure as SVG and as PNG (200 dots per inch); equal figures give equal bytes.

    The files are written beside their place and renamed, so that a reader never sees half of one. Returns both paths;
    raises `OSError` where the folder cannot be written.
    """
    base = Path(path_without_suffix)
    svg, png = (base.with_name(base.name + suffix) for suffix in (".svg", ".png"))
    with style():
        # PNG first: its texts have been measured, and what matplotlib keeps of them is little
        _replace(figure, png, format="png", dpi=200, metadata={"Software": None}, pil_kwargs=_PNG)
        _replace(figure, svg, format="svg", metadata={"Date": None, "Creator": "convlab"})
    return svg, png


def _replace(figure: Figure, path: Path, **options: Any) -> None:
    """Save to a temporary file in the same folder, then rename."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            figure.savefig(file, facecolor="white", **options)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp makes files that only their owner can read
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
