"""An identity held against automatic differentiation, on random inputs of several sizes; outputs first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from convlab.calculus import inputs
from convlab.calculus.derivatives import Mode
from convlab.calculus.identities import explanation
from convlab.calculus.identities.autodiff import Drawn, jacobians, refuse_infinite
from convlab.calculus.identities.record import Identity, Sample
from convlab.calculus.inputs import CalculusError

TOLERANCE = 1e-10  # relative; times the condition number where there is one
LARGEST = 8
_ZERO = 1e-12  # entries are of order one: a closed form with less than this is a zero with its rounding
_MOST_CONDITION = 1e8  # beyond it the tolerance would let a wrong closed form pass
_WHERE = "check_identity"


@dataclass(frozen=True)
class IdentityCheck:
    """Whether the closed form is what autodiff finds, over all ``sizes``.

    ``error`` is the largest ‖autodiff − closed form‖_F/‖closed form‖_F (inf where the shape is wrong), ``condition``
    the largest condition number, None where nothing is inverted. ``why`` says what is wrong; "" where it ``holds``.
    """

    name: str
    holds: bool
    error: float
    condition: float | None
    sizes: tuple[int, ...]
    why: str


class _Found(NamedTuple):
    """What one size gave."""

    size: int
    autodiff: np.ndarray
    closed: np.ndarray
    outputs: int  # how many of the axes are the output's
    error: float
    condition: float | None

    @property
    def holds(self) -> bool:
        return self.error <= TOLERANCE * max(1.0, self.condition or 1.0)


def check_identity(
    identity: Identity, sizes: Iterable[int] = range(1, LARGEST + 1), seed: int = 0, mode: Mode = "auto"
) -> IdentityCheck:
    """Compare an identity's closed form with autodiff, outputs first, on one random input of each size, in float64.

    It holds where ‖autodiff − closed form‖_F ≤ 10⁻¹⁰ κ ‖closed form‖_F at every size, κ ≥ 1 the condition number of
    what is inverted. A zero derivative (‖closed form‖_F ≤ 10⁻¹², as of softmax in one variable) has no relative error:
    the difference itself is taken. ``sizes`` are whole numbers from 1 to 8, ``mode`` is as in `jacobian`. An input
    depends on ``seed`` and its size alone. CalculusError where an argument, or what the identity returns, does not fit.

    >>> from convlab.calculus.identities import IDENTITIES
    >>> check = check_identity({identity.number: identity for identity in IDENTITIES}["5.103"], sizes=[2, 3])
    >>> check.holds, check.error < 1e-13, 1.0 < check.condition < 4.0
    (True, True, True)
    """
    if not isinstance(identity, Identity):
        raise CalculusError(f"{_WHERE}: identity is {inputs.kind(identity)}; it should be an Identity")
    if not isinstance(sizes, Iterable):
        raise CalculusError(f"{_WHERE}: sizes is {inputs.kind(sizes)}; it should be whole numbers such as [1, 2, 3]")
    tried = tuple(inputs.whole(_WHERE, size, "a size", 1, LARGEST) for size in sizes)
    if not tried:
        raise CalculusError(f"{_WHERE}: sizes is empty; at least one whole number from 1 to {LARGEST} is needed")
    seed = inputs.whole(_WHERE, seed, "seed", 0, 2**63 - 1)
    drawn = [_draw(identity, size, seed) for size in tried]
    found = [
        _compared(identity, each, autodiff)
        for each, autodiff in zip(drawn, jacobians(identity.function, drawn, mode), strict=True)
    ]
    wrong = [each for each in found if not each.holds]
    conditions = [each.condition for each in found if each.condition is not None]
    why = ""
    if wrong:
        cases = [explanation.Case(each.size, each.autodiff, each.closed, each.outputs) for each in wrong]
        why = f"{identity.name} {explanation.explain(cases, len(tried))}"
    error, condition = max(each.error for each in found), max(conditions, default=None)
    return IdentityCheck(identity.name, not wrong, error, condition, tried, why)


def _draw(identity: Identity, size: int, seed: int) -> Drawn:
    where = f"{_WHERE}: {identity.name} at size {size}"
    sample = identity.sample(np.random.default_rng([seed, size]), size)
    if not isinstance(sample, Sample):
        raise CalculusError(f"{where}: sample returns {inputs.kind(sample)}; it should be a Sample")
    with jax.enable_x64(True):
        at = np.asarray(inputs.array(where, sample.at, "at"))
    constants = {
        name: value if isinstance(value, int) else np.asarray(value) for name, value in sample.constants.items()
    }
    for name, value in constants.items():
        if np.asarray(value).dtype.kind not in "fiub":
            raise CalculusError(f"{where}: {name} is {inputs.kind(value)}; it should be an array of real numbers")
    return Drawn(where, size, at, constants)


def _compared(identity: Identity, drawn: Drawn, autodiff: np.ndarray) -> _Found:
    where, size, at, constants = drawn
    closed = _closed(drawn, identity.derivative, autodiff.shape)
    condition = None if identity.condition is None else float(identity.condition(at, **constants))
    if condition is not None and not condition <= _MOST_CONDITION:
        raise CalculusError(
            f"{where}: the condition number is {condition:.1e}; sample should draw well-conditioned inputs, "
            f"with at most {_MOST_CONDITION:.0e}"
        )
    outputs = autodiff.ndim - at.ndim
    return _Found(size, autodiff, closed, outputs, relative_error(autodiff, closed), condition)


def relative_error(autodiff: np.ndarray, closed: np.ndarray) -> float:
    """‖autodiff − closed‖_F/‖closed‖_F; the difference itself where ``closed`` is zero, inf where shapes differ.

    >>> relative_error(np.array([3.0, 4.0]), np.array([3.0, 5.0])) == 1 / 34**0.5
    True
    """
    if autodiff.shape != closed.shape:
        return math.inf
    scale = float(np.linalg.norm(closed))
    return float(np.linalg.norm(autodiff - closed)) / (scale if scale > _ZERO else 1.0)


def _closed(drawn: Drawn, derivative: Callable[..., Any], shape: tuple[int, ...]) -> np.ndarray:
    where = drawn.where
    if not callable(derivative):
        raise CalculusError(f"{where}: derivative is {inputs.kind(derivative)}, not a function")
    try:
        value = derivative(drawn.at, **drawn.constants)
    except Exception as error:  # whatever somebody's own closed form raises
        told = next(iter(str(error).splitlines()), "")[:160]
        raise CalculusError(f"{where}: the closed form fails: {type(error).__name__}: {told}") from error
    if not isinstance(value, np.ndarray | np.generic | jax.Array):
        raise CalculusError(f"{where}: the closed form is {inputs.kind(value)}; it should be an array of shape {shape}")
    if not np.issubdtype(value.dtype, np.floating):
        raise CalculusError(f"{where}: the closed form is {inputs.kind(value)}; it should be real numbers")
    found = np.asarray(value)
    refuse_infinite(where, "the closed form", found)
    return found
