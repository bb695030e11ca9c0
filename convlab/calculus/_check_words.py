"""The sentences of `check_derivative`."""

from __future__ import annotations

import math

import numpy as np

from convlab.calculus._check_findings import EDGE, GROWS, KINK, NOISE, STAIRS, Findings, Place
from convlab.calculus._check_judge import Judgement, unavailable
from convlab.calculus._check_limits import AGREE, Limit
from convlab.calculus._check_names import Names
from convlab.calculus._check_samples import Claims


def why_correct(names: Names, findings: Findings, claims: Claims, judgement: Judgement) -> str:
    """Which modes, against what, and how well that is known."""
    modes = [m for m, claim in (("forward", claims.forward), ("reverse", claims.reverse)) if claim is not None]
    count, alone = len(findings.value), sum(names.coordinate(d) is not None for d in range(len(findings.value)))
    along = " and ".join(
        _counted(n, what) for n, what in ((alone, "coordinate"), (count - alone, "random direction")) if n
    )
    who = f"{' and '.join(modes)} mode"
    if not findings.value.any():
        return f"{who} say{'s' * (len(modes) == 1)} 0, and so do the difference quotients along {along}"
    agree = "agrees" if len(modes) == 1 else "agree"
    return (
        f"{who} {agree} with the difference quotients along {along}, known to {judgement.known:.1e} of the derivative"
    )


def why_wrong(entry: str, claim: float, value: float, bound: float, told: str) -> str:
    """The entry that is off, and what is wrong with it."""
    a, b = told_apart(claim, value)
    return f"{entry} is {a} by autodiff, but {b} ± {bound:.1e} by difference quotients{'; ' * bool(told)}{told}"


def why_undecided(names: Names, findings: Findings, at: Place, value: float, bound: float, claim: float) -> str:
    """What hides the limit."""
    entry, along = names.entry(at), names.along(at[0])
    if findings.kind[at] == STAIRS:
        return f"f moves in steps along {along}: it is a stair, or loses h in larger terms; {entry} cannot be told"
    if findings.kind[at] == NOISE or not math.isfinite(bound):
        return f"f's values scatter as much as they change along {along}: {entry} cannot be told"
    if findings.still[at]:
        return f"f does not move along {along} but in its last digits, and autodiff says {claim:.4g} for {entry}"
    return f"rounding hides {entry}: {value:.4g} ± {bound:.1e} by difference quotients, {claim:.4g} by autodiff"


def why_broken(names: Names, findings: Findings, at: Place) -> str:
    """A kink, a jump, a vertical tangent, or an edge of f's domain, along one direction."""
    d, i = at
    size = names.length(d)
    of = "" if names.output(i) == "f" else f" of {names.output(i)}"
    along = f"along {names.along(d)}"
    deeper, place = findings.deeper.get(at, (findings, at))
    right, left = (_number(limit, place, size) for limit in (deeper.right, deeper.left))
    if findings.kind[at] == KINK:
        a, b = told_apart(left, right)
        return f"one-sided limits{of} differ {along}: {_signed(a)} from the left, {_signed(b)} from the right"
    sides = (("right", findings.samples.right), ("left", findings.samples.left))
    beyond = [word for word, side in sides if not np.isfinite(side[d, -1, i])]
    if findings.kind[at] == GROWS:
        outside = f"; it is not finite to the {beyond[0]}" if beyond else ""
        return _of_growth(findings.growth[at], of, along, size) + outside
    if findings.kind[at] == EDGE and len(beyond) == 1:
        inside, limit = ("right", right) if beyond == ["left"] else ("left", left)
        return f"f{of} is not finite to the {beyond[0]} {along}: only the limit from the {inside} exists, {limit:.6g}"
    return f"f{of} is not finite on either side {along}"


def why_not_linear(names: Names, findings: Findings, judgement: Judgement, relations: np.ndarray) -> str:
    """A direction along which the derivative is not the combination of others."""
    row, (d, i) = relations[judgement.relation or 0], judgement.at
    size, value = names.length(d), float(findings.value[d, i])
    others = value - float(row @ findings.value[:, i]) / float(row[d])
    of = "" if names.output(i) == "f" else f" of {names.output(i)}"
    a, b = told_apart(value / size, others / size)
    parts = "the coordinates" if names.coordinate(0) is not None else "two others"
    return (
        f"the directional derivatives{of} exist but are not linear in the direction: {a} along {names.along(d)}, "
        f"where those along {parts} make it {b}"
    )


def of_orders(one_sided: float, central: float) -> str:
    """What orders other than 1 and 2 mean."""
    told = []
    if abs(one_sided - 1) > 0.2:
        told.append("f'' vanishes at x" if one_sided > 1.5 else "f has a fractional power of h in its expansion")
    if abs(central - 2) > 0.3:
        told.append("f''' vanishes at x" if central > 2.5 else "f has no third derivative that is bounded around x")
    return "; ".join(told)


def notes(names: Names, findings: Findings, claims: Claims) -> tuple[str, ...]:
    """Steps that left the domain, and modes that JAX does not offer."""
    told = []
    for side, values in (("right", findings.samples.right), ("left", findings.samples.left)):
        away = ~np.isfinite(values)
        if away.any() and not away[:, -1].any():
            d, k, i = (int(each) for each in max(np.argwhere(away), key=lambda place: place[1]))
            h = float(findings.samples.h[k]) * names.length(d)
            told.append(
                f"{names.output(i)} is not finite at h = {h:.2g} to the {side} along {names.along(d)}: "
                "steps that leave the domain are skipped"
            )
    for mode, error in (("forward", claims.forward_error), ("reverse", claims.reverse_error)):
        if unavailable(error):
            reason = "f has a custom_vjp" if mode == "forward" else "f has a loop of unknown length"
            told.append(f"there is no {mode} mode: {reason}")
    return tuple(told)


def told_apart(a: float, b: float) -> tuple[str, str]:
    """Two numbers with the digits that tell them apart.

    >>> told_apart(1.0, 2.0), told_apart(1.0, 1.0000001)
    (('1', '2'), ('1', '1.0000001'))
    """
    for digits in (6, 10, 17):
        told = f"{a:.{digits}g}", f"{b:.{digits}g}"
        if told[0] != told[1]:
            break
    return told


def _of_growth(growth: tuple[tuple[float, float], tuple[float, float]], of: str, along: str, size: float) -> str:
    pair = zip(("right", "left"), growth, strict=True)
    (side, (a, height)), *others = [(side, found) for side, found in pair if found[0]]
    where = "on both sides" if others else f"to the {side}"
    if abs(a - 1) < 0.02:
        jumps = [f"{f if s == 'right' else -f:.6g} to the {s}" for s, (_, f) in ((side, (a, height)), *others)]
        return f"f jumps{of} {along}, by {' and '.join(jumps)}: the quotients grow as 1/h"
    if a < 0.1:
        return f"the quotients{of} grow slowly without bound {along}, like a logarithm, {where}"
    return f"the quotients{of} grow without bound {along}, as h^-{a:.2g} {where} (a vertical tangent)"


def _number(limit: Limit, place: Place, size: float) -> float:
    """0 where it is 0 within the bound."""
    value, error = float(limit.value[place]), float(limit.error[place])
    return 0.0 if abs(value) <= AGREE * error else value / size


def _signed(text: str) -> str:
    return text if text in ("0", "nan") or text.startswith("-") else f"+{text}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}"
