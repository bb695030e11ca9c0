"""A value of an experiment file held against the annotation of its parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from convlab.core.errors import ConvlabError, nearest
from convlab.core.expression import FUNCTIONS, Expression
from convlab.lab.faults import given
from convlab.lab.signature import Form, described

AT_LEAST_ONE = frozenset({"size", "batch_size", "rows", "columns", "dimension", "n", "d", "epochs"})  # counts, if int


@dataclass(frozen=True)
class Names:
    """What an expression may speak of (and t, in a schedule). Where nothing is allowed there are no expressions.

    ``whole``: a whole number may be an expression too, such as a dimension of "2*T+1".
    """

    allowed: tuple[str, ...] = ()
    whole: bool = False


def is_axis(value: Any, alternatives: tuple[Form, ...]) -> bool:
    """Whether a list is an axis of the grid rather than a value: always, unless the parameter itself takes a list."""
    if not isinstance(value, list):
        return False
    if any(form.kind == "tuple" for form in alternatives):
        return bool(value) and all(isinstance(item, list) for item in value)
    return True


def complaint(name: str, value: Any, alternatives: tuple[Form, ...], names: Names) -> str | None:
    """What is wrong with a value (no axis), or None."""
    complaints = []
    for form in alternatives:
        found = _against(value, form, names)
        if found is None:
            return _too_small(name, value, form)
        complaints.append(found)
    specific = [text for text in complaints if text]
    if specific:
        return specific[0]
    hint = ""
    if isinstance(value, float) and value.is_integer() and any(form.kind == "int" for form in alternatives):
        hint = f" (write {int(value)})" if abs(value) < 1e15 else ""
    return f"{given(value)} is not {described(alternatives)}{hint}"


def expression_complaint(text: str, names: Names, may_t: bool) -> str | None:
    """What is wrong with an expression, or None."""
    if not names.allowed:
        return f"{given(text)} is not a number (expressions are for problems' and optimizers' parameters)"
    try:
        used = Expression(text).names
    except ConvlabError as error:
        return str(error)
    except (ArithmeticError, ValueError, RecursionError):
        return f"{given(text)} has a number out of range"
    for name in sorted(used):
        if name == "t" and not may_t:
            return f"{given(text)}: t is not allowed here; only step sizes may change during a run (T is the horizon)"
        if name not in names.allowed and not (name == "t" and may_t):
            allowed = [*names.allowed, *FUNCTIONS, *(["t"] if may_t else [])]
            return f"{given(text)}: unknown name '{name}'; {nearest(name, allowed)}"
    return None


def _against(value: Any, form: Form, names: Names) -> str | None:
    """None where the value fits the form; else the complaint, empty where "is not a ..." says it all."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match form.kind:
        case "any":
            return None
        case "bool":
            return None if isinstance(value, bool) else ""
        case "int":
            if isinstance(value, str) and names.whole:
                return expression_complaint(value, names, may_t=False)
            return None if isinstance(value, int) and not isinstance(value, bool) else ""
        case "str":
            return None if isinstance(value, str) else ""
        case "float" | "schedule":
            if isinstance(value, str):
                return expression_complaint(value, names, may_t=form.kind == "schedule")
            return None if number else ""
        case "choice":
            if any(value == choice and type(value) is type(choice) for choice in form.choices):
                return None
            if isinstance(value, str):
                return f"{given(value)} is no choice; {nearest(value, [str(choice) for choice in form.choices])}"
            return ""
        case "tuple":
            return _list_complaint(value, form)
    return ""  # "none": there is no null in TOML


def _list_complaint(value: Any, form: Form) -> str | None:
    if not isinstance(value, list):
        return ""
    for item in value:
        if all(_against(item, element, Names()) is not None for element in form.element):
            return f"{given(item)} in the list is not {described(form.element)}"
    return None


def _too_small(name: str, value: Any, form: Form) -> str | None:
    if form.kind == "int" and name in AT_LEAST_ONE and not isinstance(value, str) and value < 1:
        return f"{given(value)} is too small; a whole number of at least 1"
    return None


def plain(value: Any) -> bool:
    """Whether a value is a scalar or a list of such: all that a parameter of an unknown signature may be."""
    if isinstance(value, list):
        return all(plain(item) for item in value)
    return isinstance(value, bool | int | float | str)
