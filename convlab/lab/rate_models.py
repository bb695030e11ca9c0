"""Which law a curve follows inside a window: each is fitted to the first 60 % of it and has to predict the rest.

    power law                      ln g = a − p ln t
    power law with a log factor    ln g = a − p ln t ± ln(c + ln t)
    power law plus a constant      g = A t^(−p) + C, C > 0
    geometric                      ln g = a + r t
    geometric with a power of t    ln g = a + r t + m ln t
    geometric plus a constant      g = A exp(r t) + C, C > 0

No curve is its limit law from the start. So a power law may have a transient, B t^(−p−δ), and a constant: C > 0 is a
plateau, C < 0 the first sign of a spectrum that ends, where it crosses over to geometric decay; a geometric law
may have a faster mode. A log factor is held against the best of these.

Of a deterministic curve the residuals are model error, no noise, so information criteria mean nothing: what counts is
the error of the prediction. Laws whose errors differ by less than a factor of three are not distinguishable, and of
nested ones the simpler is taken. Of a random curve a law is refused where its prediction misses by more than what whole
seeds, drawn anew, explain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from convlab.core.verdict import CONSTANT, GEOMETRIC, GEOMETRIC_FLOOR, GEOMETRIC_POWER, POWER, POWER_FLOOR, POWER_LOG
from convlab.lab.windows import Curve, Kind

TRAIN = 0.6
_ALIKE = 3.0  # errors of prediction within this factor do not tell laws apart
_EXACT = 1e-10  # and none below this one
_SIGMAS = 2.6  # of a random curve's prediction, two-sided 99 %
_FAR = 6.0  # of the plain law, where a factor is to be taken instead
_LOG_NEEDS = 3 * math.log(10)  # a log factor is told from a power over three decades, not over fewer
_SHIFTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)  # c of the log factor
_SMALL = 0.7  # of the main term: a correction is no larger
_LARGEST = 300.0  # of an exponent: squares stay finite
_ZOOMS = 9  # of the exponent, each to a quarter of the interval before
_POWERS = {"power": (1.0, -1.0), "linear": (1.0, 2.0, -1.0)}  # of the factor: ln(c + ln t), or t
_TRANSIENTS = {"power": (0.5, 1.0), "linear": (3.0, 8.0, 20.0)}  # δ; of the geometric law in units of 1/(t_1 − t_0)
_NAMES = {"power": (POWER, POWER_LOG, POWER_FLOOR), "linear": (GEOMETRIC, GEOMETRIC_POWER, GEOMETRIC_FLOOR)}


@dataclass(frozen=True)
class Law:
    """A law, how far it misses what it had to predict, and the factor to take off before its exponent is read."""

    name: str
    error: float
    factor: np.ndarray | float = 0.0


@dataclass(frozen=True)
class Choice:
    """The law that is taken, the names of those that are not distinguishable from it, and the factors of all these;
    ``error`` is that of the best one's prediction; ``beyond_noise`` of a random curve that no law predicts within its
    noise, so that it was judged as a deterministic one."""

    name: str
    others: tuple[str, ...]
    factors: tuple[np.ndarray | float, ...]
    error: float = math.inf
    beyond_noise: bool = False


def choose(curve: Curve, kind: Kind) -> Choice:
    """The law of a curve that has been cut to its window."""
    x = curve.x(kind)
    train = x <= x[0] + TRAIN * (x[-1] - x[0])
    plain, factor, _ = _NAMES[kind]
    if train.sum() < 2 or (~train).sum() < 1:
        return Choice(plain, (), (0.0,))
    if float(np.ptp(curve.y)) <= 1e-9:
        return Choice(CONSTANT, (), (0.0,))
    other: Kind = "linear" if kind == "power" else "power"
    laws = [Law(plain, _miss(curve, kind, train, 0.0))]
    laws += [Law(factor, _miss(curve, kind, train, f), f) for f in _factors(curve, kind)]
    laws.append(Law(_NAMES[other][0], _miss(curve, other, train, 0.0)))
    range_ = float(x[-1] - x[0]) if kind == "power" else math.inf
    if curve.draws is not None:
        if any(law.error <= _SIGMAS for law in laws):
            return _within_noise(laws, kind, range_)
        return replace(choose(replace(curve, draws=None), kind), beyond_noise=True)
    if laws[0].error <= _EXACT:
        return Choice(plain, (), (0.0,), laws[0].error)
    rivals = any(law.error <= _ALIKE * laws[0].error for law in laws[1:])  # else a transient could change nothing
    for delta in (None, *(_TRANSIENTS[kind] if rivals else ())):
        for constant in (False, True):
            if constant or delta is not None:
                laws.append(Law(*_with_more(curve, kind, train, delta, constant)))
    return _by_prediction(laws, kind, range_)


def log_factors(curve: Curve) -> list[np.ndarray]:
    """ln of the log factors (c + ln t)^(±1), c = 0, 1, 2, over a curve: those of theorems."""
    logs = np.log(curve.t)
    return [q * np.log(c + logs) for q in _POWERS["power"] for c in (0.0, 1.0, 2.0) if c + logs[0] > 0]


def _factors(curve: Curve, kind: Kind) -> list[np.ndarray]:
    logs = np.log(curve.t)
    if kind == "linear":
        return [m * logs for m in _POWERS[kind]]
    return [q * np.log(c + logs) for q in _POWERS[kind] for c in _SHIFTS if c + logs[0] > 0.1]


def _miss(curve: Curve, kind: Kind, train: np.ndarray, factor: np.ndarray | float) -> float:
    """The root mean square of prediction − curve where it was predicted; of a random curve in standard deviations,
    the larger of those of its two halves."""
    x, y = curve.x(kind), curve.y - factor
    predict = _prediction(x, train)
    if curve.draws is None:
        return float(np.sqrt(np.mean((predict @ y - y[~train]) ** 2)))
    (test,) = np.nonzero(~train)
    contrasts = predict - np.eye(len(x))[test]
    halves = np.array([half.mean(axis=0) for half in np.array_split(contrasts, 2) if len(half)])
    spread = np.std((curve.draws - factor) @ halves.T, axis=0)
    return float(np.max(np.abs(halves @ y) / np.where(spread > 0, spread, np.inf)))


def _prediction(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The matrix that takes a curve to the continuation of the line through its first part."""
    design = np.stack([np.ones_like(x), (x - x[0]) / (x[-1] - x[0])], axis=1)
    full = np.zeros((int((~train).sum()), len(x)))
    full[:, train] = design[~train] @ np.linalg.pinv(design[train])
    return full


