"""What theorems on subgradient methods share: hypotheses, step sizes as arrays, and the function that resists."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from convlab.core.errors import Unknown
from convlab.core.expression import Expression
from convlab.core.setting import Hyper, Setting
from convlab.core.theorem import Assumption, needs
from convlab.theorems._assumptions import log

Array = npt.NDArray[np.float64]
_SAME = 1e-12  # relative; a schedule may be rounded in more than one way

SUBGRADIENT_STEP = needs("subgradient step", "steps P(theta - step_size * g), g a subgradient of f_t at theta")
LIPSCHITZ = needs("Lipschitz", "a G-Lipschitz risk")


def step_sizes(setting: Setting) -> Array:
    """η_0, …, η_{T−1} [T], read-only. Raises `Unknown` where the optimizer has no step size."""
    hyper = _hyper(setting)[1]
    if hyper.value is not None:
        return np.full(setting.horizon, hyper.value)
    return _evaluated(hyper.written, tuple(sorted(hyper.names.items())), setting.horizon)


def _hyper(setting: Setting) -> tuple[str, Hyper]:
    for name in ("step_size", "learning_rate"):
        if name in setting.hyper:
            return name, setting.hyper[name]
    raise Unknown("step_size")


@functools.lru_cache(maxsize=8)
def _evaluated(written: str, names: tuple[tuple[str, float], ...], count: int) -> Array:
    t = np.arange(count, dtype=float)
    with np.errstate(all="ignore"):  # what is not finite is found by the assumptions
        values = Expression(written)({**dict(names), "t": t}, np)
    return np.broadcast_to(np.asarray(values, dtype=float), t.shape)


def positive_steps(constant: bool = False) -> Assumption:
    """η_t > 0 and finite at every step of the run; where ``constant``, one number."""

    def fine(eta: Array) -> npt.NDArray[np.bool_]:
        return np.asarray((eta > 0) & np.isfinite(eta))

    def holds(setting: Setting) -> bool:
        return bool(fine(step_sizes(setting)).all()) and (setting.constant_step or not constant)

    def finding(setting: Setting) -> str:
        name, hyper = _hyper(setting)
        if constant and not hyper.constant:
            return f"{name} = {hyper.written} varies with t"
        eta = step_sizes(setting)
        t = int(np.argmin(fine(eta)))
        where = "" if hyper.constant else f" at t = {t}"
        return f"{name} = {hyper.written} is {eta[t]:.6g}{where}"

    return Assumption("a constant step_size > 0" if constant else "step_size > 0 at every t", holds, None, finding)


def schedule(words: str, prescribed: Callable[[Setting, Array], Array]) -> Assumption:
    """η_t = ``prescribed``(setting, t) at every step t = 0, …, T−1 of the run, to 10⁻¹² relative; ``words`` say it."""

    def differs(setting: Setting) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
        with np.errstate(all="ignore"):
            eta, wanted = step_sizes(setting), prescribed(setting, np.arange(setting.horizon, dtype=float))
            return eta, wanted, ~(np.abs(eta - wanted) <= _SAME * np.abs(wanted))

    def finding(setting: Setting) -> str:
        name, hyper = _hyper(setting)
        eta, wanted, wrong = differs(setting)
        t = int(np.argmax(wrong))
        return f"{name} = {hyper.written} is {eta[t]:.6g} at t = {t}, where {wanted[t]:.6g} is needed"

    return Assumption(f"step_size = {words}", lambda setting: not differs(setting)[2].any(), None, finding)


def log_sum_bound(setting: Setting, total: float, squares: float) -> float:
    """ln of (D² + G² Ση_s²)/(2 Ση_s): the sum of ‖θ_{s+1} − θ*‖² ≤ ‖θ_s − θ*‖² − 2η_s(R(θ_s) − R*) + η_s²G² over s,
    ``total`` being Ση_s and ``squares`` Ση_s²."""
    return float(np.logaddexp(2 * log(setting["D"]), 2 * log(setting["G"]) + log(squares))) - log(2 * total)


def resisting_gap(setting: Setting, theta: Array) -> float:
    """R(θ) − R* of R = G·max(max_i θ_i, ‖θ‖ − D(1 + 1/√N)), whose minimum is −GD/√N at −(D/√N)(1, …, 1)."""
    G, D, root = setting["G"], setting["D"], math.sqrt(len(theta))
    return float(G * (max(theta.max(), np.linalg.norm(theta) - D * (1 + 1 / root)) + D / root))


def resisted(setting: Setting, dimension: int, steps: int) -> Iterator[Array]:
    """θ_0 = 0, …, θ_steps of the subgradient method on that R in R^N, N = ``dimension``, by plain recursion.

    The subgradient is G e_i, i the first largest coordinate, or Gθ/‖θ‖ where the norm is strictly larger. While
    ‖θ_t‖ ≤ D(1 + 1/√N), step t lowers coordinate t alone: what was not seen yet stays at 0, and R at 0.
    """
    G, D, theta = setting["G"], setting["D"], np.zeros(dimension)
    yield theta
    for t in range(steps):
        norm = float(np.linalg.norm(theta))
        if norm - D * (1 + 1 / math.sqrt(dimension)) > theta.max():
            subgradient = G * theta / norm
        else:
            subgradient = G * np.eye(1, dimension, int(np.argmax(theta)))[0]
        theta = theta - setting.step_size(t) * subgradient
        yield theta
