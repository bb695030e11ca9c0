"""The catalogue of plug-ins: the folder is the registry, and this is the only place that loads from it, by name.

Names, signatures and first docstring lines are read without importing anything (see `signature`); `Catalog.load`
imports one plug-in when it is wanted. Where every plug-in is deleted the catalogue is empty, and still works.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from convlab.core.errors import ConvlabError, nearest
from convlab.lab.signature import FUNCTION_KINDS, PlugIn, read_plug_in

KINDS = ("problems", "oracles", "optimizers", "outputs", "theorems", "plots")
FOREIGN_KINDS = ("problems", "oracles", "optimizers", "theorems")  # those that may be code from outside
PACKAGE = Path(__file__).resolve().parents[1]
_FOREIGN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_OPTAX = re.compile(r"optax(\.[A-Za-z]\w*)+")
_WELL_KNOWN = (  # optax's, so that `adam` is understood without importing it
    *("adabelief", "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "amsgrad", "lamb", "lars", "lbfgs"),
    *("lion", "nadam", "nadamw", "noisy_sgd", "novograd", "optimistic_gradient_descent", "polyak_sgd", "radam"),
    *("rmsprop", "rprop", "sgd", "sign_sgd", "sm3", "yogi"),
)


@dataclass(frozen=True)
class Catalog:
    """The plug-ins below a folder, which is the package `package` of the import system."""

    root: Path = PACKAGE
    package: str = "convlab"

    def names(self, kind: str) -> list[str]:
        """The names of a kind's plug-ins, sorted: its files without a leading underscore."""
        try:
            with os.scandir(self.root / kind) as found:  # for each name that is looked up; pathlib takes longer
                files = [entry.name for entry in found if entry.name.endswith(".py") and os.path.isfile(entry.path)]
        except OSError:
            return []
        return sorted(name.removesuffix(".py") for name in files if not name.startswith(("_", ".")))

    def read(self, kind: str, name: str) -> PlugIn:
        """What the file of a plug-in says of itself."""
        return read_plug_in(kind, self.root / kind / f"{name}.py")

    def read_all(self, kind: str) -> list[PlugIn]:
        return [self.read(kind, name) for name in self.names(kind)]

    def find(self, kind: str, name: str, allow_code: bool = False) -> PlugIn:
        """The plug-in that a name in an experiment file means: ours, an optax optimizer, or code from outside.

        Raises ConvlabError with what was given and what is nearest; optax and code from outside are not imported here,
        so their signatures stay unknown.
        """
        if kind == "optimizers" and _OPTAX.fullmatch(name):
            return PlugIn(kind, name, summary=f"{name}, as optax defines it")
        if ":" in name and kind in FOREIGN_KINDS:
            if not _FOREIGN.fullmatch(name):
                raise ConvlabError(f"{_shown(name)} is no 'package.module:name'")
            if not allow_code:
                raise ConvlabError(f"'{name}' is code from outside convlab; it is run only with --allow-code")
            return PlugIn(kind, name)
        names = self.names(kind)
        if name not in names:
            raise ConvlabError(f"unknown {kind[:-1]} {_shown(name)}; {_hint(kind, name, names)}")
        plug_in = self.read(kind, name)
        if plug_in.fault:
            raise ConvlabError(f"{kind[:-1]} '{name}' cannot be used: {plug_in.path}: {plug_in.fault}")
        return plug_in

    def named(self, name: str) -> list[PlugIn]:
        """The plug-ins of this name, of whatever kind; ConvlabError with the nearest of all kinds where there are none.

        Nothing is imported, so of ``optax.NAME`` no more is known than its name.
        """
        if _OPTAX.fullmatch(name):
            return [self.find("optimizers", name)]
        found = [self.read(kind, name) for kind in KINDS if name in self.names(kind)]
        if not found:
            known = [each for kind in KINDS for each in self.names(kind)]
            optax_has_it = name.lower() in _WELL_KNOWN
            near = _near_in_optax(name) if optax_has_it else _near(name, known) or _near_in_optax(name)
            hint = f"did you mean '{near}'?" if near else "`convlab list` shows what there is"
            raise ConvlabError(f"nothing is called {_shown(name)}; {hint}")
        return found

    def load(self, kind: str, name: str, allow_code: bool = False) -> Any:
        """Imports a plug-in and returns it: the function of its name, its THEOREM, or its plot function."""
        self.find(kind, name, allow_code)
        if kind == "optimizers" and _OPTAX.fullmatch(name):
            return _optax(name)
        if ":" in name:
            return _foreign(name)
        wanted = name if kind in FUNCTION_KINDS else {"theorems": "THEOREM", "plots": "plot"}[kind]
        return getattr(self.load_module(kind, name), wanted)

    def load_module(self, kind: str, name: str, allow_code: bool = False) -> ModuleType:
        """The module of a plug-in, where more than its function is wanted (``judged``, ``TRAITS``)."""
        self.find(kind, name, allow_code)
        if _OPTAX.fullmatch(name):
            return importlib.import_module(name.rpartition(".")[0])
        if ":" in name:
            return _import_foreign(name.partition(":")[0])
        return importlib.import_module(f"{self.package}.{kind}.{name}")


