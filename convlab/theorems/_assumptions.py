"""Hypotheses that several theorems share, and the logarithms their bounds are written in."""

from __future__ import annotations

import math
from collections.abc import Callable

from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, needs

_ULPS = 1 + 2.0**-50  # "1/(2*L)" and "0.5/L" are one step size, whichever way they were rounded

GRADIENT_STEP = needs("gradient step", "steps theta - step_size * grad f_t")
EXACT = needs("exact oracle", "the exact oracle, f_t = R")
UNBIASED = needs("unbiased", "an unbiased oracle, E f_t = R, with independent draws")
CONVEX_SAMPLES = needs("convex smooth samples", "samples f_t that are convex and smooth")
CONVEX = needs("convex", "a convex risk")
SMOOTH = needs("smooth", "an L-smooth risk")
STRONGLY_CONVEX = needs("strongly convex", "a strongly convex risk, mu > 0")
HAS_MINIMISER = needs("has minimiser", "a risk that attains its minimum")


def log(x: float) -> float:
    """ln x, with ln 0 = −∞.

    >>> log(0.0)
    -inf
    """
    return math.log(x) if x > 0 else -math.inf


def constant_step(words: str, limit: Callable[[Setting], float], strict: bool) -> Assumption:
    """One step size η > 0 during the whole run, below ``limit`` (strict) or at most at it; ``words`` name the limit.

    Values are compared, never texts: "1/L" and the number that it stands for are the same step.
    """

    def holds(setting: Setting) -> bool:
        eta = setting.step_size()
        if not (setting.constant_step and eta > 0):
            return False
        return eta < limit(setting) if strict else eta <= limit(setting) * _ULPS

    def finding(setting: Setting) -> str:
        name = "step_size" if "step_size" in setting.hyper else "learning_rate"
        hyper, eta = setting.hyper[name], setting.step_size()
        if not setting.constant_step:
            return f"{name} = {hyper.written} varies with t"
        chosen = f"{name} = {hyper.written}" + ("" if _is_number(hyper.written) else f" = {eta:.6g}")
        if not eta > 0:
            return f"{chosen} is not positive"
        return f"{chosen} {'exceeds' if eta > limit(setting) else 'reaches'} {words} = {limit(setting):.6g}"

    relation = "<" if strict else "<="
    return Assumption(f"a constant step_size with 0 < step_size {relation} {words}", holds, None, finding)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def below_two_over_l() -> Assumption:
    """0 < η < 2/L: the whole range on which gradient descent converges on every L-smooth convex risk."""
    return constant_step("2/L", lambda setting: 2 / setting["L"], strict=True)


def contraction(setting: Setting) -> float:
    """r = max(|1 − ηL|, |1 − ημ|), by which a gradient step on an L-smooth, μ-strongly convex R contracts distances."""
    eta = setting.step_size()
    return max(abs(1 - eta * setting["L"]), abs(1 - eta * setting["mu"]))
