"""The grid: an experiment's cells, their labels, and the batches in which they run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.theorem import SENSES, Theorem
from convlab.lab import catalog
from convlab.lab import claims as written
from convlab.lab.spec import EXACT, MODEL_FIGURES, SAMPLED, Experiment, Part

_OF_NOISE = frozenset({"sigma", "sigma_star", "L_expected", "G_expected", "G_sure"})


@dataclass(frozen=True)
class Cell:
    """One point of the grid, as written: everything but seeds that decides a run, and nothing that was computed."""

    problem: Part
    optimizer: Part
    oracle: Part
    horizon: int
    outputs: tuple[str, ...]
    checkpoints: tuple[int, ...]
    dtype: str
    sweep: bool  # one of several horizons: the horizon is then folded into the seeds, so that runs are independent
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)  # what a claim may ask of it
    tables: tuple[int, int] = field(default=(0, 0), compare=False)  # of the file: [[problem]] and [[optimizer]]
    label: str = ""
    expectation: str = SAMPLED
    models: bool = False  # whether the quadratic model of each step is measured
    noise: bool = False  # whether the noise of f_t is measured

    def to_json(self) -> dict[str, Any]:
        """What the task's hash is made of; labels do not decide numbers."""
        return {
            "problem": {"name": self.problem.name, **_plain(self.problem.parameters)},
            "optimizer": {"name": self.optimizer.name, **_plain(self.optimizer.parameters)},
            "oracle": {"name": self.oracle.name, **_plain(self.oracle.parameters)},
            "horizon": self.horizon,
            "outputs": list(self.outputs),
            "checkpoints": list(self.checkpoints),
            "dtype": self.dtype,
            "sweep": self.sweep,
            **({"models": True} if self.models else {}),
            **({"noise": True} if self.noise else {}),
            **({"expectation": EXACT} if self.expectation == EXACT else {}),
        }


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(parameters.items()))


def checkpoints(horizon: int, count: int, every_step: bool, pairs: bool = False) -> tuple[int, ...]:
    """The steps at which points are kept: 0, 1, … on a logarithmic grid of at most ``count``, and T.

    With ``pairs`` the step after each of them is kept too, and T − 1: what a single step does is seen there.

    >>> checkpoints(1000, 8, every_step=False)
    (0, 1, 3, 10, 32, 100, 316, 1000)
    """
    if every_step or horizon < count:
        return tuple(range(horizon + 1))
    grid = np.round(np.geomspace(1, horizon, count - 1)).astype(np.int64)
    chosen = {0, *(int(t) for t in grid[: count - 2]), horizon}
    if pairs:
        chosen |= {t + 1 for t in chosen if t < horizon} | {horizon - 1}
    return tuple(sorted(chosen))


def cells(experiment: Experiment) -> tuple[Cell, ...]:
    """Every cell of the experiment, in the order of the file; horizons vary fastest."""
    _refuse_delta(experiment)
    sweep = len(experiment.horizons) > 1
    found = [
        Cell(
            problem=each.problem,
            optimizer=each.optimizer,
            oracle=each.optimizer.oracle,
            horizon=each.horizon,
            outputs=_outputs(experiment, facts),
            checkpoints=checkpoints(each.horizon, experiment.checkpoints, experiment.every_step, experiment.pairs),
            dtype=experiment.dtype,
            sweep=sweep,
            facts=facts,
            tables=each.tables,
            expectation=each.expectation,
            models=_models(experiment, facts),
            noise=_noise(experiment, facts),
        )
        for each in written.combinations(experiment)
        for facts in [written.facts(each)]
    ]
    return _labelled(found)


def _refuse_delta(experiment: Experiment) -> None:
    """ConvlabError where a claim gives a theorem that speaks of no probability a delta."""
    for number, claim in enumerate(experiment.claims):
        if claim.delta is not None:
            theorem: Theorem = catalog.load("theorems", claim.theorem, allow_code=True)
            if theorem.sense != "probability":
                raise ConvlabError(
                    f"{experiment.at('claim', number, 'delta')}: '{claim.theorem}' speaks {SENSES[theorem.sense]}, and "
                    "of no probability; leave delta out"
                )


