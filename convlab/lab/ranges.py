"""A range of values in an experiment file, for an axis too long to write out.

``step_size = { from = 0.02, to = 2.4, count = 200, times = "1/L" }`` stands for the list "0.02*1/L", …, "2.4*1/L".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convlab.core.errors import nearest
from convlab.lab.faults import Faults, given
from convlab.lab.spec import Key

_NEEDED = ("from", "to", "count")
_ALLOWED = (*_NEEDED, "times", "spacing")
_SPACINGS = ("linear", "logarithmic")
_MOST = 10_000


def is_range(value: Any) -> bool:
    """Whether a value is meant as a range: a table with a first and a last number."""
    return isinstance(value, dict) and {"from", "to"} <= value.keys()


def expanded(value: Mapping[str, Any], faults: Faults, key: Key) -> list[Any]:
    """The list that a range stands for; an empty one after a mistake, which the faults then hold."""
    for name in value:
        if name not in _ALLOWED:
            faults.add((*key, name), f"unknown key of a range; {nearest(name, _ALLOWED)}")
            return []
    if "count" not in value:
        faults.add(key, "a range needs a count, such as { from = 0.1, to = 2.0, count = 20 }")
        return []
    low, high, count = (value[name] for name in _NEEDED)
    if not (_is_number(low) and _is_number(high) and low < high):
        faults.add(key, f"a range goes up from one number to another; given from = {given(low)}, to = {given(high)}")
    elif not (isinstance(count, int) and not isinstance(count, bool) and 2 <= count <= _MOST):
        faults.add((*key, "count"), f"{given(count)} is no whole number from 2 to {_MOST}")
    elif value.get("spacing", "linear") not in _SPACINGS:
        faults.add((*key, "spacing"), f"{given(value['spacing'])} is no spacing; allowed: {', '.join(_SPACINGS)}")
    elif value.get("spacing") == "logarithmic" and low <= 0:
        faults.add((*key, "from"), f"{given(low)} has no logarithm")
    elif not isinstance(value.get("times", ""), str):
        faults.add((*key, "times"), f'{given(value["times"])} is no expression in quotes, such as "1/L"')
    else:
        return [_written(number, value.get("times")) for number in _numbers(low, high, count, value)]
    return []


def _numbers(low: float, high: float, count: int, value: Mapping[str, Any]) -> list[float]:
    shares = [k / (count - 1) for k in range(count)]
    if value.get("spacing", "linear") == "linear":
        found = [low + (high - low) * share for share in shares]
    else:
        found = [low * (high / low) ** share for share in shares]
    return [float(f"{number:.6g}") for number in found]


def _written(number: float, times: str | None) -> float | str:
    if times is None:
        return number
    unit = times if not set("+-") & set(times) else f"({times})"
    return f"{number:g}*{unit}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
