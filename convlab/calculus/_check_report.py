"""What `check_derivative` hands back: the verdict, a sentence on why, and the table of quotients behind it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convlab.calculus import _check_samples, _check_words
from convlab.calculus._check_compare import explained
from convlab.calculus._check_findings import SMOOTH, Findings, Place
from convlab.calculus._check_judge import Judgement, Verdict
from convlab.calculus._check_names import Names
from convlab.calculus._check_samples import Claims, Layout
from convlab.calculus.differences import first_line, truncation_slope
from convlab.calculus.inputs import Function
from convlab.calculus.slopes import Slope

_IMAGINARY = 2.0**-66  # times the scale of x: its square is far below rounding


@dataclass(frozen=True)
class QuotientTable:
    """Quotients along one direction, K each, at steps ``h`` that fall by 2; ``right`` and ``left`` are one-sided.

    The errors are those against the derivative by autodiff where that is correct, else against the limit that was found
    (NaN where there is none); ``rounding`` is what rounding may make of them.
    """

    h: np.ndarray
    right: np.ndarray
    left: np.ndarray
    one_sided_error: np.ndarray
    central_error: np.ndarray
    rounding: np.ndarray


@dataclass(frozen=True)
class DerivativeCheck:
    """The verdict on a derivative, with ``why`` in a sentence; the rest is on one ``entry``, the one that decided.

    There autodiff says ``autodiff`` (NaN where it says nothing) and the quotients ``measured`` ± ``bound``. The orders
    are slopes of the error where truncation is most of it: 1 for one-sided, 2 for central quotients, unless a term of
    the expansion vanishes; None, and ``order_note`` says why, where there is no truncation error. ``best_h`` is where
    the central quotient's error is least. ``accuracy`` is how well the limits are known, relative to each output's
    largest derivative. ``complex_step`` is None where ``complex_note`` says why.
    """

    verdict: Verdict
    why: str
    entry: str
    autodiff: float
    measured: float
    bound: float
    accuracy: float
    table: QuotientTable
    one_sided_order: Slope | None
    central_order: Slope | None
    order_note: str
    best_h: float
    best_error: float
    complex_step: float | None
    complex_note: str
    explanation: str = ""
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Asked:
    """What was checked: f and the layout of its argument (None where only values were given), x flat and V, d × n."""

    f: Function | None
    layout: Layout | None
    flat: np.ndarray
    directions: np.ndarray
    x: Any
    out: Any


def report(
    asked: Asked, findings: Findings, claims: Claims, judgement: Judgement, relations: np.ndarray
) -> DerivativeCheck:
    """The verdict with everything that it rests on."""
    names, at = Names(asked.x, asked.out, asked.directions), judgement.at
    size, smooth = names.length(at[0]), bool(findings.kind[at] == SMOOTH)
    claim = _claimed(claims, judgement, at) / size
    measured = float(findings.value[at]) / size if smooth else float("nan")
    bound = float(findings.error[at]) / size if smooth else float("inf")
    table = _table(findings, at, size, claim if judgement.verdict == "correct" else measured)
    error = np.where(np.isfinite(table.central_error), table.central_error, np.inf)
    best = int(error.argmin())
    there = bool(np.isfinite(error[best]))
    step, step_note = _complex_step(asked, findings, at, size)
    told = ""
    if judgement.verdict == "not differentiable" and judgement.relation is not None:
        why = _check_words.why_not_linear(names, findings, judgement, relations)
    elif judgement.verdict == "not differentiable":
        why = _check_words.why_broken(names, findings, at)
    elif judgement.verdict == "undecided":
        why = _check_words.why_undecided(names, findings, at, measured, bound, claim)
    elif judgement.verdict == "wrong":
        told, shown = explained(names, asked.x, asked.out, asked.directions, findings, claims, judgement)
        why = _check_words.why_wrong(names.entry(at), claim, measured, bound, told) if shown else told
    else:
        why = _check_words.why_correct(names, findings, claims, judgement)
    return DerivativeCheck(
        judgement.verdict, why, names.entry(at), claim, measured, bound, judgement.known, table,
        *_orders(table, smooth),
        float(table.h[best]) if there else float("nan"), float(error[best]) if there else float("nan"),
        step, step_note, told, _check_words.notes(names, findings, claims),
    )  # fmt: skip


def _claimed(claims: Claims, judgement: Judgement, at: Place) -> float:
    """What autodiff says at this entry: of the two modes the one that is wrong."""
    reverse = claims.reverse if claims.rows is None else None
    forward_right = judgement.forward_off is None or not judgement.forward_off[at]
    if reverse is not None and (claims.forward is None or forward_right):
        return float(reverse[at])
    return float("nan") if claims.forward is None else float(claims.forward[at])


def _table(findings: Findings, at: Place, size: float, truth: float) -> QuotientTable:
    findings, at = findings.deeper.get(at, (findings, at))
    right, left = (each / size for each in findings.quotients(at))
    h = findings.samples.h * size
    with np.errstate(all="ignore"):
        one_sided, central = np.abs(right - truth), np.abs(0.5 * (right + left) - truth)
        rounding = findings.rounding[at[0], :, at[1]] / h + 4 * findings.samples.unit * abs(truth)
    return QuotientTable(h, right, left, one_sided, central, rounding)


def _orders(table: QuotientTable, smooth: bool) -> tuple[Slope | None, Slope | None, str]:
    if not smooth:
        return None, None, "there is no derivative that an order could be measured against"
    one_sided = truncation_slope(table.h, table.one_sided_error, 2 * table.rounding)
    central = truncation_slope(table.h, table.central_error, table.rounding)
    if one_sided is None:
        return None, central, "no truncation error stands out of rounding: along this line f is linear, or nearly"
    if central is None:
        return one_sided, None, "the central quotient shows no truncation error: f is quadratic or even in h, or nearly"
    return one_sided, central, _check_words.of_orders(one_sided.value, central.value)


def _complex_step(asked: Asked, findings: Findings, at: Place, size: float) -> tuple[float | None, str]:
    """Im f(x + i h v)/h, where it agrees with the quotients: only of an analytic f it is the derivative."""
    if asked.f is None or asked.layout is None:
        return None, "only values of f were given"
    if findings.kind[at] != SMOOTH:
        return None, "f is not analytic at x, or is not known to be"
    h = _IMAGINARY * (1.0 if at not in findings.deeper else float(findings.deeper[at][0].samples.h[-1]))
    point = asked.flat + 1j * h * asked.directions[at[0]]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a dropped imaginary part is no more than a warning
            found = _check_samples.complex_values(asked.f, asked.layout, point)
    except Exception as error:  # whatever f raises when it is given complex numbers
        return None, f"f takes no complex numbers: {first_line(error)}"
    if not np.iscomplexobj(found):
        return None, "f returns real numbers for complex ones, so it is not analytic"
    step, limit = float(found[at[1]].imag / h), float(findings.value[at])
    if not abs(step - limit) <= 4 * float(findings.error[at]) + 1e-9 * abs(limit):
        return None, f"f is not analytic: the complex step says {step / size:.6g}, the quotients {limit / size:.6g}"
    return step / size, ""
