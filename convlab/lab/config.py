"""Reader experiment files: the only place that reads TOML. Every mistake is told at once, with file, line and key."""

from __future__ import annotations

import copy
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convlab.core.errors import ConvlabError, nearest
from convlab.lab.catalog import CATALOG, PACKAGE, Catalog
from convlab.lab.faults import Faults, one_line
from convlab.lab.lines import lines_of
from convlab.lab.overrides import LISTS, apply_quick, apply_sets
from convlab.lab.parts import Reader
from convlab.lab.sections import claims_of_no_cell, experiment_of
from convlab.lab.spec import Experiment, Key

LARGEST_FILE = 1 << 18  # bytes; what any file below it costs to check stays under two seconds
DEEPEST = 16  # tables and lists inside each other
_LARGEST_INTEGER = 2**63 - 1
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(10))}  # of Windows
# A key of dozens of parts means nothing here, and costs tomllib time that grows with the square of its length.
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")
_AT_LINE = re.compile(r" ?\(at line (\d+), column (\d+)\)$")


@dataclass(frozen=True)
class Listed:
    """An experiment file that was found, for `convlab list`."""

    name: str
    title: str
    path: Path


def experiment_folders() -> list[Path]:
    """Where a bare name is looked up: the user's own folder first, then what ships with the package."""
    folders = [Path("experiments"), PACKAGE / "experiments"]
    if (PACKAGE.parent / "pyproject.toml").is_file():  # a checkout
        folders.append(PACKAGE.parent / "experiments")
    distinct = {folder.resolve(): folder for folder in reversed(folders) if folder.is_dir()}
    return [folder for folder in folders if folder in distinct.values()]


def experiments() -> list[Listed]:
    """Every experiment that can be run by name; one that cannot be read says so in place of its title."""
    found: dict[str, Listed] = {}
    for folder in experiment_folders():
        for path in sorted(folder.glob("*.toml")):
            if path.stem not in found and _NAME.fullmatch(path.stem):
                try:
                    title = str(_parse(_read(path), str(path)).get("title", "(no title)"))
                except ConvlabError as error:
                    title = f"(cannot be read: {error})"
                found[path.stem] = Listed(path.stem, one_line(title), path)
    return [found[name] for name in sorted(found)]


def load_experiment(
    name_or_path: str | Path,
    overrides: Sequence[str] = (),
    quick: bool = False,
    allow_code: bool = False,
    catalog: Catalog = CATALOG,
) -> Experiment:
    """The experiment of a file or a name, with its ``[quick]`` table (if asked for) and then ``overrides`` applied.

    Raises ConvlabError with one line for each mistake.
    """
    path = find_experiment(name_or_path)
    name = checked_name(path.stem)
    shown = _shown(path)
    try:
        tables, faults = _document(_read(path), shown)
        request = _Request(catalog, name, path.resolve(), tuple(overrides), quick, allow_code)
        return _load(tables, faults, request)
    except RecursionError:
        raise ConvlabError(f"{shown}:1: tables or lists are nested too deeply; at most {DEEPEST}") from None


def check_experiment(name_or_path: str | Path, overrides: Sequence[str] = (), allow_code: bool = False) -> Experiment:
    """The experiment, its ``[quick]`` version checked too: the mistakes of both are told at once."""
    faults: list[str] = []
    found = None
    for quick in (True, False):
        try:
            found = load_experiment(name_or_path, overrides, quick, allow_code)
        except ConvlabError as error:
            faults = str(error).splitlines() + [line for line in faults if line not in str(error).splitlines()]
    if faults or found is None:
        raise ConvlabError("\n".join(faults))
    return found


def experiment_from(tables: Mapping[str, Any], name: str, catalog: Catalog = CATALOG) -> Experiment:
    """The experiment that tables say which stand in no file, such as a theorem's instance; they need no title."""
    faults = Faults(name)
    document: dict[str, Any] = {"title": name, **copy.deepcopy(dict(tables))}
    for key in LISTS:
        if isinstance(document.get(key), dict):
            document[key] = [document[key]]
    _check_values(document, (), faults)
    return _load(document, faults, _Request(catalog, checked_name(name), Path(f"{name}.toml").resolve()))


