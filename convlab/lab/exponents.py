"""The exponent of a curve over its window, with an interval that is right for what the curve is.

A random curve: 95 % of the slopes when whole seeds are drawn anew. A deterministic one has no noise, and its residuals
are model error; its interval is the hull of

- the local slopes over every octave (twelfth) of the window, g(t) to g(2t): the window's sensitivity,
- the same of g(t) − g(2t), from which a constant has gone: a plateau that is near, or a spectrum that ends, as
  A t^(−p) − C is how a power law begins to cross over to geometric decay,
- the limits that both tend to: each octave's change divided by that of the octave before is taken to go on,
- all this once more with a log factor (a power of t) taken off, where such a law is not distinguishable.

The peaks of an oscillating curve scatter, as checkpoints hit it at phases of their own; they are treated as a random
curve, with that scatter in place of the seeds'.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from convlab.core.verdict import CONSTANT, GEOMETRIC, GEOMETRIC_FLOOR, LAWS, POWER, POWER_FLOOR, POWER_LOG, Slope
from convlab.lab.crossovers import SLOWER
from convlab.lab.rate_models import Choice, choose
from convlab.lab.windows import LEAST, Curve, Grid, Kind, Stretch, envelope, grid, oscillates, stretch, without_plateau

_QUOTIENTS = (0.5, 0.9)  # of successive changes, where they are carried on to a limit
_SIGMAS = 2.6
_LONG, _WELL = 1000.0, 3e-3  # a log factor over three decades, or where it predicts to 0.3 %: no local slope is still
_WIDER = 0.1  # of its width is added to a hull at either end: limits are known to that, not better
_PLAIN = (POWER, POWER_FLOOR, GEOMETRIC, GEOMETRIC_FLOOR)
_ROUNDING = 1e-10  # no interval is narrower, relative to its slope
_NORMAL = 1.959963984540054


def slope_of(curve: Curve, kind: Kind) -> Slope | None:
    """The slope of a clean curve over the stretch where it stands still; None where there are too few points."""
    if oscillates(curve, kind):
        curve = envelope(curve, kind)
    clean, curve = curve, without_plateau(curve, kind)
    found = grid(curve, kind)
    if found is None:
        return None
    where = stretch(curve, kind, found)
    part, chosen = _law(curve, kind, found, where)
    if kind == "power" and (not where.steady or (curve.draws is None and POWER_LOG in chosen.others)):
        part, chosen, found, where = _with_log(curve, found, where) or (part, chosen, found, where)
    if len(part.t) < LEAST:
        return None
    if where.steady:
        value, low, high = _interval(part, kind, _cut(found, where), chosen)
        if part.draws is not None and low <= 0 <= high:
            chosen = Choice(CONSTANT, (), ())
        if part.draws is not None and not part.envelope:
            onward = clean.part(clean.t >= part.t[0])
            limits = _with_constant(onward, onward.x(kind), value)
            low, high = min([low, *limits]), max([high, *limits])
        if where.ends == SLOWER:  # what comes after it is the rate, and not here yet
            later = _local(found.y[where.last :], found.x[where.last :], kind)
            low, high = min([low, *later]), max([high, *(min(end, 0.0) for end in later)])
        slack = _ROUNDING * abs(value)
        low, high = low - slack, high + slack
    else:
        local = found.p[where.first : where.last]
        value, low, high = fit(part.x(kind), part.y), float(local.min()), float(local.max())
    seeds = 0 if curve.draws is None or curve.envelope else curve.seeds
    window = (int(part.t[0]), int(part.t[-1]))
    return Slope(
        value, min(low, value), max(high, value), window, kind, "t", chosen.name, chosen.others,
        where.begins, where.ends, curve.envelope, seeds, steady=where.steady,
    )  # fmt: skip


def _with_log(curve: Curve, found: Grid, where: Stretch) -> tuple[Curve, Choice, Grid, Stretch] | None:
    """The whole curve, or three decades of it, where a log factor predicts it: its local slopes never stand still.
    Where a power could be said of a part, it has to predict better than any power does."""
    for start in (curve.t[0], curve.t[-1] / _LONG):
        whole = curve.part(curve.t >= start)
        law, nodes = choose(replace(whole, draws=None), "power"), grid(whole, "power")
        told = law.name == POWER_LOG or (POWER_LOG in law.others and not where.steady)
        if told and law.error <= _WELL and nodes is not None:
            law = replace(law, beyond_noise=whole.draws is not None)
            late = 0 if law.name == POWER_LOG else (len(nodes.x) - 1) // 2
            begins = "transient" if start > curve.t[0] else ""
            return whole, law, nodes, Stretch(late, len(nodes.x) - 1, begins, curve.after)
    return None


def _law(curve: Curve, kind: Kind, found: Grid, where: Stretch) -> tuple[Curve, Choice]:
    """The curve inside the window, and its law there; where none of this kind shows, whether the other kind's does."""
    x = curve.x(kind)
    tiny = 1e-9 * (x[-1] - x[0])
    part = curve.part((x >= found.x[where.first] - tiny) & (x <= found.x[where.last] + tiny))
    if where.steady:
        return part, choose(part, kind)
    other: Kind = "linear" if kind == "power" else "power"
    return part, Choice({"power": POWER, "linear": GEOMETRIC}[other] if _is(curve, other) else "", (), ())


