"""Building a problem from its part of an experiment, its expressions evaluated."""

from __future__ import annotations

import functools
import inspect
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from convlab.core.errors import ConvlabError, nearest
from convlab.core.expression import Expression
from convlab.core.problem import Problem
from convlab.lab import catalog
from convlab.lab.signature import Parameter
from convlab.lab.spec import Part


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
    build = load("problems", name)
    arguments = {
        key: _as_tuple(value) if isinstance(value, list) else value for key, value in json.loads(values).items()
    }
    problem: Problem = build(**arguments)
    return problem


def _as_tuple(value: list[Any]) -> tuple[Any, ...]:
    return tuple(_as_tuple(item) if isinstance(item, list) else item for item in value)


def load(kind: str, name: str) -> Callable[..., Any]:
    """A plug-in's function. Code from outside was allowed, or refused, when the experiment was read."""
    function: Callable[..., Any] = catalog.load(kind, name, allow_code=True)
    return function


def signature_of(kind: str, name: str) -> dict[str, Parameter] | None:
    """A plug-in's parameters; None for an optax optimizer, whose annotations are not ours to read."""
    found = catalog.CATALOG.find(kind, name, allow_code=True)
    if found.parameters is not None:
        return {parameter.name: parameter for parameter in found.parameters}
    if name.startswith("optax."):
        return None
    return {
        each.name: Parameter(each.name, _annotation(each), each.default is each.empty, _default(each))
        for each in inspect.signature(load(kind, name)).parameters.values()
    }


def _annotation(parameter: inspect.Parameter) -> str:
    written = parameter.annotation
    return written if isinstance(written, str) else inspect.formatannotation(written)


def _default(parameter: inspect.Parameter) -> Any:
    return None if parameter.default is parameter.empty else parameter.default


def _problem_values(part: Part, horizon: int) -> dict[str, Any]:
    """Parameters with their expressions evaluated over T and the problem's own numbers, in whatever order they need."""
    signature = signature_of("problems", part.name) or {}
    values = dict(part.parameters)
    names: dict[str, float] = {"T": float(horizon)}
    for name, parameter in signature.items():
        value = values.get(name, parameter.default)
        if isinstance(value, int | float) and not isinstance(value, bool):
            names[name] = float(value)
    waiting = {
        name: Expression(value)
        for name, value in values.items()
        if isinstance(value, str) and name in signature and (real(signature[name]) or _whole(signature[name]))
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
            value = names[name] = finite(waiting.pop(name)(names), f"problem '{part.name}', {name}")
            if not real(signature[name]) and value != round(value):
                written = part.parameters[name]
                raise ConvlabError(f"problem '{part.name}', {name} = '{written}' is {value:g}, no whole number")
            values[name] = value if real(signature[name]) else round(value)
    return values


def finite(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise ConvlabError(f"{where}: its value is {value}; it must be a finite number")
    return float(value)


def real(parameter: Parameter) -> bool:
    return any(form.kind in ("float", "schedule") for form in parameter.forms)


def _whole(parameter: Parameter) -> bool:
    return any(form.kind == "int" for form in parameter.forms)