def find_experiment(name_or_path: str | Path) -> Path:
    """The file that a name or a path means. A path is what exists as a file, or ends with .toml."""
    text = str(name_or_path)
    path = Path(text)
    if not text or not text.isprintable():
        raise ConvlabError(one_line(f"'{text[:80]}' names no experiment; `convlab list experiments` shows them"))
    try:
        if path.is_file():
            return path
        exists = path.exists()
    except (OSError, ValueError) as error:
        raise ConvlabError(one_line(f"'{text[:80]}' is not a file: {error}")) from None
    if not text.endswith(".toml") and _NAME.fullmatch(text):
        for folder in (*experiment_folders(), Path()):
            if (found := folder / f"{text}.toml").is_file():
                return found
    if exists:
        kind = "a folder" if path.is_dir() else "not a regular file"
        raise ConvlabError(one_line(f"{text}: is {kind}; give an experiment's name or its .toml file"))
    if text.endswith(".toml") or "/" in text:
        raise ConvlabError(one_line(f"{text[:200]}: no such file"))
    known = [listed.name for listed in experiments()]
    raise ConvlabError(one_line(f"no experiment '{text[:80]}'; {nearest(text, known)} (`convlab list experiments`)"))


def checked_name(name: str) -> str:
    """The experiment's name, which names a folder of results: it must be one plain word."""
    if not _NAME.fullmatch(name) or name.split(".")[0].lower() in _RESERVED or name.endswith("."):
        raise ConvlabError(
            one_line(f"'{name[:80]}' cannot name an experiment; letters, digits, '_', '-' and '.', at most 100 of them")
        )
    return name


def parse_value(text: str) -> Any:
    """A value as TOML writes it; what is no TOML value is a text, so ``1/L`` needs no quotes on a command line.

    >>> parse_value("[10, 100]"), parse_value("1/L")
    ([10, 100], '1/L')
    """
    try:
        tables = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # also TOMLDecodeError
        return text
    return tables["value"] if list(tables) == ["value"] else text


def _shown(path: Path) -> str:
    """The path as error lines name it: relative where it lies below the current folder."""
    try:
        return one_line(str(path.resolve().relative_to(Path.cwd())))
    except (ValueError, OSError):
        return one_line(str(path))


