"""A line on each plug-in, as `convlab list` shows it, kept in the user's cache by path, time and size of its file.

To read a hundred files as syntax trees takes half of that command. What is kept is text and no more: where the file is
missing, damaged or of another reader the plug-ins are read again, and where it cannot be written nothing is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from convlab.lab import cache_folder, signature
from convlab.lab.catalog import CATALOG

_FILE = "list.json"
_MOST = 1000  # entries, each of some 200 bytes


def summaries(kinds: tuple[str, ...]) -> dict[str, list[tuple[str, str]]]:
    """For each kind the names of its plug-ins, with a line on each; of one that cannot serve, why."""
    try:
        place = cache_folder.root() / _FILE if cache_folder.is_wanted() else None
    except (OSError, ValueError, RuntimeError):  # no home
        place = None
    reader = [sys.version, *_stamp(Path(signature.__file__))]
    kept = _read(place, reader) if place else {}
    found: dict[str, list[tuple[str, str]]] = {}
    seen: dict[str, list[Any]] = {}
    for kind in kinds:
        found[kind] = []
        for name in CATALOG.names(kind):
            path = CATALOG.root / kind / f"{name}.py"
            stamp, entry = _stamp(path), kept.get(f"{kind} {path}", [])
            if entry[:2] != stamp:
                plug_in = CATALOG.read(kind, name)
                entry = [*stamp, f"({plug_in.fault})" if plug_in.fault else plug_in.summary]
                if plug_in.fault:  # may pass without a trace in time and size, and is read again
                    found[kind].append((name, entry[2]))
                    continue
            seen[f"{kind} {path}"] = entry
            found[kind].append((name, entry[2]))
    if place and any(kept.get(key) != entry for key, entry in seen.items()):
        others = kept if len(kept) < _MOST else {}  # of other kinds, and of files that are gone
        _write(place, {"reader": reader, "files": {**others, **seen}})
    return found


def _stamp(path: Path) -> list[int]:
    try:
        state = path.stat()
    except OSError:
        return [0, -1]
    return [state.st_mtime_ns, state.st_size]


def _read(place: Path, reader: list[Any]) -> dict[str, list[Any]]:
    """What is kept, as far as it is what was written, and by this reader."""
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
        files = content["files"] if content["reader"] == reader else {}
        return {key: entry for key, entry in files.items() if [type(each) for each in entry] == [int, int, str]}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _write(place: Path, content: dict[str, Any]) -> None:
    """Beside its place, then renamed: several processes may write at once, and each leaves a whole file."""
    beside = place.with_name(f".{os.getpid()}-{secrets.token_hex(8)}.part")
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.write_text(json.dumps(content), encoding="utf-8")
        os.replace(beside, place)
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            beside.unlink()
