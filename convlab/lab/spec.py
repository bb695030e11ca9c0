"""What an experiment file says, as frozen plain data: parts, claims, and the experiment they make up.

Numbers keep what was written (``"1/L"`` stays that text, a list for a scalar parameter stays an axis); `settle` turns
them into values once the problem's constants are known. Nothing here needs jax.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convlab.core.axes import XAxis
    from convlab.core.verdict import Ruling

Key = tuple[str | int, ...]  # where something stands in a file: ("optimizer", 0, "step_size")

KNOWN_NAMES = (
    *("L", "L_max", "mu", "M", "D", "sigma_star", "kappa", "n", "initial_gap", "L_expected", "G", "sigma"),
    *("G_max", "G_expected", "G_sure", "mu_PL", "capacity", "source", "diameter"),
    "T",
)  # what an optimizer's expression may speak of: the problem's constants and the horizon
FIGURES: tuple[str, ...] = ("gap_curves", "bound_ratio")  # what a run draws unless [figures] says otherwise
MODEL_FIGURES = ("quadratic_model",)  # those that read what is measured of each step's quadratic model
FROM_PROBLEM = ("prox", "lmo", "project", "risk_star")  # parameters that the lab hands over, never an experiment file
SAMPLED, EXACT = "sampled", "exact"  # an expectation is a mean over seeds, or computed without any
EXPECTATIONS: tuple[Ruling, ...] = ("holds", "violated", "inconclusive", "not applicable")  # as in core.verdict


def output_parts(written: str) -> tuple[str, str | None]:
    """The name of an output, and its argument where it has one.

    >>> output_parts("average(1..T)"), output_parts("last")
    (('average', '1..T'), ('last', None))
    """
    name, bracket, rest = written.partition("(")
    return (name, rest.removesuffix(")")) if bracket and rest.endswith(")") else (written, None)


def dotted(key: Key) -> str:
    """A key as `--set` and error lines write it.

    >>> dotted(("claim", 0, "where", "problem.kink"))
    'claim.0.where."problem.kink"'
    """
    return ".".join(_printable(part) for part in key)


def _printable(part: str | int) -> str:
    text = str(part)
    if text and all(letter.isalnum() or letter in "_-" for letter in text):
        return text if len(text) <= 60 else text[:57] + "..."
    return '"' + repr(text[:60])[1:-1] + '"'


@dataclass(frozen=True)
class Part:
    """A plug-in by name, with its parameters as written. ``axes`` names those whose list is an axis of the grid."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    axes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "parameters": dict(sorted(self.parameters.items())), "label": self.label}


@dataclass(frozen=True)
class OptimizerPart(Part):
    """An optimizer, the oracle that it is shown the problem by, and the problems it runs on (none named: all)."""

    oracle: Part = field(default_factory=lambda: Part("exact"))
    on: tuple[str, ...] = ()

    def runs_on(self, problem: Part) -> bool:
        return not self.on or problem.name in self.on or problem.label in self.on

    def to_json(self) -> dict[str, Any]:
        restricted = {"on": list(self.on)} if self.on else {}
        return {**super().to_json(), "oracle": self.oracle.to_json(), **restricted}


@dataclass(frozen=True)
class Claim:
    """What an experiment expects of a theorem on the cells that ``where`` selects (all of them where it is empty).

    ``where`` is flat: "optimizer", "problem", "oracle" (names), "horizon", "label", an optimizer's parameter, or
    "problem.x", "oracle.x"; a value as written in the file, or a list of such values. ``slope`` is where the interval
    of the measured slope must lie; at the small size of [quick] it is not asked. ``delta`` is the probability of
    failure that a theorem "with probability 1 − delta" is asked with; 0.1 where it is not told.
    """

    theorem: str
    where: Mapping[str, Any] = field(default_factory=dict)
    expect: Ruling = "holds"
    slope: tuple[float, float] | None = None
    delta: float | None = None

    def to_json(self) -> dict[str, Any]:
        asked: dict[str, Any] = {} if self.slope is None else {"slope": list(self.slope)}
        asked |= {} if self.delta is None else {"delta": self.delta}
        return {"theorem": self.theorem, "where": dict(sorted(self.where.items())), "expect": self.expect, **asked}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Claim:
        slope = record.get("slope")
        asked = None if slope is None else (float(slope[0]), float(slope[1]))
        delta = record.get("delta")
        return cls(record["theorem"], record["where"], record["expect"], asked, None if delta is None else float(delta))


@dataclass(frozen=True)
class Experiment:
    """One experiment file after ``[quick]`` and `--set`, checked. `to_json` is what it says; the rest is where it
    stood.

    ``files`` maps a problem's ``data`` as written to the file that it names; ``folder`` is that of the experiment file.
    ``notes`` are sentences for the user (a claim that speaks of no cell any more). ``places`` is read by `at`.
    """

    name: str
    title: str
    path: Path
    problems: tuple[Part, ...]
    optimizers: tuple[OptimizerPart, ...]
    horizons: tuple[int, ...]
    seeds: int = 32
    expectations: tuple[str, ...] = (SAMPLED,)
    outputs: tuple[str, ...] = ("last",)
    checkpoints: int = 60
    every_step: bool = False
    pairs: bool = False
    dtype: str = "float64"
    claims: tuple[Claim, ...] = ()
    hypothesis: str = ""
    lesson: str = ""
    figures: tuple[str, ...] = FIGURES
    x: XAxis = "steps"
    device: str | None = None
    overrides: tuple[str, ...] = ()
    quick: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    places: Mapping[Key, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def folder(self) -> Path:
        return self.path.parent

    def at(self, *key: str | int) -> str:
        """The start of an error line about a key: ``FILE:LINE: optimizer.0.oracle.size`` (or the `--set` that set
        it)."""
        for length in range(len(key), -1, -1):
            if key[:length] in self.places:
                return f"{self.places[key[:length]]}: {dotted(key)}"
        return f"{self.path}: {dotted(key)}"

    def to_json(self) -> dict[str, Any]:
        """Plain data that decides what is run and claimed: no path, device, figure, or text for readers."""
        return {
            "name": self.name,
            "title": self.title,
            "problems": [part.to_json() for part in self.problems],
            "optimizers": [part.to_json() for part in self.optimizers],
            "horizons": list(self.horizons),
            "seeds": self.seeds,
            **({"expectations": list(self.expectations)} if self.expectations != (SAMPLED,) else {}),
            "outputs": list(self.outputs),
            "checkpoints": self.checkpoints,
            "every_step": self.every_step,
            **({"pairs": True} if self.pairs else {}),
            "dtype": self.dtype,
            "claims": [(replace(claim, slope=None) if self.quick else claim).to_json() for claim in self.claims],
        }