def _cut(found: Grid, where: Stretch) -> Grid:
    here = slice(where.first, where.last + 1)
    return Grid(found.x[here], found.y[here], found.weights[here], found.spread[where.first : where.last])


def _is(curve: Curve, kind: Kind) -> bool:
    """Whether the curve has a stretch of this kind, and follows its law there."""
    found = grid(curve, kind)
    if found is None:
        return False
    where = stretch(curve, kind, found)
    x = curve.x(kind)
    part = curve.part((x >= found.x[where.first]) & (x <= found.x[where.last]))
    return where.steady and len(part.t) >= LEAST and choose(part, kind).name in LAWS[kind]


def _interval(part: Curve, kind: Kind, found: Grid, chosen: Choice) -> tuple[float, float, float]:
    x = part.x(kind)
    factors = chosen.factors or (0.0,)
    value, ends = fit(x, part.y - factors[0]), list[float]()
    if part.draws is not None:
        value, *ends = _of_seeds(part, x, chosen)
        if not chosen.beyond_noise:
            return value, min(ends), max(ends)
    ends.append(value)
    late = x >= 0.5 * (x[0] + x[-1])
    for factor in factors:
        if isinstance(factor, float) or chosen.name not in _PLAIN:
            nodes = found.y - (np.interp(found.x, x, factor) if isinstance(factor, np.ndarray) else 0.0)
            ends += _local(nodes, found.x, kind)
        else:  # in doubt: what it would be, no more
            ends += [fit(x[keep], (part.y - factor)[keep]) for keep in (late, ~late | late) if keep.sum() >= LEAST]
    width = _WIDER * (max(ends) - min(ends))
    return value, min(ends) - width, max(ends) + width