def _read(path: Path) -> str:
    shown = _shown(path)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConvlabError(f"{shown}: cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_FILE:
        raise ConvlabError(f"{shown}: is larger than {LARGEST_FILE} bytes; no experiment file")
    if not content.strip():
        parts = "a title, [problem], [[optimizer]] and [run]"
        raise ConvlabError(f"{shown}:1: the file is empty; an experiment has {parts}")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConvlabError(f"{shown}:{line}: byte 0x{content[error.start]:02x} is not UTF-8") from None


def _parse(text: str, shown: str) -> dict[str, Any]:
    if match := _LONG_KEY.search(text):
        line = text.count("\n", 0, match.start()) + 1
        raise ConvlabError(f"{shown}:{line}: a key of over 32 parts")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = _AT_LINE.search(message)
        line, column = (int(place[1]), f" (column {place[2]})") if place else (text.rstrip().count("\n") + 1, "")
        message = _AT_LINE.sub("", message).removesuffix(" (at end of document)")
        raise ConvlabError(one_line(f"{shown}:{line}: not TOML: {message}{column}")) from None
    except ValueError:  # Python refuses integers of thousands of digits
        digits = re.search(r"\d{4000}", text)
        line = text.count("\n", 0, digits.start()) + 1 if digits else 1
        raise ConvlabError(f"{shown}:{line}: a number of thousands of digits is out of range") from None
    except RecursionError:
        raise ConvlabError(f"{shown}:1: tables or lists are nested too deeply; at most {DEEPEST}") from None


@dataclass(frozen=True)
class _Request:
    """What was asked for of a document."""

    catalog: Catalog
    name: str
    path: Path
    overrides: tuple[str, ...] = ()
    quick: bool = False
    allow_code: bool = False

    def read(self, tables: dict[str, Any], faults: Faults) -> Experiment:
        """The experiment of the tables as they now are, without its claims' cells looked at."""
        experiment = experiment_of(Reader(self.catalog, faults, self.allow_code), tables, self.name, self.path)
        faults.raise_if_any()
        assert experiment is not None
        return experiment


def _document(text: str, shown: str) -> tuple[dict[str, Any], Faults]:
    """The tables of a file, lists where there may be several, and the places of their keys."""
    tables = _parse(text, shown)
    lines = lines_of(text)
    for key in LISTS:
        if isinstance(tables.get(key), dict):  # [problem] is a list of one
            tables[key] = [tables[key]]
            lines = {_numbered(place, key): line for place, line in lines.items()}
    faults = Faults(shown, lines)
    _check_values(tables, (), faults)
    _check_quick(tables, faults)
    return tables, faults


def _load(tables: dict[str, Any], faults: Faults, request: _Request) -> Experiment:
    written, written_faults = copy.deepcopy(tables), faults.copy()
    if request.quick:
        apply_quick(tables, faults)
    apply_sets(tables, request.overrides, faults, parse_value)
    _check_values({key: value for key, value in tables.items() if key != "quick"}, (), faults)
    experiment = request.read(tables, faults)
    unmatched = mistaken = claims_of_no_cell(request.catalog, experiment)
    if unmatched and (request.quick or request.overrides):
        # A claim that spoke of a cell in the file as written is set aside; one that never did is a mistake.
        mistaken = claims_of_no_cell(request.catalog, request.read(written, written_faults))
    for key, why in mistaken.values():
        faults.add(key, why)
    faults.raise_if_any()
    theorems = [claim.theorem for claim in experiment.claims]
    return replace(
        experiment,
        overrides=request.overrides,
        quick=request.quick,
        places=_with_oracle(faults.places(), tables),
        claims=tuple(claim for index, claim in enumerate(experiment.claims) if index not in unmatched),
        notes=tuple(f"claim {index} ({theorems[index]}) is set aside: {why}" for index, (_, why) in unmatched.items()),
    )


def _check_quick(tables: dict[str, Any], faults: Faults) -> None:
    """``[quick]`` must name keys that exist, also where it is not applied."""
    if "quick" in tables and not isinstance(tables["quick"], dict):
        faults.add(("quick",), "is not a table, such as [quick] with run.horizon = 100")
        return
    trial = faults.copy()
    apply_quick(copy.deepcopy(tables), trial)
    faults.take(trial)


def _numbered(place: Key, key: str) -> Key:
    return (key, 0, *place[1:]) if len(place) > 1 and place[0] == key else place


def _with_oracle(places: dict[Key, str], tables: dict[str, Any]) -> dict[Key, str]:
    """An optimizer that uses the file's [oracle] has its oracle's keys there."""
    found = dict(places)
    for index, table in enumerate(tables["optimizer"]):
        if "oracle" in tables and "oracle" not in table:
            found |= {("optimizer", index, *key): place for key, place in places.items() if key[:1] == ("oracle",)}
    return found


def _check_values(value: Any, key: Key, faults: Faults) -> None:
    """No number out of range, no NaN, no infinity, nothing nested deeply."""
    if len(key) > DEEPEST:
        faults.refuse(key[:4], f"tables or lists are nested more than {DEEPEST} deep")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_values(inner, (*key, name), faults)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_values(inner, (*key, index), faults)
    elif isinstance(value, float) and not math.isfinite(value):
        faults.refuse(key, "the number is out of range: not NaN or infinite, and at most about 1e308 in size")
    elif isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        faults.refuse(key, "the whole number is out of range: at most 9223372036854775807 in size")
