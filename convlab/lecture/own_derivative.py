"""A derivative of one's own: custom_jvp, custom_vjp, or any function, held against the limits of difference quotients.

Forward and reverse mode are checked at several points; where one is wrong the note says how: a sign, a factor, a
transpose, a part that is detached, a mode that disagrees with the other.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from convlab.calculus.check import DerivativeCheck, check_derivative
from convlab.calculus.inputs import CalculusError
from convlab.lecture.shown import Shown, digits

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_MOST_NUMBERS = 10_000  # of a point
_SHORT = 28  # letters of a point in the table
_TRIES = 20  # random points for each one wanted, where f is not finite at all of them
_WORST_FIRST = ("wrong", "not differentiable", "undecided", "correct")


_Checked = tuple[np.ndarray, DerivativeCheck]


class _NotFiniteError(CalculusError):
    """f is NaN or infinite at a point."""


def run(function: str, *, at: str | None = None, shape: str | None = None, points: int = 5, seed: int = 0) -> Shown:
    """Check the function "package.module:name" at one point, or at random normal points of a shape (a number, unless
    ``shape`` is given, such as "3" or "2x3") where it is finite. CalculusError in one line where an argument does not
    fit."""
    if at is not None and shape is not None:
        raise CalculusError("check: --at gives the point, and --shape the shape of random ones; give one of them")
    f = loaded(function)
    if at is not None:
        found, passed = [_checked(function, f, _written(at), "")], 0
    else:
        found, passed = _at_random_points(function, f, _shape(shape), points, seed, shape is None)
    rows = tuple(_row(x, check) for x, check in found)
    header = ("x", "verdict", "entry", "autodiff", "quotients", "known to", "orders")
    checks = [check for _, check in found]
    told = (f"{passed} random points more were passed over: f is not finite there.",) if passed else ()
    return Shown(header, rows, (*_notes(checks), *told), all(check.verdict == "correct" for check in checks))


def _at_random_points(
    function: str, f: Callable[..., Any], shape: tuple[int, ...], points: int, seed: int, any_shape: bool
) -> tuple[list[_Checked], int]:
    """As many random normal points as wanted at which f is finite, and how many others were met."""
    generator, passed = np.random.default_rng(seed), 0
    found: list[_Checked] = []
    while len(found) < points:
        x = np.asarray(generator.standard_normal(shape))
        try:
            found.append(_checked(function, f, x, "; --shape 3 or --shape 2x3 tries arrays" if any_shape else ""))
        except _NotFiniteError as error:
            passed += 1
            if passed >= _TRIES * points:
                raise CalculusError(f"{error}; it is so at {passed} random points: --at gives one") from None
    return found, passed


def _checked(function: str, f: Callable[..., Any], x: np.ndarray, hint: str) -> _Checked:
    try:
        return x, check_derivative(f, x)
    except CalculusError as error:
        what = str(error).removeprefix("check_derivative: ")
        told = f"check: {function}: {what}"
        if re.match(r"f\(x\)\S* is (NaN|infinite)", what):
            raise _NotFiniteError(told) from None
        raise CalculusError(told + hint) from None


def loaded(name: str) -> Callable[..., Any]:
    """The function "package.module:name"; modules of the current folder count."""
    if not _NAME.fullmatch(name):
        raise CalculusError(f"check: '{name[:80]}' is no 'package.module:function'")
    module_name, _, path = name.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise CalculusError(f"check: there is no module '{error.name}' here or among what is installed") from None
        raise CalculusError(f"check: '{module_name}' cannot be imported: {error}") from None
    except (Exception, SystemExit) as error:  # whatever the user's own code raises
        first = next(iter(str(error).splitlines()), "")
        raise CalculusError(f"check: '{module_name}' cannot be imported: {type(error).__name__}: {first}") from None
    for part in path.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, [each for each in dir(found) if each[0] != "_"], n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise CalculusError(f"check: '{module_name}' has no '{part}'{hint}")
        found = getattr(found, part)
    if not callable(found):
        raise CalculusError(f"check: '{name}' is a {type(found).__name__}, not a function")
    needed = _required(found)
    if needed != 1:
        raise CalculusError(
            f"check: '{name}' needs {needed} arguments; it should be a function of one array: fix the others in a "
            "function of your own, such as lambda x: f(x, 2.0)"
        )
    checked: Callable[..., Any] = found
    return checked


def _required(function: Callable[..., Any]) -> int:
    """How many positional arguments it needs; where that cannot be told, or all have defaults, one will do."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in positional)
    return 1 if needed == 0 and (positional or any(p.kind == p.VAR_POSITIONAL for p in parameters)) else needed


def _written(at: str) -> np.ndarray:
    try:
        read = json.loads(at)
        numbers = np.array(None if isinstance(read, str | bool) else read, dtype=float)
    except (ValueError, TypeError):
        raise CalculusError(f"check: --at '{at[:60]}' is no number or list of numbers, such as [1.0, 2.0]") from None
    if not np.isfinite(numbers).all() or not 0 < numbers.size <= _MOST_NUMBERS:
        raise CalculusError(f"check: --at '{at[:60]}' should hold 1 to {_MOST_NUMBERS} finite numbers")
    return numbers


def _shape(written: str | None) -> tuple[int, ...]:
    if written is None:
        return ()
    if not re.fullmatch(r"\d{1,6}([x,]\d{1,6})*", written):
        raise CalculusError(f"check: --shape '{written[:60]}' is no shape, such as 3 or 2x3")
    shape = tuple(int(length) for length in re.split("[x,]", written))
    if not 0 < np.prod(shape, dtype=float) <= _MOST_NUMBERS:
        raise CalculusError(f"check: --shape {written[:60]} should hold 1 to {_MOST_NUMBERS} numbers")
    return shape


def _row(x: np.ndarray, check: DerivativeCheck) -> tuple[str, ...]:
    point = np.array2string(x, precision=4, separator=", ", threshold=4, edgeitems=2).replace("\n", "")
    orders = ("–" if slope is None else f"{slope.value:.2f}" for slope in (check.one_sided_order, check.central_order))
    return (
        point if len(point) <= _SHORT else point[: _SHORT - 1] + "…",
        check.verdict,
        check.entry,
        *("–" if np.isnan(value) else digits(value) for value in (check.autodiff, check.measured)),
        f"{check.accuracy:.1e}" if np.isfinite(check.accuracy) else "–",
        ", ".join(orders),
    )


def _notes(found: list[DerivativeCheck]) -> tuple[str, ...]:
    """How many are correct, why the worst is not, and what else was seen there; each sentence once."""
    worst = min(found, key=lambda check: _WORST_FIRST.index(check.verdict))
    clean = sum(check.verdict == "correct" for check in found)
    count = f"{clean} of {len(found)} point{'s' * (len(found) != 1)} correct"
    why = f"{count}. {worst.verdict[0].upper()}{worst.verdict[1:]}: {worst.why}."
    seen = [f"{note[0].upper()}{note[1:]}." for note in worst.notes]
    orders = "Orders: slopes of the error over h where truncation is most of it, one-sided and central."
    return tuple(dict.fromkeys([why, *seen, *([orders] if any(each.one_sided_order for each in found) else [])]))
