"""`--set KEY=VALUE` and the ``[quick]`` table: changes to a document before it is checked.

A change keeps its place, so that an error about it names the `--set` or the line below ``[quick]``. Tables that a file
may leave out are made on the way; the last key is set freely, since the check that follows knows which keys there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from convlab.core.errors import nearest
from convlab.lab.faults import Faults, given
from convlab.lab.spec import Key

LISTS = ("problem", "optimizer", "claim")  # a single table there is a list of one
_OPTIONAL = ("run", "oracle", "where")  # tables that may be made by setting a key of theirs
_PART = re.compile(r'"([^"]*)"|([^."]+)')
_LAST = 1_000_000_000  # sorts behind every line of the file


def apply_quick(tables: dict[str, Any], faults: Faults) -> None:
    """Applies the document's own ``[quick]`` table; each key of it is one change."""
    quick = tables.get("quick")
    if not isinstance(quick, dict):
        return
    for written, value in list(_leaves(quick, ())):
        place = faults.place(("quick", *written))
        if written[0] == "quick":
            faults.add(("quick", *written), "[quick] cannot change itself")
        else:
            _apply(tables, written, value, faults, place, ("quick", *written))


def apply_sets(tables: dict[str, Any], texts: tuple[str, ...], faults: Faults, parse: Callable[[str], Any]) -> None:
    """Applies each ``KEY=VALUE``; ``parse`` reads the VALUE."""
    for number, text in enumerate(texts):
        place = (_LAST + number, "--set " + (text if len(text) <= 100 else text[:97] + "..."))
        key, equals, value = text.partition("=")
        parts = split_key(key.strip())
        if equals and parts:
            _apply(tables, tuple(parts), parse(value.strip()), faults, place, tuple(parts))
        else:
            faults.add((), "write KEY=VALUE, such as optimizer.0.step_size=0.1 or run.seeds=8", place)


def split_key(text: str) -> list[str]:
    """The parts of a dotted key; quotes keep a dot inside a part. Empty where it is malformed.

    >>> split_key('claim.0.where."problem.kink"')
    ['claim', '0', 'where', 'problem.kink']
    """
    parts: list[str] = []
    at = 0
    while match := _PART.match(text, at):
        parts.append((match.group(2) or match.group(1) or "").strip())
        at = match.end()
        if at == len(text):
            return parts if all(parts) else []
        if text[at] != ".":
            return []
        at += 1
    return []


def _leaves(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in table.items():
        whole = isinstance(value, dict) and key == "oracle" and "name" in value  # replaced, not mixed with the old one
        if isinstance(value, dict) and not whole:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _apply(
    tables: dict[str, Any], parts: tuple[str, ...], value: Any, faults: Faults, place: tuple[int, str], shown: Key
) -> None:
    """Sets one value, or adds the fault under the key that the user wrote."""
    try:
        container, last, path = _target(tables, parts)
    except _NoSuchKeyError as error:
        faults.add(shown, str(error), place)
        return
    if path in {(name,) for name in LISTS} and isinstance(value, dict):
        value = [value]
    container[last] = value
    faults.replaced(path, place)


class _NoSuchKeyError(Exception):
    pass


def _target(tables: dict[str, Any], parts: tuple[str, ...]) -> tuple[Any, Any, Key]:
    """What contains the key, the last part of the key there, and the key's path in the document."""
    node: Any = tables
    path: Key = ()
    for part in parts[:-1]:
        container, key, path = _entry(node, part, path)
        if isinstance(container, dict) and key not in container:
            if key not in _OPTIONAL:
                raise _NoSuchKeyError(f"there is no '{key}'; {nearest(str(key), container)}")
            container[key] = {}
        node = container[key]
    return _entry(node, parts[-1], path)


def _entry(node: Any, part: str, path: Key) -> tuple[Any, Any, Key]:
    if isinstance(node, list) and len(node) == 1 and not part.isdecimal():
        node, path = node[0], (*path, 0)  # `problem.ridge` where there is one problem
    if isinstance(node, list):
        if not part.isdecimal() or int(part[:9]) >= len(node):
            raise _NoSuchKeyError(f"'{part}' is none of its elements, which are numbered 0 to {len(node) - 1}")
        return node, int(part), (*path, int(part))
    if isinstance(node, dict):
        return node, part, (*path, part)
    raise _NoSuchKeyError(f"{given(node)} has no keys")
