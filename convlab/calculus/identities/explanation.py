"""What is wrong with a closed form: its shape, the order of its axes, a factor, single entries; outputs first."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_SAME = 1e-8  # relative: what a permutation or a factor explains up to this is explained
_UNNAMED = "with its axes in the order"


class Case(NamedTuple):
    """A size at which the closed form is not what autodiff finds; ``outputs`` of its axes are the output's."""

    size: int
    autodiff: np.ndarray
    closed: np.ndarray
    outputs: int


def explain(cases: Sequence[Case], tried: int) -> str:
    """One sentence: at which size it fails, and the simplest explanation that fits every size at which it does.

    >>> J = np.arange(6.0).reshape(2, 3)
    >>> print(explain([Case(2, J, 2 * J, 1)], 2))
    fails at 1 of 2 sizes, first at 2: the closed form is 2 times what autodiff finds
    >>> print(explain([Case(2, J, J.T, 1)], 2).split(": ", 1)[1])
    the closed form has shape (3, 2); outputs first it should be (2, 3): it is the transpose
    """
    first = cases[0]
    times = f"{len(cases)} of {tried} sizes, first at {first.size}" if tried > 1 else f"size {first.size}"
    start = f"fails at {times}: the closed form "
    mended = _permuted(cases)
    shaped = next((case for case in cases if case.closed.shape != case.autodiff.shape), None)
    if shaped is not None:
        at = "" if shaped is first else f" at size {shaped.size}"
        told = f"has shape {shaped.closed.shape}{at}; outputs first it should be {shaped.autodiff.shape}"
        return start + told + (f": it is {mended}" if mended else "")
    if mended:
        return start + "is " + mended
    return start + _entries(max(cases, key=lambda case: case.autodiff.size))


def _permuted(cases: Sequence[Case]) -> str:
    """An order of the axes and a factor that explain all cases; "" where none does."""
    rank = cases[0].autodiff.ndim
    if any(case.closed.ndim != rank for case in cases) or rank > 6:
        return ""
    outputs = cases[0].outputs
    for order in sorted(itertools.permutations(range(rank)), key=lambda order: _is_odd(order, outputs)):
        factors = [_factor(case.autodiff.transpose(order), case.closed) for case in cases]
        known = [factor for factor in factors if factor is not None]
        if len(known) < len(factors):
            continue
        told = _factor_told(cases, known)
        if told is not None:
            axes = _axes_told(order, outputs)
            return f"{told} {axes or 'what autodiff finds'}".strip() if told or axes else ""
    return ""


def _factor(autodiff: np.ndarray, closed: np.ndarray) -> float | None:
    """c, if the closed form is c times this."""
    if autodiff.shape != closed.shape or not (square := float(np.vdot(autodiff, autodiff))):
        return None
    factor = float(np.vdot(autodiff, closed)) / square
    rest = np.linalg.norm(closed - factor * autodiff)
    return factor if factor and rest <= _SAME * np.linalg.norm(closed) else None


def _factor_told(cases: Sequence[Case], factors: Sequence[float]) -> str | None:
    """The factor in words, "" for one; None where it explains nothing: two numbers always have a quotient."""
    if max(factors) - min(factors) <= _SAME * abs(factors[0]):
        whole = abs(4.0 * factors[0] - round(4.0 * factors[0])) <= _SAME
        if not whole and max(case.autodiff.size for case in cases) == 1:
            return None
        return "" if abs(factors[0] - 1.0) <= _SAME else f"{factors[0]:.6g} times"
    if sum(case.autodiff.size > 1 for case in cases) < 2:
        return None
    each = [f"{factor:.6g} at size {case.size}" for case, factor in zip(cases, factors, strict=True)]
    more = f" and so on for {len(each) - 3} more" if len(each) > 3 else ""
    return f"a multiple (that changes with the size: {', '.join(each[:3])}{more}) of"


def _axes_told(order: tuple[int, ...], outputs: int) -> str:
    """An order of the axes in words, "" for the right one."""
    rank = len(order)
    of_output, of_input = tuple(range(outputs)), tuple(range(outputs, rank))
    if order == of_output + of_input:
        return ""
    if rank == 2:
        return "the transpose"
    if order == of_input + of_output:
        return "what autodiff finds with the inputs' axes first"
    if order == of_output + of_input[::-1]:
        return "what autodiff finds with the input's axes swapped"
    if order == of_output[::-1] + of_input:
        return "what autodiff finds with the output's axes swapped"
    return f"what autodiff finds {_UNNAMED} {order}"


def _is_odd(order: tuple[int, ...], outputs: int) -> bool:
    """Whether an order of the axes has no name; the right one and those with a name are tried first."""
    return _UNNAMED in _axes_told(order, outputs)


def _entries(case: Case) -> str:
    """How many entries differ, and the one that differs most."""
    gap = np.abs(case.closed - case.autodiff)
    wrong = int(np.count_nonzero(gap > _SAME * np.max(np.abs(case.autodiff), initial=0.0)))
    at = tuple(int(index) for index in np.unravel_index(int(gap.argmax()), gap.shape))
    where = f"at {list(at)}" if at else "as a number"
    return (
        f"differs in {wrong} of {gap.size} entries at size {case.size}, most {where}: "
        f"{case.closed[at]:.6g} where autodiff finds {case.autodiff[at]:.6g}"
    )