def _with_more(curve: Curve, kind: Kind, train: np.ndarray, delta: float | None, constant: bool) -> tuple[str, float]:
    """Name and miss of A φ(p) + B φ(p + δ) + C, φ(p) = t^(−p) or exp(−pt), with p by zooms and the rest by relative
    least squares; without B where δ is None. Both are corrections, each smaller than A φ(p) wherever it is fitted."""
    plain, _, floor = _NAMES[kind]
    x, y = curve.x(kind) - curve.x(kind)[0], curve.y - curve.y[0]
    faster = None if delta is None else delta if kind == "power" else delta / x[-1]
    steep = max(abs(float(np.polyfit(x[train], y[train], 1)[0])), 1e-12)
    tried = steep * np.linspace(0.5, 1.8, 27)
    for _ in range(_ZOOMS):
        columns, amplitudes = _amplitudes(x, y, train, tried, faster, constant)
        terms = columns[:, train] * amplitudes[:, None]
        small = np.all(np.abs(terms[:, :, 1:]) <= _SMALL * terms[:, :, :1], axis=(1, 2))
        left = np.where(small, np.sum((terms.sum(axis=2) - 1) ** 2, axis=1), np.inf)
        if not small.any():
            return plain, math.inf
        k = int(np.argmin(left))
        found, width = float(tried[k]), float(tried[1] - tried[0])
        tried = np.linspace(max(found - width, 0.05 * steep), found + width, 9)
    predicted = columns[k, ~train] @ amplitudes[k]
    name = floor if constant and amplitudes[k, -1] > 0 and delta is None else plain
    return name, float(np.sqrt(np.mean(np.log(predicted) ** 2))) if np.all(predicted > 0) else math.inf


def _amplitudes(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, tried: np.ndarray, faster: float | None, constant: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The terms over the curve [P, K, C] for each exponent tried, and their least squares amplitudes [P, C]."""
    decays = [tried, *([tried + faster] if faster is not None else []), *([0 * tried] if constant else [])]
    columns = np.stack([np.exp(np.minimum(-each[:, None] * x - y, _LARGEST)) for each in decays], axis=-1)
    seen = columns[:, train]
    size = np.sqrt(np.sum(seen**2, axis=1))
    scaled = seen / size[:, None]
    normal = np.swapaxes(scaled, 1, 2) @ scaled + 1e-13 * np.eye(len(decays))
    return columns, np.linalg.solve(normal, scaled.sum(axis=1)[..., None])[..., 0] / size


def _by_prediction(laws: list[Law], kind: Kind, range_: float) -> Choice:
    """A law with a factor has to be three times as good as all without, and over three decades, to be told from them;
    where it is as good, and no better, it is not distinguishable."""
    plain, factor, floor = _NAMES[kind]
    names = dict.fromkeys(law.name for law in laws)
    errors = {name: min(law.error for law in laws if law.name == name) for name in names}
    bare = laws[0].error
    errors[plain] = min(errors[plain], errors.get(floor, math.inf))  # a constant is no other law, but a correction
    best = max(min(errors.values()), _EXACT)
    alike = [name for name in errors if errors[name] <= _ALIKE * best and name != floor]
    chosen = plain if plain in alike else alike[0]
    if chosen == factor and range_ < _LOG_NEEDS:
        chosen, alike = plain, [plain, *alike]
    others = tuple(name for name in alike if name != chosen)
    limit = _ALIKE * max(best, errors.get(factor, math.inf) if factor in alike else 0.0)
    factors = [law.factor for law in laws if law.name == factor in alike and law.error <= limit]
    bent = floor in errors and errors[floor] <= _ALIKE * best and bare > _ALIKE * max(errors[floor], _EXACT)
    name = floor if chosen == plain and bent else chosen
    return Choice(name, others, (*((0.0,) if plain in (chosen, *others) else ()), *factors), best)


def _within_noise(laws: list[Law], kind: Kind, range_: float) -> Choice:
    """Every law that predicts within the noise of the seeds. The plain one stays, unless it is far outside of the noise
    over three decades and a factor is not: within fewer a transient bends a curve as a factor does."""
    plain, factor, _ = _NAMES[kind]
    accepted = [law for law in laws if law.error <= _SIGMAS]
    names = list(dict.fromkeys(law.name for law in accepted))
    far = laws[0].error > _FAR and range_ >= _LOG_NEEDS
    chosen = factor if factor in names and far else plain
    factors = [law.factor for law in accepted if law.name == factor]
    others = tuple(name for name in names if name != chosen)
    return Choice(chosen, others, (*((0.0,) if chosen == plain else ()), *factors))
