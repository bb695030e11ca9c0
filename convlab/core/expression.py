"""Arithmetic expressions of a config: ``"1/L"``, ``"2/(mu*(t+2))"``, ``"D/(2*T+1)"``.

An expression may use numbers, names, ``+ - * / **``, parentheses and ``sqrt log min max``; nothing else is parsed, so
nothing else can be run. It is evaluated in Python floats, or in any array library that offers the four functions.
"""

from __future__ import annotations

import ast
import functools
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from convlab.core.errors import ConvlabError, nearest

FUNCTIONS = ("sqrt", "log", "min", "max")
_LONGEST = 500  # characters; longer texts are no step sizes
_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


@runtime_checkable
class Arithmetic(Protocol):
    """Where an expression finds its functions: ``math``-like for floats, ``jax.numpy``-like for arrays."""

    def sqrt(self, x: Any, /) -> Any: ...
    def log(self, x: Any, /) -> Any: ...
    def minimum(self, x: Any, y: Any, /) -> Any: ...
    def maximum(self, x: Any, y: Any, /) -> Any: ...


class _Floats:
    """Python floats that overflow to infinity, as the arrays do, instead of raising."""

    sqrt = staticmethod(lambda x: math.sqrt(x) if x >= 0 else math.nan)
    log = staticmethod(lambda x: math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan))
    minimum = staticmethod(min)
    maximum = staticmethod(max)


@dataclass(frozen=True)
class Expression:
    """A parsed expression. Equal texts are equal expressions, so one compiles once (it is hashable)."""

    text: str

    @property
    def names(self) -> frozenset[str]:
        """The free names, functions excluded.

        >>> sorted(Expression("2/(mu*(t+2))").names)
        ['mu', 't']
        """
        return _names(self.text)

    def __call__(self, names: Mapping[str, Any], arithmetic: Arithmetic | None = None) -> Any:
        """Its value where each name has the value given; in Python floats unless an array library is handed in.

        >>> Expression("D/(2*T+1)")({"D": 2.1, "T": 10})
        0.1
        """
        missing = self.names - set(names)
        if missing:
            name = min(missing)
            raise ConvlabError(f"'{self.text}': unknown name '{name}'; {nearest(name, [*names, *FUNCTIONS])}")
        return _evaluate(_parse(self.text), names, arithmetic or _Floats())


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> ast.expr:
    if len(text) > _LONGEST:
        raise ConvlabError(f"'{text[:40]}…' has {len(text)} characters; an expression has at most {_LONGEST}")
    try:
        if "#" in text:  # Python would take the rest for a comment
            raise ValueError
        tree = ast.parse(text.strip(), mode="eval").body
        _refuse_all_else(tree, text)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        raise ConvlabError(f"'{text}' is not an expression; write one like '1/L' or '2/(mu*(t+2))'") from None
    return tree


@functools.lru_cache(maxsize=1024)
def _names(text: str) -> frozenset[str]:
    tree = _parse(text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


def _refuse_all_else(node: ast.expr, text: str) -> None:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if math.isinf(value) or abs(value) > 1e308:
                raise ConvlabError(f"'{text}': the number {value} is out of range")
        case ast.Name():
            pass
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            _refuse_all_else(left, text)
            _refuse_all_else(right, text)
        case ast.BinOp(op=ast.BitXor()):
            raise ConvlabError(f"'{text}': write ** for powers")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _refuse_all_else(operand, text)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            wanted = (1,) if name in ("sqrt", "log") else (2,)
            if len(args) not in wanted:
                raise ConvlabError(f"'{text}': {name} takes {wanted[0]} argument(s), {len(args)} given")
            for argument in args:
                _refuse_all_else(argument, text)
        case ast.Call(func=ast.Name(id=name)):
            raise ConvlabError(f"'{text}': unknown function '{name}'; {nearest(name, FUNCTIONS)}")
        case _:
            raise ConvlabError(
                f"'{text}': only numbers, names, + - * / **, parentheses and {', '.join(FUNCTIONS)} are allowed"
            )


def _evaluate(node: ast.expr, names: Mapping[str, Any], arithmetic: Arithmetic) -> Any:
    match node:
        case ast.Constant(value=value):
            return float(value)  # type: ignore[arg-type]
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=op, operand=operand):
            value = _evaluate(operand, names, arithmetic)
            return -value if isinstance(op, ast.USub) else value
        case ast.BinOp(left=left, op=op, right=right):
            try:
                value = _BINARY[type(op)](_evaluate(left, names, arithmetic), _evaluate(right, names, arithmetic))
            except (ZeroDivisionError, OverflowError):
                return math.inf
            return math.nan if isinstance(value, complex) else value  # the square root of a negative number
        case ast.Call(func=ast.Name(id=name), args=args):
            values = [_evaluate(argument, names, arithmetic) for argument in args]
            function = {"min": "minimum", "max": "maximum"}.get(name, name)
            return getattr(arithmetic, function)(*values)
    raise AssertionError(ast.dump(node))  # unreachable: _refuse_all_else has seen the tree
