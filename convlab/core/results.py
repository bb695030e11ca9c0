"""Results: traces and verdicts of one experiment, as plots, tables and the command line read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from convlab.core.axes import X_AXES, XAxis
from convlab.core.trace import Trace
from convlab.core.verdict import Verdict

__all__ = ["X_AXES", "Kind", "Landscape", "Results", "XAxis"]

Kind = Literal["trajectory", "horizon sweep", "worst-case sweep"]


@dataclass(frozen=True)
class Landscape:
    """R(θ) of a two-dimensional problem on the grid ``x`` × ``y``, ``risk`` [y, x], where the traces ``cells`` went."""

    cells: tuple[int, ...]
    x: np.ndarray
    y: np.ndarray
    risk: np.ndarray
    minimiser: tuple[float, float] | None = None


@dataclass(frozen=True)
class Results:
    """An experiment that has run.

    ``kind``: "trajectory" (a fixed problem, read along the run), "horizon sweep" (a fresh run for each horizon) or
    "worst-case sweep" (the instance depends on the horizon too: only here may the theorem's slope be demanded).
    ``formulas`` maps a theorem's name to its bound in mathtext; ``outputs`` are those the experiment asked for.
    ``hypothesis`` and ``lesson`` are its author's words. ``figures`` are the kinds of plots that are drawn of it, and
    ``x`` is what the x axes of figures count: steps, row gradients (what the oracle evaluated), or those over n.
    """

    name: str
    title: str
    kind: Kind
    traces: tuple[Trace, ...]
    verdicts: tuple[Verdict, ...]
    outputs: tuple[str, ...] = ("last",)
    formulas: Mapping[str, str] = field(default_factory=dict)
    landscapes: tuple[Landscape, ...] = ()
    hypothesis: str = ""
    lesson: str = ""
    figures: tuple[str, ...] = ("gap_curves", "bound_ratio")
    x: XAxis = "steps"
    theorems: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # name -> title, output, quantity, sense

    @property
    def as_expected(self) -> bool:
        return all(verdict.as_expected for verdict in self.verdicts)
