"""Problems, oracles and optimizers of an experiment file, each key held against the signature of its plug-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convlab.core.errors import ConvlabError, nearest
from convlab.core.expression import Expression
from convlab.lab.catalog import Catalog
from convlab.lab.faults import Faults, given
from convlab.lab.ranges import expanded, is_range
from convlab.lab.signature import Form, Parameter, PlugIn
from convlab.lab.spec import FROM_PROBLEM, KNOWN_NAMES, Key, OptimizerPart, Part
from convlab.lab.values import Names, complaint, expression_complaint, is_axis, plain

SCHEDULES = ("step_size", "learning_rate")  # those of optax, whose signatures are not read here


@dataclass(frozen=True)
class Reader:
    """What every check of a file needs at hand."""

    catalog: Catalog
    faults: Faults
    allow_code: bool = False


def read_problem(reader: Reader, table: Any, key: Key) -> Part | None:
    """One ``[problem]`` table."""
    return _read_part(reader, "problems", table, key)


def read_optimizer(
    reader: Reader, table: Any, key: Key, default_oracle: tuple[Any, Key] | None
) -> OptimizerPart | None:
    """One ``[[optimizer]]`` table. Its oracle: its own, else the file's, else the one it asks for, else "exact"."""
    part = _read_part(reader, "optimizers", table, key, besides=("oracle", "on"))
    on = table.get("on", []) if isinstance(table, dict) else []
    on = [on] if isinstance(on, str) else on
    if not (isinstance(on, list) and all(isinstance(name, str) for name in on)):
        reader.faults.add((*key, "on"), f"{given(on)} names no problems; write on = 'huber', or a list of names")
        return None
    if isinstance(table, dict) and "oracle" in table:
        oracle = read_oracle(reader, table["oracle"], (*key, "oracle"))
    elif default_oracle is not None:
        oracle = read_oracle(reader, *default_oracle)
    elif part is not None:
        oracle = read_oracle(reader, _asked_for(reader.catalog, part.name), key)
    else:
        oracle = None
    if part is None or oracle is None:
        return None
    return OptimizerPart(part.name, part.parameters, part.label, part.axes, oracle, tuple(on))


def read_oracle(reader: Reader, table: Any, key: Key) -> Part | None:
    """An oracle: a table, or its name alone."""
    return _read_part(reader, "oracles", {"name": table} if isinstance(table, str) else table, key, besides=())


def _asked_for(catalog: Catalog, optimizer: str) -> Any:
    """The optimizer's own ORACLE constant, or the exact oracle."""
    known = ":" not in optimizer and "." not in optimizer
    return dict(catalog.read("optimizers", optimizer).constants.get("ORACLE", {"name": "exact"})) if known else "exact"


def _read_part(reader: Reader, kind: str, table: Any, key: Key, besides: tuple[str, ...] = ()) -> Part | None:
    faults = reader.faults
    if not isinstance(table, dict):
        faults.add(key, f'{given(table)} is not a table with a name, such as {{ name = "..." }}')
        return None
    plug_in = _plug_in(reader, kind, table, key)
    # Where the plug-in itself takes a `label` (the column of a data file), the key is the plug-in's.
    taken = plug_in is not None and any(parameter.name == "label" for parameter in plug_in.parameters or ())
    label = None if taken else table.get("label")
    if label is not None and not is_line(label):
        faults.add((*key, "label"), f"{given(label)} is not one line of text")
        label = None
    if plug_in is None:
        return None
    ours = ("name", *besides) if taken else ("name", "label", *besides)
    own = {
        name: expanded(value, faults, (*key, name)) if is_range(value) else value
        for name, value in table.items()
        if name not in ours
    }
    if plug_in.parameters is None:
        axes = _check_unknown_signature(faults, own, key)
    else:
        axes = _check_parameters(faults, plug_in, plug_in.parameters, own, key, besides)
    return Part(plug_in.name, own, label, axes)


def _plug_in(reader: Reader, kind: str, table: Mapping[str, Any], key: Key) -> PlugIn | None:
    name = table.get("name")
    if name is None:
        known = reader.catalog.names(kind)
        reader.faults.add(key, f"a name is missing; {nearest('', known)}")
    elif not isinstance(name, str):
        reader.faults.add((*key, "name"), f"{given(name)} is not a name in quotes")
    else:
        try:
            return reader.catalog.find(kind, name, reader.allow_code)
        except ConvlabError as error:
            reader.faults.add((*key, "name"), str(error))
    return None


