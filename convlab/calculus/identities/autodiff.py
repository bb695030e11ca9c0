"""Jacobians of one function at inputs of several shapes, compiled side by side: compiling is all that a check costs.

Outputs first, as `convlab.calculus.jacobian`, which is traced here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from convlab.calculus import inputs
from convlab.calculus.derivatives import Mode, jacobian
from convlab.calculus.inputs import CalculusError

# Without these, each of hundreds of tiny programs takes four times as long to compile.
_QUICK: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0}

Shapes = tuple[tuple[str, tuple[int, ...], str], ...]  # name, shape and dtype of each array


class Drawn(NamedTuple):
    """A sample, and the words ``where`` with which an error about it begins."""

    where: str
    size: int
    at: np.ndarray
    constants: dict[str, Any]

    @property
    def whole(self) -> dict[str, int]:
        """The constants that are no arrays: a power, an index."""
        return {name: value for name, value in self.constants.items() if isinstance(value, int)}

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        return {name: value for name, value in self.constants.items() if not isinstance(value, int)}


class _Program:
    """A lowered Jacobian, compiled when it is first asked for."""

    def __init__(self, lowered: Any) -> None:
        self._lowered = lowered
        self._compiled: Callable[..., Any] | None = None

    def compiled(self) -> Callable[..., Any]:
        if self._compiled is None:
            self._compiled = self._lowered.compile(compiler_options=_options())
        return self._compiled


def jacobians(function: Callable[..., Any], drawn: Sequence[Drawn], mode: Mode) -> list[np.ndarray]:
    """∂function/∂X at each sample, outputs first, in float64. CalculusError where the function does not fit, or where
    it or its derivative is not finite."""
    with jax.enable_x64(True), ThreadPoolExecutor() as pool:
        programs = []
        for each in drawn:
            programs.append(_traced(function, mode, each))
            pool.submit(programs[-1].compiled)  # beside the tracing of the next one
        pool.shutdown()
        found = [program.compiled()(each.at, each.arrays) for program, each in zip(programs, drawn, strict=True)]
    return [_finite(each.where, *both) for each, both in zip(drawn, found, strict=True)]


def _finite(where: str, value: Any, derivative: Any) -> np.ndarray:
    if not isinstance(value, jax.Array):
        raise CalculusError(f"{where}: function(X) is {inputs.shapes(value)}; it should be one array")
    refuse_infinite(where, "function(X)", np.asarray(value))
    refuse_infinite(where, "the derivative that autodiff finds", np.asarray(derivative))
    return np.asarray(derivative)


def refuse_infinite(where: str, what: str, value: np.ndarray) -> None:
    """CalculusError where an entry is NaN or infinite."""
    if not np.isfinite(value).all():
        which = "NaN" if np.isnan(value).any() else "infinite"
        raise CalculusError(f"{where}: {what} is {which}; sample should draw where it is defined")


def _traced(function: Callable[..., Any], mode: Mode, drawn: Drawn) -> _Program:
    if not callable(function):
        raise CalculusError(f"{drawn.where}: function is {inputs.kind(function)}, not a function")
    arrays = {"": drawn.at, **drawn.arrays}
    shapes = tuple((name, value.shape, str(value.dtype)) for name, value in arrays.items())
    try:
        return _program(function, mode, tuple(drawn.whole.items()), shapes)
    except CalculusError as error:
        raise CalculusError(f"{drawn.where}: {str(error).removeprefix('jacobian: ')}") from error


@functools.lru_cache(maxsize=1024)
def _program(function: Callable[..., Any], mode: Mode, whole: tuple[tuple[str, int], ...], shapes: Shapes) -> _Program:
    """Traced once for all samples of these shapes; "" is the name of X."""

    def both(at: Any, arrays: dict[str, Any]) -> tuple[Any, Any]:
        def f(X: Any) -> Any:
            return function(X, **arrays, **dict(whole))

        derivative = jacobian(f, at, mode)  # it comes first, for it checks f
        return f(at), derivative

    arrays = {name: np.zeros(shape, dtype) for name, shape, dtype in shapes}
    at = arrays.pop("")
    return _Program(jax.jit(both).lower(at, arrays))


@functools.cache
def _options() -> dict[str, Any]:
    """Those of the options that this XLA knows."""

    def known(name: str, value: Any) -> bool:
        try:
            jax.jit(lambda x: x).lower(np.float32(0.0)).compile(compiler_options={name: value})
        except jax.errors.JaxRuntimeError:
            return False
        return True

    return {name: value for name, value in _QUICK.items() if known(name, value)}