def _optax(name: str) -> Any:
    *modules, last = name.split(".")
    try:
        module = importlib.import_module(".".join(modules))
    except ModuleNotFoundError:
        raise ConvlabError(f"unknown optimizer '{name}'; optax has no module '{'.'.join(modules)}'") from None
    if not callable(found := getattr(module, last, None)):
        near = _near(last, (each for each in dir(module) if each[0] != "_" and callable(getattr(module, each))))
        hint = f"did you mean '{'.'.join([*modules, near])}'?" if near else f"{'.'.join(modules)} has no '{last}'"
        raise ConvlabError(f"unknown optimizer '{name}'; {hint}")
    return found


def _hint(kind: str, name: str, names: list[str]) -> str:
    """What to write instead of an unknown name: of optax only where nothing of ours is near."""
    if kind != "optimizers":
        return nearest(name, names)
    if not _near(name, names) and (near := _near_in_optax(name)):
        return f"did you mean '{near}'?"
    return f"any optax optimizer is 'optax.NAME'; {nearest(name, names)}"


def _near_in_optax(name: str) -> str | None:
    near = _near(name.lower(), _WELL_KNOWN, 0.75)
    return f"optax.{near}" if near else None


def _near(word: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The nearest of the names, if one is near."""
    return next(iter(difflib.get_close_matches(word, sorted(set(names)), n=1, cutoff=cutoff)), None)


def _import_foreign(module: str) -> ModuleType:
    """Imports code from outside, which may lie in the current folder; only ever called where the user allowed it."""
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever foreign code raises is the user's own mistake, told in one line
        raise ConvlabError(f"'{module}' cannot be imported: {type(error).__name__}: {error}") from error


def _foreign(name: str) -> Any:
    module_name, _, last = name.partition(":")
    module = _import_foreign(module_name)
    if not hasattr(module, last):
        raise ConvlabError(f"'{module_name}' has no '{last}'; {nearest(last, vars(module))}")
    return getattr(module, last)


def _shown(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:57] + "...")


CATALOG = Catalog()


def names(kind: str) -> list[str]:
    """The names of this package's plug-ins of a kind."""
    return CATALOG.names(kind)


def read(kind: str, name: str) -> PlugIn:
    """What the file of one of this package's plug-ins says of itself, without importing it."""
    return CATALOG.read(kind, name)


def load(kind: str, name: str, allow_code: bool = False) -> Any:
    """Imports one of this package's plug-ins (or ``optax.NAME``) and returns it."""
    return CATALOG.load(kind, name, allow_code)
