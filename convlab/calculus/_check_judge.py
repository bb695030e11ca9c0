"""The verdict: what autodiff claims against what the difference quotients found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from convlab.calculus import _check_limits
from convlab.calculus._check_findings import BROKEN, NOISE, SMOOTH, STAIRS, Findings
from convlab.calculus._check_samples import Claims

Verdict = Literal["correct", "wrong", "not differentiable", "undecided"]
_BOUNDS = 4.0  # a claim may differ from the limit by so many times the limit's bound
_SHARE = 1e-3  # of the derivative's size, within which it has to be known


@dataclass(frozen=True)
class Judgement:
    """``at`` is the direction and output that decided; ``off`` says of each mode whether it is wrong anywhere, None
    where it gave nothing. ``tolerance``, d × m, is what a claim may differ by; ``known``, its largest share."""

    verdict: Verdict
    at: tuple[int, int]
    tolerance: np.ndarray
    known: float
    forward_off: np.ndarray | None = None
    reverse_off: np.ndarray | None = None
    relation: int | None = None  # that the directional derivatives violate: they are not linear in the direction
    modes_differ: bool = False


def judge(findings: Findings, claims: Claims, relations: np.ndarray) -> Judgement:
    """Not differentiable goes before wrong, and wrong before undecided."""
    smooth = (findings.kind == SMOOTH) & np.isfinite(findings.error)
    value = np.where(smooth, findings.value, 0.0)
    row = np.abs(value).max(axis=0)  # each output's largest derivative
    unit = findings.samples.unit
    # autodiff rounds as well: 64 operations' worth, on terms of the size of the output's other derivatives
    tolerance = np.where(smooth, _BOUNDS * np.where(smooth, findings.error, 0.0), np.inf) + 128 * unit * row
    nothing = row <= 2 * tolerance.max(axis=0)
    size = np.where(nothing, findings.change.max(axis=0), row)
    share = float(np.max(np.where(smooth, tolerance, 0.0) / np.where(size > 0, size, 1.0), initial=0.0, where=size > 0))
    clear, still = tolerance <= _SHARE * size, findings.still & (np.abs(value) <= tolerance)
    if (at := _broken(findings)) is not None:
        return Judgement("not differentiable", at, tolerance, share)
    if (relation := _not_linear(value, findings, smooth, relations)) is not None:
        bent = int(np.flatnonzero(relations[relation[0]])[-1])
        return Judgement("not differentiable", (bent, relation[1]), tolerance, share, relation=relation[0])
    U = claims.rows
    known = smooth & (clear | still)
    tolerance = np.maximum(tolerance, np.where(still & ~clear, _idle(findings), 0.0))
    forward = None if claims.forward is None else _off(claims.forward, value, tolerance, known)
    reverse = None if claims.reverse is None else _off(claims.reverse, *_seen_by(U, value, tolerance, known))
    differ = _modes_differ(claims, row, smooth & clear, unit)
    if _failed(claims) or differ or any(off is not None and off.any() for off in (forward, reverse)):
        at = _worst(claims, value, tolerance, forward, reverse, _alone(findings))
        return Judgement("wrong", at, tolerance, share, forward, reverse, modes_differ=differ)
    vague = ~known | _below_rounding(findings, claims, clear, still)
    if vague.any():
        unknown = np.where(vague, np.where(smooth, tolerance, np.inf), -1.0)
        return Judgement("undecided", _index(unknown), tolerance, share, forward, reverse)
    return Judgement("correct", _index(_shown(value, _alone(findings))), tolerance, share, forward, reverse)


def overrules(wider: Findings, again: Judgement, first: Findings, verdict: Judgement) -> bool:
    """Whether a look at larger steps tells more: anything where the first left it open; else that f is a stair or noise
    there, or that its derivative is another one, by which autodiff is right."""
    at = verdict.at
    if verdict.verdict == "undecided" or wider.kind[at] in (STAIRS, NOISE):
        return True
    if verdict.verdict == "not differentiable":
        return False
    moved = abs(wider.value[at] - first.value[at]) > _BOUNDS * first.error[at]
    return again.verdict == "correct" or bool(again.verdict == "undecided" and moved)


def unavailable(error: Exception | None) -> bool:
    """Whether a mode is one that JAX does not offer for this function, rather than a rule that fails."""
    words = ("to a custom_vjp function", "Reverse-mode differentiation does not work for lax.while_loop")
    return error is not None and any(each in str(error) for each in words)


def _failed(claims: Claims) -> bool:
    errors = [error for error in (claims.forward_error, claims.reverse_error) if error is not None]
    return len(errors) == 2 or any(not unavailable(error) for error in errors)


def _broken(findings: Findings) -> tuple[int, int] | None:
    """The first direction along which there is no derivative: one with a kink before a jump before an edge."""
    for kind in BROKEN:
        if (found := np.argwhere(findings.kind == kind)).size:
            return int(found[0, 0]), int(found[0, 1])
    return None


def _not_linear(
    value: np.ndarray, findings: Findings, smooth: np.ndarray, relations: np.ndarray
) -> tuple[int, int] | None:
    """A relation between directions that the derivatives along them do not have, and the output."""
    if not len(relations):
        return None
    size = np.abs(relations)
    error = size @ np.where(smooth, findings.error, 0.0)
    slack = _check_limits.AGREE * error + np.sqrt(findings.samples.unit) * (size @ np.abs(value))
    known = (size != 0).astype(float) @ (~smooth) == 0
    found = np.argwhere(known & (np.abs(relations @ value) > slack))
    return (int(found[0, 0]), int(found[0, 1])) if found.size else None


def _off(claim: np.ndarray, value: np.ndarray, tolerance: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        found: np.ndarray = smooth & ~(np.abs(claim - value) <= tolerance)
    return found


def _seen_by(
    rows: np.ndarray | None, value: np.ndarray, tolerance: np.ndarray, smooth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The limits of uᵀf for the rows u of reverse mode."""
    if rows is None:
        return value, tolerance, smooth
    every = np.broadcast_to(smooth.all(axis=1, keepdims=True), (len(smooth), len(rows)))
    return value @ rows.T, np.where(smooth, tolerance, 0.0) @ np.abs(rows).T, every


