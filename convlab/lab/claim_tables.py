"""The ``[[claim]]`` tables of an experiment file, and what several tables share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convlab.core.errors import ConvlabError, nearest
from convlab.lab.faults import Faults, given
from convlab.lab.parts import Reader
from convlab.lab.spec import EXPECTATIONS, Claim, Key

MOST_CLAIMS = 500


def tables_of(reader: Reader, tables: Mapping[str, Any], key: str) -> list[Any]:
    found = tables.get(key)
    if isinstance(found, list) and found:
        return found
    if key in tables:
        reader.faults.add((key,), f"{given(found)} is not a table, or a list of tables")
    elif key != "claim":
        reader.faults.add((key,), f'is missing: [{key}] with name = "..."')
    return []


def checked_name(reader: Reader, kind: str, name: Any, key: Key) -> bool:
    if not isinstance(name, str):
        reader.faults.add(key, f"{given(name)} is not a name in quotes")
        return False
    try:
        reader.catalog.find(kind, name, reader.allow_code)
    except ConvlabError as error:
        reader.faults.add(key, str(error))
        return False
    return True


def read_claims(reader: Reader, tables: Mapping[str, Any]) -> tuple[Claim, ...]:
    listed = tables_of(reader, tables, "claim")
    if len(listed) > MOST_CLAIMS:
        reader.faults.add(("claim",), f"{len(listed)} claims; at most {MOST_CLAIMS}")
    claims = [_claim(reader, table, ("claim", index)) for index, table in enumerate(listed[:MOST_CLAIMS])]
    return tuple(claim for claim in claims if claim is not None)


def _claim(reader: Reader, table: Any, key: Key) -> Claim | None:
    faults = reader.faults
    allowed = ("theorem", "where", "expect", "slope", "delta")
    if not isinstance(table, dict):
        faults.add(key, f"{given(table)} is not a table with a theorem")
        return None
    for name in table:
        if name not in allowed:
            faults.add((*key, name), f"unknown key; {nearest(name, allowed)}")
    if "theorem" not in table:
        faults.add(key, f"'theorem' is missing; {nearest('', reader.catalog.names('theorems'))}")
    elif checked_name(reader, "theorems", table["theorem"], (*key, "theorem")):
        expect = table.get("expect", "holds")
        if expect not in EXPECTATIONS:
            hint = nearest(expect, EXPECTATIONS) if isinstance(expect, str) else f"allowed: {', '.join(EXPECTATIONS)}"
            faults.add((*key, "expect"), f"{given(expect)} is no ruling; {hint}")
        elif (where := _where(faults, table.get("where", {}), (*key, "where"))) is not None:
            slope = _slope(faults, table.get("slope"), (*key, "slope"))
            return Claim(table["theorem"], where, expect, slope, _delta(faults, table.get("delta"), (*key, "delta")))
    return None


def _delta(faults: Faults, written: Any, key: Key) -> float | None:
    """The probability with which a theorem "with probability 1 − delta" may fail."""
    if written is None or (isinstance(written, int | float) and not isinstance(written, bool) and 0 < written < 1):
        return None if written is None else float(written)
    faults.add(key, f"{given(written)} is no probability of failure strictly between 0 and 1, such as 0.1")
    return None


def _slope(faults: Faults, written: Any, key: Key) -> tuple[float, float] | None:
    """Where a claim wants the measured slope: [least, largest]."""
    if written is None:
        return None
    numbers = [float(x) for x in written if isinstance(x, int | float)] if isinstance(written, list) else []
    if isinstance(written, list) and len(numbers) == len(written) == 2 and numbers[0] <= numbers[1]:
        return numbers[0], numbers[1]
    faults.add(key, f"{given(written)} is no interval for the measured slope, such as [-1.1, -0.9]")
    return None


def _where(faults: Faults, table: Any, key: Key) -> dict[str, Any] | None:
    """``where`` made flat: ``problem = { kink = 1 }`` and ``problem.kink = 1`` are "problem.kink"."""
    if not isinstance(table, dict):
        faults.add(key, f'{given(table)} is not a table, such as {{ optimizer = "gd", step_size = "1/L" }}')
        return None
    flat: dict[str, Any] = {}
    for name, value in table.items():
        inner = value if isinstance(value, dict) else {"": value}
        for last, one in inner.items():
            if isinstance(one, dict):
                faults.add((*key, name), 'a table in a table: write "problem.kink" = ...')
                return None
            long = f"{name}.{last}" if last else name
            flat[long.removeprefix("optimizer.")] = one
    return flat
