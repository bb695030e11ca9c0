"""Settling: from a cell as written to a problem, an oracle, a program and a Setting with every number known."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optax

from convlab.core.errors import ConvlabError, nearest
from convlab.core.expression import Expression
from convlab.core.optimizer import params_are_judged
from convlab.core.oracle import Oracle
from convlab.core.problem import Problem
from convlab.core.setting import Hyper, Known, Setting
from convlab.lab import catalog
from convlab.lab.grid import Cell
from convlab.lab.loop import Program
from convlab.lab.signature import Parameter
from convlab.lab.spec import Key, Part


@dataclass(frozen=True)
class Settled:
    """A cell that is ready to run. ``hyper`` are the traced numbers: a float, or a schedule's names."""

    cell: Cell
    problem: Problem
    oracle: Oracle
    program: Program
    hyper: Mapping[str, Any]
    setting: Setting


class Misfit(ConvlabError):  # noqa: N818 - it is raised as an error and read as a place
    """A value that does not fit the problem; ``key`` is where the experiment file says it."""

    def __init__(self, key: Key, error: ConvlabError) -> None:
        super().__init__(str(error))
        self.key = key


@contextlib.contextmanager
def _said_at(*key: str | int) -> Iterator[None]:
    try:
        yield
    except Misfit:
        raise
    except ConvlabError as error:
        raise Misfit(key, error) from error


def settle(cell: Cell, files: Mapping[str, Path]) -> Settled:
    """Build everything the cell names. Raises Misfit in one line where a value does not fit the problem."""
    with _said_at("problem", cell.tables[0]):
        problem = build_problem(cell.problem, cell.horizon, files)
    with _said_at("optimizer", cell.tables[1], "oracle"):
        oracle = _build_oracle(cell.oracle, problem)
    facts = {**problem.known, **oracle.facts(problem)}
    known = {name: fact for name, fact in facts.items() if math.isfinite(fact.value)}  # L/mu may overflow: unknown
    with _said_at("optimizer", cell.tables[1]):
        hyper, options = _hyperparameters(cell, problem, known)
    build = _load("optimizers", cell.optimizer.name)
    about = _speaks_for(cell.optimizer.name, build)
    traits = frozenset(getattr(about, "TRAITS", ()))
    if hasattr(about, "traits"):
        traits |= about.traits(hyper, options)
    program, traced = _program(cell, build, getattr(about, "judged", params_are_judged), hyper, options)
    setting = Setting(
        problem=cell.problem.name,
        oracle=cell.oracle.name,
        optimizer=cell.optimizer.name,
        horizon=cell.horizon,
        traits=problem.traits | oracle.traits(problem) | traits,
        known=known,
        hyper=hyper,
        options=options,
        problem_parameters=dict(cell.problem.parameters),
        oracle_parameters=dict(cell.oracle.parameters),
        denied=dict(problem.denied),
        dtype=cell.dtype,
    )
    return Settled(cell, problem, oracle, program, traced, setting)


def _speaks_for(name: str, build: Callable[..., Any]) -> Any:
    """What holds the TRAITS and `judged` of an optimizer: its file; or, for code from outside, the function itself.

    A file of ours holds one optimizer. A module from outside may hold many, and none may inherit another's traits.
    """
    if name in catalog.names("optimizers"):
        return catalog.CATALOG.load_module("optimizers", name)
    return build


def build_problem(part: Part, horizon: int, files: Mapping[str, Path]) -> Problem:
    """The problem of a part, its expressions evaluated; built once for equal values.

    ``files`` maps ``data`` as written to the file that it names, seen from the experiment's folder.
    """
    values = _problem_values(part, horizon)
    if values.get("data") in files:
        values["data"] = str(files[values["data"]])
    stamp = _stamp(values.get("data"))
    return _problem(part.name, json.dumps(values, sort_keys=True), stamp)


def _stamp(data: Any) -> tuple[int, int]:
    """Size and time of a data file, so that a changed file is read again."""
    if isinstance(data, str) and Path(data).is_file():
        found = Path(data).stat()
        return found.st_size, found.st_mtime_ns
    return 0, 0


@functools.lru_cache(maxsize=64)
def _problem(name: str, values: str, stamp: tuple[int, int]) -> Problem:
    build = _load("problems", name)
    arguments = {
        key: _as_tuple(value) if isinstance(value, list) else value for key, value in json.loads(values).items()
    }
    problem: Problem = build(**arguments)
    return problem


def _as_tuple(value: list[Any]) -> tuple[Any, ...]:
    return tuple(_as_tuple(item) if isinstance(item, list) else item for item in value)


def _load(kind: str, name: str) -> Callable[..., Any]:
    """A plug-in's function. Code from outside was allowed, or refused, when the experiment was read."""
    function: Callable[..., Any] = catalog.load(kind, name, allow_code=True)
    return function


def _signature(kind: str, name: str) -> dict[str, Parameter] | None:
    """A plug-in's parameters; None for an optax optimizer, whose annotations are not ours to read."""
    found = catalog.CATALOG.find(kind, name, allow_code=True)
    if found.parameters is not None:
        return {parameter.name: parameter for parameter in found.parameters}
    if name.startswith("optax."):
        return None
    return {
        each.name: Parameter(each.name, _annotation(each), each.default is each.empty, _default(each))
        for each in inspect.signature(_load(kind, name)).parameters.values()
    }


def _annotation(parameter: inspect.Parameter) -> str:
    written = parameter.annotation
    return written if isinstance(written, str) else inspect.formatannotation(written)