def _modes_differ(claims: Claims, row: np.ndarray, known: np.ndarray, unit: float) -> bool:
    """Forward against reverse mode, the same products in another order, where f's derivative is known at all."""
    if claims.forward is None or claims.reverse is None:
        return False
    forward = claims.forward if claims.rows is None else claims.forward @ claims.rows.T
    size = row if claims.rows is None else np.abs(claims.rows) @ row
    known = known if claims.rows is None else np.broadcast_to(known.all(axis=1, keepdims=True), forward.shape)
    size = np.maximum(size, np.abs(np.where(np.isfinite(forward), forward, 0.0)).max(axis=0))
    with np.errstate(invalid="ignore"):
        far = np.abs(forward - claims.reverse) > np.sqrt(unit) * size
    return bool((known & (far | (np.isfinite(forward) != np.isfinite(claims.reverse)))).any())


def _below_rounding(findings: Findings, claims: Claims, clear: np.ndarray, still: np.ndarray) -> np.ndarray:
    """Where f never moves and autodiff says that it does, but by hardly more than its rounding: that tells nothing,
    and hinders nothing either where other entries are clear."""
    claim = claims.forward if claims.forward is not None else claims.reverse if claims.rows is None else None
    moved = np.zeros(still.shape, bool) if claim is None else (claim != 0) & (np.abs(claim) <= _idle(findings))
    found: np.ndarray = still & ~clear & moved & ~(clear & ~still).any()
    return found


def _idle(findings: Findings) -> float:
    """What autodiff's own rounding may make of a derivative that is 0, through parts of f that are saturated."""
    return float(np.sqrt(findings.samples.unit) * np.abs(findings.samples.middle).max(initial=0.0))


def _worst(
    claims: Claims,
    value: np.ndarray,
    tolerance: np.ndarray,
    forward: np.ndarray | None,
    reverse: np.ndarray | None,
    alone: np.ndarray,
) -> tuple[int, int]:
    """The direction and output that is furthest off, in tolerances, of the mode that is wrong: a coordinate where one
    is. Not a number is further still."""
    pairs = ((claims.forward, forward), (claims.reverse if claims.rows is None else None, reverse))
    for claim, off in pairs:
        if claim is not None and off is not None and off.any():
            shown = off & alone[:, None] if off[alone].any() else off
            with np.errstate(invalid="ignore", divide="ignore"):
                far = np.abs(claim - value) / tolerance
            return _index(np.where(shown, np.where(np.isfinite(far), far, np.inf), -1.0))
    return _index(_shown(value, alone))


def _alone(findings: Findings) -> np.ndarray:
    """Which directions are coordinates."""
    found: np.ndarray = np.count_nonzero(findings.samples.directions, axis=1) == 1
    return found


def _shown(value: np.ndarray, alone: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.where(alone[:, None] | ~alone.any(), np.abs(value), -1.0)
    return found


def _index(values: np.ndarray) -> tuple[int, int]:
    d, i = np.unravel_index(int(np.argmax(values)), values.shape)
    return int(d), int(i)