def _local(nodes: np.ndarray, x: np.ndarray, kind: Kind) -> list[float]:
    """Local slopes, those without a constant over the later half, and the limits of both."""
    step, middle = np.diff(x), 0.5 * (x[1:] + x[:-1])
    p = np.diff(nodes) / step
    found = [*p, *_limit(p, middle, kind)]
    falls = nodes[:-1] - nodes[1:]
    if len(p) >= LEAST and np.all(falls > 1e-9):  # g(t) − g(2t) = g(t)·(1 − exp(−fall)), and no cancellation
        without = nodes[:-1] + np.log(-np.expm1(-falls))
        d = np.diff(without) / step[:-1]
        if np.ptp(d[len(d) // 2 :]) <= np.ptp(p) + _ROUNDING * abs(p[-1]):  # where it has made the slopes no steadier,
            found += [*d[len(d) // 2 :], *_limit(d, middle[:-1], kind)]  # no constant was in the way
    return [float(each) for each in found]


def _limit(p: np.ndarray, x: np.ndarray, kind: Kind) -> list[float]:
    """Where a sequence goes if its changes go on shrinking as the last two did; in x = t also if they are c/t² or c/t³,
    as a power of t beside the exponential makes them. Nothing where they do not shrink."""
    if len(p) < 3:
        return []
    before, now = p[-2] - p[-3], p[-1] - p[-2]
    if before * now <= 0 or abs(now) > abs(before):
        return []
    quotient = float(np.clip(now / before, *_QUOTIENTS))
    limits = [float(p[-1] + now * quotient / (1 - quotient))]
    if kind == "linear":
        limits += [float(p[-1] + now / ((x[-1] / x[-2]) ** k - 1)) for k in (1, 2)]
    return limits


def _of_seeds(part: Curve, x: np.ndarray, chosen: Choice) -> tuple[float, float, float]:
    """95 % of the slopes over draws of the seeds, for each law that is not distinguishable.

    The slope is weighted by the variance of the logarithm of the mean, and the percentiles are widened for few seeds as
    Student's interval is. Where the later half has another slope, by more than noise, that of the half counts as well.
    """
    assert part.draws is not None
    variance = np.var(part.draws, axis=0)
    weights = _weights(x, variance)
    late = x >= x[0] + 0.5 * (x[-1] - x[0])
    wide = _widening(part.seeds)
    if part.envelope:  # the scatter of peaks about one line over the window, which includes drifts of their phase
        off = part.y - np.polyval(np.polyfit(x, part.y, 1), x)
        assumed = float(np.sqrt(np.mean(variance)))
        wide *= max(1.0, float(np.sqrt(np.sum(off**2) / max(len(x) - 2, 1))) / assumed) if assumed > 0 else 1.0
    value, ends = math.nan, []
    for factor in chosen.factors or (0.0,):
        rows = [weights]
        if late.sum() >= LEAST:
            half = np.zeros_like(x)
            half[late] = _weights(x[late], variance[late])
            moved, drawn = (half - weights) @ (part.y - factor), (part.draws - factor) @ (half - weights)
            if abs(moved) > _SIGMAS * float(np.std(drawn)) and abs(moved) > 1e-9:
                rows.append(half)
        for row in rows:
            slope, drawn = float(row @ (part.y - factor)), (part.draws - factor) @ row
            low, high = (float(q) for q in np.quantile(drawn, (0.025, 0.975)))
            ends += [slope + wide * (low - slope), slope + wide * (high - slope)]
            value = slope if math.isnan(value) else value
    return value, min(ends), max(ends)


def _with_constant(curve: Curve, x: np.ndarray, start: float) -> tuple[float, ...]:
    """95 % limits of the exponent of A φ + C, φ = exp(slope·x), over the window and all that follows, where C is not 0
    within the noise: a plateau or a crossover bends a curve before it ends the window. Gauss and Newton's steps; none
    where they do not end.
    """
    assert curve.draws is not None
    variance = np.var(curve.draws, axis=0)
    weight = np.gradient(x) / (variance + np.median(variance) + 1e-12)
    origin = float(x[0])
    a, slope, constant = math.exp(curve.y[0]), start, 0.0
    for _ in range(40):
        phi = a * np.exp(slope * (x - origin))
        model = phi + constant
        if not np.all(model > 0):
            return ()
        jacobian = np.stack([phi / a, phi * (x - origin), np.ones_like(x)], axis=1) / model[:, None]
        rows = np.linalg.pinv(jacobian * np.sqrt(weight)[:, None]) * np.sqrt(weight)
        step = rows @ (curve.y - np.log(model))
        a, slope, constant = a + float(step[0]), slope + float(step[1]), constant + float(step[2])
        if a <= 0 or not math.isfinite(slope):
            return ()
        if abs(step[1]) <= 1e-6 * abs(slope):
            if abs(constant) <= _SIGMAS * float(np.std((curve.draws - curve.y) @ rows[2])):
                return ()
            drawn = slope + (curve.draws - curve.y) @ rows[1]
            low, high = (float(q) for q in np.quantile(drawn, (0.025, 0.975)))
            wide = _widening(curve.seeds)
            return slope + wide * (low - slope), slope + wide * (high - slope)
    return ()


def _widening(seeds: int) -> float:
    """How much wider than percentiles Student's interval for so few seeds is."""
    from scipy.special import stdtrit  # heavy, and only random curves need it

    return float(stdtrit(max(seeds - 1, 1), 0.975)) / _NORMAL * math.sqrt(seeds / max(seeds - 1, 1))


def _weights(x: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The row that takes values to their weighted least squares slope: by variance, and by the share of x that a point
    stands for, so that checkpoints that crowd at one end do not decide."""
    usual = float(np.median(variance))  # beside it: a start that all seeds share has no variance, and is not all
    weight = np.gradient(x) / (variance + usual if usual > 0 else 1.0)
    centred = x - np.sum(weight * x) / np.sum(weight)
    return np.asarray(weight * centred / np.sum(weight * centred**2))


def fit(x: np.ndarray, y: np.ndarray) -> float:
    """The least squares slope."""
    centred = x - x.mean()
    return float(np.sum(centred * y) / np.sum(centred**2))