def _default(parameter: inspect.Parameter) -> Any:
    return None if parameter.default is parameter.empty else parameter.default


def _problem_values(part: Part, horizon: int) -> dict[str, Any]:
    """Parameters with their expressions evaluated over T and the problem's own numbers, in whatever order they need."""
    signature = _signature("problems", part.name) or {}
    values = dict(part.parameters)
    names: dict[str, float] = {"T": float(horizon)}
    for name, parameter in signature.items():
        value = values.get(name, parameter.default)
        if isinstance(value, int | float) and not isinstance(value, bool):
            names[name] = float(value)
    waiting = {
        name: Expression(value)
        for name, value in values.items()
        if isinstance(value, str) and name in signature and _real(signature[name])
    }
    for name in waiting:
        names.pop(name, None)
    while waiting:
        ready = [name for name, expression in waiting.items() if expression.names <= names.keys()]
        if not ready:
            name, expression = next(iter(waiting.items()))
            missing = min(expression.names - names.keys())
            raise ConvlabError(
                f"problem '{part.name}', {name} = '{expression.text}': {missing} has no value here; "
                f"{nearest(missing, names)}"
            )
        for name in ready:
            values[name] = names[name] = _finite(waiting.pop(name)(names), f"problem '{part.name}', {name}")
    return values


def _finite(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise ConvlabError(f"{where}: its value is {value}; it must be a finite number")
    return float(value)


def _build_oracle(part: Part, problem: Problem) -> Oracle:
    oracle: Oracle = _load("oracles", part.name)(**part.parameters)
    fault = oracle.problem_fault(problem)
    if fault:
        raise ConvlabError(fault)
    return oracle


def _hyperparameters(
    cell: Cell, problem: Problem, known: Mapping[str, Known]
) -> tuple[dict[str, Hyper], dict[str, Any]]:
    """The optimizer's parameters, split into real numbers (traced) and options (part of the program)."""
    names = {name: fact.value for name, fact in known.items()} | {"T": float(cell.horizon)}
    hyper: dict[str, Hyper] = {}
    options: dict[str, Any] = {}
    for name, (value, real) in _arguments(cell.optimizer).items():
        with _said_at("optimizer", cell.tables[1], name):
            if not real:
                options[name] = value
            elif isinstance(value, str):
                hyper[name] = _written(Expression(value), names, f"'{value}'", problem)
            else:
                hyper[name] = Hyper(repr(value), _finite(float(value), f"{name} of '{cell.optimizer.name}'"))
    return hyper, options


def _written(expression: Expression, names: Mapping[str, float], where: str, problem: Problem) -> Hyper:
    for name in sorted(expression.names - names.keys() - {"t"}):
        reason = problem.denied.get("has minimiser")
        why = f" ({reason})" if reason else ""
        raise ConvlabError(
            f"{where}: {name} is not known for problem '{problem.name}'{why}; known: {', '.join(sorted(names))}"
        )
    used = {name: names[name] for name in sorted(expression.names - {"t"})}
    if "t" in expression.names:
        return Hyper(expression.text, None, used)
    value = expression(used)
    if not math.isfinite(value):
        given = " with " * bool(used) + ", ".join(f"{name} = {number:g}" for name, number in used.items())
        raise ConvlabError(f"{where}: its value is {value}{given}; a hyperparameter is a finite number")
    return Hyper(expression.text, float(value), used)


def _arguments(part: Part) -> dict[str, tuple[Any, bool]]:
    """Parameter → (value, whether it is a real number), defaults of our own optimizers included."""
    signature = _signature("optimizers", part.name)
    if signature is None:
        return _optax_arguments(part)
    found = {}
    for name, parameter in signature.items():
        value = part.parameters.get(name, parameter.default)
        found[name] = (value, _real(parameter) and value is not None)
    return found


def _real(parameter: Parameter) -> bool:
    return any(form.kind in ("float", "schedule") for form in parameter.forms)


def _optax_arguments(part: Part) -> dict[str, tuple[Any, bool]]:
    function = _load("optimizers", part.name)
    accepted = inspect.signature(function).parameters
    for name in part.parameters:
        if name not in accepted:
            raise ConvlabError(f"optimizer '{part.name}' has no parameter '{name}'; {nearest(name, accepted)}")
    for name, parameter in accepted.items():
        if parameter.default is inspect.Parameter.empty and name not in part.parameters:
            raise ConvlabError(f"optimizer '{part.name}' needs a value for '{name}'")
    return {name: (value, _is_real(value, accepted[name].default)) for name, value in part.parameters.items()}


def _is_real(value: Any, default: Any) -> bool:
    if isinstance(value, bool) or isinstance(default, bool | str):
        return False
    if isinstance(value, str):
        return True
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(default, int))


def _program(
    cell: Cell,
    build: Callable[..., optax.GradientTransformation],
    judged: Callable[..., Any],
    hyper: Mapping[str, Hyper],
    options: Mapping[str, Any],
) -> tuple[Program, dict[str, Any]]:
    number = np.dtype(cell.dtype).type
    traced: dict[str, Any] = {}
    schedules = []
    for name, given in sorted(hyper.items()):
        if given.value is not None:
            traced[name] = number(given.value)
        else:
            traced[name] = {key: number(value) for key, value in {**given.names, "T": float(cell.horizon)}.items()}
            schedules.append((name, Expression(given.written)))
    outputs = tuple((name, _load("outputs", name)()) for name in cell.outputs)
    program = Program(build, judged, tuple(sorted(options.items())), tuple(schedules), outputs)
    return program, traced
