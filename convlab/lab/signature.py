"""What a plug-in file says of itself, read by `ast`: nothing is imported, so that listing and checking stay quick."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

FUNCTION_KINDS = ("problems", "oracles", "optimizers", "outputs")  # a function of the file's own name
_CONSTANTS = ("ORACLE", "TRAITS", "EXAMPLE", "ONE_OF")


@dataclass(frozen=True)
class Form:
    """One kind of value that a parameter takes; an annotation is a tuple of them (``float | None`` is two)."""

    kind: Literal["float", "int", "bool", "str", "choice", "tuple", "schedule", "none", "any"]
    choices: tuple[Any, ...] = ()
    element: tuple[Form, ...] = ()

    def __str__(self) -> str:
        if self.kind == "choice":
            return " or ".join(repr(choice) for choice in self.choices)
        if self.kind == "tuple":
            return "a list, each element " + described(self.element)
        return {
            "float": "a number",
            "int": "a whole number",
            "bool": "true or false",
            "str": "a text in quotes",
            "schedule": "a number or an expression like '1/L' or '2/(mu*(t+2))'",
        }.get(self.kind, "")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a plug-in: its annotation as text, and its default (the text of one that is no literal)."""

    name: str
    annotation: str
    required: bool
    default: Any = None

    @property
    def forms(self) -> tuple[Form, ...]:
        return forms(self.annotation)


@dataclass(frozen=True)
class PlugIn:
    """A plug-in as its file describes it. ``parameters`` is None where they are not known without importing it.

    ``constants`` are the module's ORACLE, TRAITS and EXAMPLE as far as they are literals; ``fault`` says in words why
    the file cannot serve, if it cannot. ``doc`` is the whole docstring, ``summary`` its first line (a theorem's title).
    """

    kind: str
    name: str
    path: Path | None = None
    summary: str = ""
    parameters: tuple[Parameter, ...] | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None
    doc: str = ""


def described(alternatives: tuple[Form, ...]) -> str:
    """What a parameter takes, in words."""
    return " or ".join(text for form in alternatives if (text := str(form))) or "a value"


@functools.lru_cache(maxsize=512)
def forms(annotation: str) -> tuple[Form, ...]:
    """The kinds of values that an annotation allows; one that is not understood allows any.

    >>> [form.kind for form in forms("ScalarOrSchedule | None")]
    ['schedule', 'none']
    """
    try:
        return _forms(ast.parse(annotation, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError):
        return (Form("any"),)


def _forms(node: ast.expr) -> tuple[Form, ...]:
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return (*_forms(left), *_forms(right))
        case ast.Constant(value=None):
            return (Form("none"),)
        case ast.Constant(value=str() as quoted):
            return forms(quoted)
        case ast.Name(id="ScalarOrSchedule") | ast.Attribute(attr="ScalarOrSchedule"):
            return (Form("schedule"),)
        case ast.Name(id="float" | "int" | "bool" | "str" as name):
            return (Form(name),)
        case ast.Subscript(value=ast.Name(id="Literal") | ast.Attribute(attr="Literal"), slice=inner):
            items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return (Form("choice", tuple(ast.literal_eval(item) for item in items)),)
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
            return (*_forms(inner), Form("none"))
        case ast.Subscript(value=ast.Name(id="tuple" | "list" | "Sequence"), slice=inner):
            first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
            return (Form("tuple", element=_forms(first)),)
    return (Form("any"),)


def read_plug_in(kind: str, path: Path) -> PlugIn:
    """The plug-in of a file, read again only where the file has changed."""
    try:
        stamp = path.stat()
    except OSError:
        return PlugIn(kind, path.stem, path, fault="cannot be read")
    return _read(kind, path, stamp.st_mtime_ns, stamp.st_size)


@functools.lru_cache(maxsize=1024)
def _read(kind: str, path: Path, changed: int, size: int) -> PlugIn:
    name = path.stem
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        return PlugIn(kind, name, path, fault=f"line {error.lineno}: {error.msg}")
    except (OSError, ValueError, RecursionError) as error:
        return PlugIn(kind, name, path, fault=f"cannot be read: {error}")
    constants = _constants(tree)
    module_doc = ast.get_docstring(tree) or ""
    module_summary = _first_line(module_doc)
    if kind == "theorems":
        fault = None if "THEOREM" in _assigned(tree) else "defines no THEOREM"
        return PlugIn(kind, name, path, _title(tree) or module_summary, (), constants, fault, module_doc)
    wanted = name if kind in FUNCTION_KINDS else "plot"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == wanted:
            doc = ast.get_docstring(node) or module_doc
            summary = (kind == "plots" and module_summary) or _first_line(doc)
            return PlugIn(kind, name, path, summary, _parameters(node), constants, doc=doc)
    return PlugIn(kind, name, path, module_summary, (), constants, f"defines no function '{wanted}'")


def _parameters(node: ast.FunctionDef) -> tuple[Parameter, ...]:
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    absent = [None] * (len(positional) - len(arguments.defaults))
    pairs = [
        *zip(positional, [*absent, *arguments.defaults], strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return tuple(
        Parameter(
            name=argument.arg,
            annotation=ast.unparse(argument.annotation) if argument.annotation else "Any",
            required=default is None,
            default=None if default is None else _literal(default),
        )
        for argument, default in pairs
    )


def _literal(node: ast.expr) -> Any:
    """The value of a literal (a frozenset or set of one counts), else the text of the expression."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("frozenset", "set"):
        return frozenset(_literal(node.args[0])) if node.args else frozenset()
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return ast.unparse(node)


def _assignments(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    found = []
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        found += [(target.id, value) for target in targets if isinstance(target, ast.Name) and value is not None]
    return found


def _assigned(tree: ast.Module) -> set[str]:
    return {name for name, _ in _assignments(tree)}


def _constants(tree: ast.Module) -> dict[str, Any]:
    return {name: _literal(value) for name, value in _assignments(tree) if name in _CONSTANTS}


def _title(tree: ast.Module) -> str:
    for name, value in _assignments(tree):
        if name == "THEOREM" and isinstance(value, ast.Call):
            for keyword in value.keywords:
                if keyword.arg == "title" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return ""


def _first_line(docstring: str) -> str:
    return docstring.strip().splitlines()[0].strip() if docstring.strip() else ""
