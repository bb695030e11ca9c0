"""How the minimum of a problem is known, in words: its interval, how far θ* may be off, D, and the method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convlab.core.setting import Known

if TYPE_CHECKING:
    from convlab.core.problem import Problem


def told(problem: Problem) -> str:
    """Lines for a reader.

    >>> from convlab.problems.huber import huber
    >>> print(told(huber(kink=0.25)))
    R* = 0 exactly; theta* without error
    D = 1 exactly; R(theta0) - R* = 0.21875 exactly
    closed form: x* = 0 and f* = 0 exactly
    """
    optimum = problem.optimum
    if optimum is None:
        return f"R* is not certified: {problem.certificate}"
    low, high, radius = float(optimum.risk_low), float(optimum.risk_high), float(optimum.radius)
    first = f"R* {_ends(low, high)}"
    if low < high:
        size = max(abs(low), abs(high))
        first += f", a width of {(high - low) / size:.1e} relative to R*"
    if optimum.hi is None:
        first += "; no minimiser"
    else:
        first += f"; theta* within {radius:.1e}" if radius else "; theta* without error"
    facts = [("D", "D"), ("R(theta0) - R*", "initial_gap")]
    second = "; ".join(f"{words} {_known(problem.known[name])}" for words, name in facts if name in problem.known)
    return "\n".join([first, second, problem.certificate] if second else [first, problem.certificate])


def _ends(low: float, high: float) -> str:
    return f"= {high:.17g} exactly" if low == high else f"in [{low:.17g}, {high:.17g}]"


def _known(known: Known) -> str:
    if known.how == "exact":
        return f"= {known.value:.17g} exactly"
    if known.low is not None:
        return _ends(known.low, known.value)
    words = {"upper bound": "<=", "lower bound": ">="}
    return f"{words.get(known.how, '=')} {known.value:.17g} ({known.how})"