def _outputs(experiment: Experiment, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The outputs that the experiment asks for, and those that the claims on this cell, or their monitors, need."""
    theorems = _claimed(experiment, facts)
    claimed = [theorem.output for theorem in theorems]
    if facts["oracle"] == "exact" and any("L" in theorem.constants for theorem in theorems):
        claimed.append("last")  # whose steps show an L that is too small
    return tuple(dict.fromkeys([*experiment.outputs, *claimed])) or ("last",)


def _models(experiment: Experiment, facts: Mapping[str, Any]) -> bool:
    """Whether a figure, or a claim on this cell, speaks of the quadratic models of its steps, as all with M do."""
    drawn = any(kind in MODEL_FIGURES for kind in experiment.figures)
    return drawn or any("M" in theorem.constants for theorem in _claimed(experiment, facts))


def _noise(experiment: Experiment, facts: Mapping[str, Any]) -> bool:
    """Whether a claim on this cell reads a constant of the noise, which is then held against the run."""
    return any(_OF_NOISE & set(theorem.constants) for theorem in _claimed(experiment, facts))


def _claimed(experiment: Experiment, facts: Mapping[str, Any]) -> list[Theorem]:
    claims = (claim for claim in experiment.claims if written.matches(claim, facts))
    return [catalog.load("theorems", claim.theorem, allow_code=True) for claim in claims]


def _labelled(found: list[Cell]) -> tuple[Cell, ...]:
    """Labels say what tells cells apart: the optimizer's name or label, and each parameter that varies among those
    that share it; the problem, where these run on several."""
    labelled = []
    for cell in found:
        who = (cell.optimizer.name, cell.optimizer.label)
        kin = [other for other in found if (other.optimizer.name, other.optimizer.label) == who]
        everywhere = kin if cell.optimizer.label else found
        several_problems = len({_key(other.problem) for other in everywhere}) > 1
        words = [f"{name} = {_short(value)}" for name, value in _varying(cell.optimizer, [c.optimizer for c in kin])]
        if len({_key(other.oracle) for other in kin}) > 1:
            varying = _varying(cell.oracle, [c.oracle for c in kin if c.oracle.name == cell.oracle.name])
            words.append(" ".join([cell.oracle.name, *(f"{name} = {_short(value)}" for name, value in varying)]))
        if several_problems:
            varying = _varying(cell.problem, [c.problem for c in found if c.problem.name == cell.problem.name])
            where = cell.problem.label or cell.problem.name
            words.append("on " + ", ".join([where, *(f"{name} = {_short(value)}" for name, value in varying)]))
        if cell.expectation == EXACT and any(other.expectation == SAMPLED for other in kin):
            words.append("exact expectation")
        label = ", ".join([cell.optimizer.label or cell.optimizer.name, *words])
        labelled.append(dataclasses.replace(cell, label=label))
    return tuple(labelled)


def _key(part: Part) -> str:
    return repr((part.name, part.label, sorted(part.parameters.items())))


def _varying(part: Part, kin: Iterable[Part]) -> list[tuple[str, Any]]:
    others = list(kin)
    return [
        (name, value)
        for name, value in part.parameters.items()
        if any(repr(other.parameters.get(name)) != repr(value) for other in others)
    ]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def groups(found: Iterable[Cell]) -> list[tuple[int, ...]]:
    """The cells that are judged together: those that differ in the horizon alone."""
    together: dict[str, list[int]] = {}
    for index, cell in enumerate(found):
        key = repr((_key(cell.problem), _key(cell.optimizer), _key(cell.oracle), cell.expectation))
        together.setdefault(key, []).append(index)
    return [tuple(indices) for indices in together.values()]