def _check_parameters(
    faults: Faults,
    plug_in: PlugIn,
    parameters: tuple[Parameter, ...],
    own: Mapping[str, Any],
    key: Key,
    besides: tuple[str, ...],
) -> tuple[str, ...]:
    """Checks every parameter and returns the names of the axes."""
    known = {parameter.name: parameter for parameter in parameters if parameter.name not in FROM_PROBLEM}
    axes, hints = [], []
    for name, value in own.items():
        if name not in known:
            hints.append(nearest(name, [*known, "name", "label", *besides]))
            text = f"unknown key of {plug_in.name}; {hints[-1]}"
            faults.add((*key, name), "comes from the problem, not from a file" if name in FROM_PROBLEM else text)
            continue
        alternatives = known[name].forms
        names = _names(plug_in.kind, name, known)
        if is_axis(value, alternatives):
            axes.append(name)
            _check_axis(faults, (*key, name), value, alternatives, names)
        elif fault := complaint(name, value, alternatives, names):
            faults.add((*key, name), fault)
    for name, parameter in known.items():
        if parameter.required and name not in own and nearest(name, [name]) not in hints:  # a typo is one mistake
            faults.add(key, f"'{name}' of {plug_in.name} is missing")
    one_of = plug_in.constants.get("ONE_OF", ())
    if one_of and not any(name in own for name in one_of) and not any(nearest(n, [n]) in hints for n in one_of):
        faults.add(key, f"'{one_of[0]}' of {plug_in.name} is missing")
    if plug_in.kind == "problems" and not faults:
        _check_circles(faults, own, key)
    return tuple(axes)


def _check_axis(faults: Faults, key: Key, values: list[Any], alternatives: tuple[Form, ...], names: Names) -> None:
    if not values:
        faults.add(key, "an empty list: a list is an axis, with at least one value")
    seen: set[str] = set()
    for index, value in enumerate(values):
        if text := complaint(str(key[-1]), value, alternatives, names):
            faults.add((*key, index), text)
        elif repr(value) in seen:
            faults.add((*key, index), f"{given(value)} is given twice")
        seen.add(repr(value))


def _check_unknown_signature(faults: Faults, own: Mapping[str, Any], key: Key) -> tuple[str, ...]:
    """What can be said of optax's and foreign parameters before they are imported, at `run`."""
    for name, value in own.items():
        if not plain(value):
            faults.add((*key, name), f"{given(value)} is not a number, a text, true or false, or a list of them")
            continue
        if value == []:
            faults.add((*key, name), "an empty list: a list is an axis, with at least one value")
        for text in value if isinstance(value, list) else [value]:
            is_schedule = name in SCHEDULES and isinstance(text, str)
            if is_schedule and (fault := expression_complaint(text, Names(KNOWN_NAMES), may_t=True)):
                faults.add((*key, name), fault)
    return tuple(name for name, value in own.items() if isinstance(value, list))


def _names(kind: str, name: str, known: Mapping[str, Parameter]) -> Names:
    """What an expression for a parameter may speak of."""
    if kind == "optimizers":
        return Names(KNOWN_NAMES)
    if kind == "problems":
        numbers = [p.name for p in known.values() if any(form.kind in ("float", "int") for form in p.forms)]
        return Names(("T", *(other for other in numbers if other != name)), whole=True)
    return Names()


def _check_circles(faults: Faults, own: Mapping[str, Any], key: Key) -> None:
    """A problem's parameters may speak of each other, but not in a circle."""
    uses: dict[str, set[str]] = {}
    for name, value in own.items():
        texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
        try:
            uses[name] = {used for text in texts for used in Expression(text).names}
        except (ConvlabError, ArithmeticError):  # a text that is no expression: a choice, a file
            uses[name] = set()
    for name in own:
        reached, fresh = set(), set(uses[name])
        while fresh:
            reached |= fresh
            fresh = {further for one in fresh for further in uses.get(one, ())} - reached
        if name in reached:
            faults.add((*key, name), f"{given(own[name])} needs itself: expressions go round in a circle")
            return


def is_line(value: Any) -> bool:
    """Whether a value is one line of text that can be shown."""
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= 300 and value.isprintable()
