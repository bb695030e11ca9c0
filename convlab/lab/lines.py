"""The line on which each key of a TOML text stands. `tomllib` does not tell, and an error without a line is no help.

The text has been accepted by `tomllib`, so this only has to walk over it: headers, keys, inline tables, arrays, strings
and comments. It is best effort by design: what it cannot follow is located by the table that contains it.
"""

from __future__ import annotations

import contextlib
import re

from convlab.lab.spec import Key

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_SCALAR = re.compile(r"[^,\]}\n#]*")
_STRINGS = (
    re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL),
    re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)


def lines_of(text: str) -> dict[Key, int]:
    """Key -> line (from 1). Elements of arrays and of lists of tables are numbered from 0.

    >>> lines_of('[run]\\nseeds = 3\\n[[claim]]\\nwhere = { t = 1 }')[("claim", 0, "where", "t")]
    4
    """
    walk = _Walk(text)
    with contextlib.suppress(_LostError, IndexError, RecursionError):
        walk.document()
    return walk.found


class _LostError(Exception):
    pass


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.counted = 0  # how far lines have been counted
        self.found: dict[Key, int] = {}
        self.counts: dict[Key, int] = {}  # lists of tables: how many so far

    def document(self) -> None:
        table: Key = ()
        self.skip(_BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[[", self.at):
                table = self.header(2)
            elif self.text[self.at] == "[":
                table = self.header(1)
            else:
                self.pair(table)
            self.skip(_BLANK)

    def header(self, brackets: int) -> Key:
        self.at += brackets
        *parents, last = self.key()
        path: Key = ()
        for part in parents:
            path = (*path, part)
            path = (*path, self.counts[path] - 1) if path in self.counts else path
        path = (*path, last)
        if brackets == 2:
            self.note(path)
            self.counts[path] = self.counts.get(path, 0) + 1
            path = (*path, self.counts[path] - 1)
        self.note(path)
        self.at += brackets
        return path

    def pair(self, table: Key) -> None:
        """``key = value``, below a header or in an inline table."""
        path = table
        for part in self.key():
            path = (*path, part)
            self.note(path)
        if self.text[self.at] != "=":
            raise _LostError
        self.at += 1
        self.skip(_SPACE)
        self.value(path)

    def value(self, path: Key) -> None:
        opening = self.text[self.at]
        if opening == "{":
            self.at += 1
            self.skip(_BLANK)
            while self.text[self.at] != "}":
                self.pair(path)
                self.separator()
            self.at += 1
        elif opening == "[":
            self.at += 1
            self.skip(_BLANK)
            index = 0
            while self.text[self.at] != "]":
                self.note((*path, index))
                self.value((*path, index))
                self.separator()
                index += 1
            self.at += 1
        elif opening in "\"'":
            self.string()
        else:
            self.skip(_SCALAR)

    def separator(self) -> None:
        self.skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self.skip(_BLANK)
        elif self.text[self.at] not in "]}":
            raise _LostError

    def key(self) -> list[str]:
        parts = []
        while True:
            self.skip(_SPACE)
            if self.text[self.at] in "\"'":
                parts.append(_unquoted(self.string()))
            elif match := _BARE.match(self.text, self.at):
                parts.append(match.group())
                self.at = match.end()
            else:
                raise _LostError
            self.skip(_SPACE)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def string(self) -> str:
        for pattern in _STRINGS:
            if match := pattern.match(self.text, self.at):
                self.at = match.end()
                return match.group()
        raise _LostError

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def note(self, path: Key) -> None:
        """Records the first place of a key: the line that has been reached."""
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        self.found.setdefault(path, self.line)


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    if text[0] == "'" or "\\" not in inner:
        return inner
    try:
        return inner.encode("latin-1", "backslashreplace").decode("unicode_escape")
    except UnicodeDecodeError:
        return inner
