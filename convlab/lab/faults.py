"""All mistakes of an experiment file at once, each with its place: FILE:LINE, or the `--set` that made it."""

from __future__ import annotations

from typing import Any

from convlab.core.errors import ConvlabError
from convlab.lab.spec import Key, dotted

_MOST = 50  # lines of errors; who has more will start at the top anyway


class Faults:
    """Collects mistakes and knows where each key of a document stands."""

    def __init__(self, file: str, lines: dict[Key, int] | None = None) -> None:
        self.file = file
        self._places: dict[Key, tuple[int, str]] = {
            key: (line, f"{file}:{line}") for key, line in (lines or {}).items()
        }
        self._places[()] = (1, f"{file}:1")
        self._age: dict[Key, int] = {}  # of the keys that were replaced: which replacement it was
        self._replacements = 0
        self._found: list[tuple[int, int, str]] = []
        self._refused: set[Key] = set()

    def __bool__(self) -> bool:
        return bool(self._found)

    def place(self, key: Key) -> tuple[int, str]:
        """Where a key stands: itself, or the nearest table around it; a table replaced later counts before it."""
        around = [key[:length] for length in range(len(key) + 1) if key[:length] in self._places]
        return self._places[max(around, key=lambda one: (self._age.get(one, 0), len(one)))]

    def places(self) -> dict[Key, str]:
        """The place of each key that has one."""
        return {key: self.place(key)[1] for key in self._places}

    def replaced(self, key: Key, place: tuple[int, str]) -> None:
        """A key, with all below it, now comes from another place."""
        self._places[key] = place
        self._replacements += 1
        self._age[key] = self._replacements

    def add(self, key: Key, message: str, at: tuple[int, str] | None = None) -> None:
        """Adds a mistake about a key, at the key's own place unless another is given."""
        if key in self._refused:
            return
        line, place = at or self.place(key)
        name = f"{dotted(key)}: " if key else ""
        self._found.append((line, len(self._found), one_line(f"{place}: {name}{message}")))

    def refuse(self, key: Key, message: str) -> None:
        """Adds a mistake after which no more is said about the key."""
        self.add(key, message)
        self._refused.add(key)

    def copy(self) -> Faults:
        """A collector with the same places that has found nothing yet."""
        fresh = Faults(self.file)
        fresh._places = dict(self._places)
        fresh._age = dict(self._age)
        fresh._replacements = self._replacements
        return fresh

    def take(self, other: Faults) -> None:
        """Adds the mistakes that another collector found in the same file."""
        self._found += other._found

    def raise_if_any(self) -> None:
        if not self._found:
            return
        texts = list(dict.fromkeys(text for _, _, text in sorted(self._found)))
        if len(texts) > _MOST:
            texts = [*texts[:_MOST], f"{self.file}: and {len(texts) - _MOST} more"]
        raise ConvlabError("\n".join(texts))


def one_line(text: str) -> str:
    """The text with what would break a line, or move a terminal's cursor, written out."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def given(value: Any) -> str:
    """A value as TOML writes it, cut where it is long.

    >>> given([True, "a"])
    '[true, "a"]'
    """
    text = _written(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value) if not isinstance(value, int) or value.bit_length() < 200 else "a number of over 60 digits"
    if isinstance(value, str):
        return '"' + one_line(value[:100]) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(_written(item) for item in value[:20]) + (", ...]" if len(value) > 20 else "]")
    if isinstance(value, dict):
        return "a table"
    return str(value)
