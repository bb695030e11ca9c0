"""Which cells a claim speaks of, told from the file alone: before anything is settled, and without numpy or jax."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from convlab.lab.catalog import CATALOG, Catalog
from convlab.lab.faults import given
from convlab.lab.signature import Parameter
from convlab.lab.spec import EXACT, SAMPLED, Claim, Experiment, OptimizerPart, Part


@dataclass(frozen=True)
class Combination:
    """One problem, optimizer (with its oracle) and horizon; the parts have no axes left.

    ``tables`` counts the file's [[problem]] and [[optimizer]] that it is from.
    """

    problem: Part
    optimizer: OptimizerPart
    horizon: int
    tables: tuple[int, int] = (0, 0)
    expectation: str = SAMPLED


def combinations(experiment: Experiment) -> Iterator[Combination]:
    """All of them, in the file's order: problems, optimizers, their axes, horizons (which vary fastest)."""
    for i, problem in enumerate(experiment.problems):
        for one_problem in unfold(problem):
            for j, optimizer in enumerate(experiment.optimizers):
                if not optimizer.runs_on(problem):
                    continue
                for part, oracle in itertools.product(unfold(optimizer), unfold(optimizer.oracle)):
                    one = OptimizerPart(part.name, part.parameters, part.label, (), oracle)
                    for expectation, horizon in itertools.product(
                        _expectations(experiment, oracle), experiment.horizons
                    ):
                        yield Combination(one_problem, one, horizon, (i, j), expectation)


def _expectations(experiment: Experiment, oracle: Part) -> tuple[str, ...]:
    """In which ways a cell runs; without randomness one run is its own expectation."""
    return experiment.expectations if oracle.name != "exact" else (SAMPLED,)


def count(experiment: Experiment) -> int:
    """How many combinations there are, without making them."""
    pairs = itertools.product(experiment.problems, experiment.optimizers)
    sizes = (
        _size(problem) * _size(each) * _size(each.oracle) * len(_expectations(experiment, each.oracle))
        for problem, each in pairs
        if each.runs_on(problem)
    )
    return sum(sizes) * len(experiment.horizons)


def counts(experiment: Experiment) -> tuple[int, int, int]:
    """How many problems, optimizers (each with its oracle) and combinations there are once the lists are unfolded."""
    problems = sum(_size(problem) for problem in experiment.problems)
    optimizers = sum(_size(each) * _size(each.oracle) for each in experiment.optimizers)
    return problems, optimizers, count(experiment)


def unfold(part: Part) -> Iterator[Part]:
    """The part with each combination of values of its axes."""
    for values in itertools.product(*(part.parameters[name] for name in part.axes)):
        yield Part(part.name, {**part.parameters, **dict(zip(part.axes, values, strict=True))}, part.label)


def facts(cell: Combination, catalog: Catalog = CATALOG) -> dict[str, Any]:
    """What a claim's ``where`` may ask of a cell, by its keys; parameters that are not written have their defaults."""
    return {
        **_parameters(cell.optimizer, "optimizers", "", catalog),
        **_parameters(cell.problem, "problems", "problem.", catalog),
        **_parameters(cell.optimizer.oracle, "oracles", "oracle.", catalog),
        "problem": cell.problem.name,
        "optimizer": cell.optimizer.name,
        "oracle": cell.optimizer.oracle.name,
        "label": cell.optimizer.label,
        "horizon": cell.horizon,
        "expectation": cell.expectation if cell.optimizer.oracle.name != "exact" else EXACT,
    }


def matches(claim: Claim, known: Mapping[str, Any]) -> bool:
    """Whether a claim speaks of the cell with these facts. Texts are compared as written; true is not 1."""
    return all(key in known and _token(known[key]) in _tokens(wanted) for key, wanted in claim.where.items())


class Index:
    """Cells by their facts, so that many claims are looked up among many cells at once."""

    def __init__(self, all_facts: Iterable[Mapping[str, Any]]) -> None:
        self.everything: set[int] = set()
        self.by_key: dict[str, dict[Any, set[int]]] = {}
        self.shown: dict[tuple[str, Any], str] = {}
        for number, known in enumerate(all_facts):
            self.everything.add(number)
            for key, value in known.items():  # None is a label, or a default, that is not there
                if value is not None:
                    self.by_key.setdefault(key, {}).setdefault(_token(value), set()).add(number)
                    self.shown[key, _token(value)] = given(value)

    def why_none(self, claim: Claim) -> str | None:
        """A sentence on why a claim speaks of no cell, or None where it speaks of one."""
        left = self.everything
        for key, wanted in claim.where.items():
            there = self.by_key.get(key, {})
            found = set().union(*(there.get(token, ()) for token in _tokens(wanted)))
            if not found:
                values = [self.shown[key, token] for token in list(there)[:8]]
                told = f"{key} is {' or '.join(values)}" if values else f"no cell has a {key}"
                return f"{key} = {given(wanted)} matches no cell; {told}"
            left = left & found
        if left:
            return None
        return "no cell has all of " + ", ".join(f"{key} = {given(value)}" for key, value in claim.where.items())


def _token(value: Any) -> tuple[bool, Any]:
    """What makes two values the same: equal and both true-or-false, or neither. Lists become hashable."""
    return isinstance(value, bool), tuple(_token(item) for item in value) if isinstance(value, list) else value


def _tokens(wanted: Any) -> set[tuple[bool, Any]]:
    """The value wanted, and where it is a list each of its elements."""
    return {_token(wanted), *(_token(one) for one in (wanted if isinstance(wanted, list) else ()))}


def _parameters(part: Part, kind: str, prefix: str, catalog: Catalog) -> dict[str, Any]:
    known: tuple[Parameter, ...] = catalog.read(kind, part.name).parameters or ()  # none for optax and foreign code
    written = {f"{prefix}{parameter.name}": parameter.default for parameter in known if not parameter.required}
    return written | {f"{prefix}{name}": value for name, value in part.parameters.items()}


def _size(part: Part) -> int:
    return math.prod(len(part.parameters[name]) for name in part.axes)
