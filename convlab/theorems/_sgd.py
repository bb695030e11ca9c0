"""What theorems on stochastic gradients share: hypotheses, sums of step sizes, expectations over all paths of signs."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from convlab.core.errors import Unknown
from convlab.core.expression import Expression
from convlab.core.setting import Setting
from convlab.core.theorem import Assumption, needs

Array = npt.NDArray[np.float64]
SUBGRADIENT_STEP = needs("subgradient step", "steps P(theta - step_size * g_t), g_t a subgradient of f_t")
UNIFORM_VARIANCE = needs("uniform variance", "noise whose variance is bounded alike at every theta")
_ROUNDING = 2.0**-46  # relative; a schedule may be written, and rounded, in more than one way


def steps(setting: Setting, count: int) -> Array:
    """η_0 … η_{count−1} as an array; Unknown where the optimizer has no step size."""
    for name in ("step_size", "learning_rate"):
        if name in setting.hyper:
            hyper = setting.hyper[name]
            if hyper.value is not None:
                return np.full(count, hyper.value)
            return _schedule(hyper.written, tuple(sorted(hyper.names.items())), count)
    raise Unknown("step_size")


@functools.lru_cache(maxsize=8)
def _schedule(written: str, names: tuple[tuple[str, float], ...], count: int) -> Array:
    with np.errstate(all="ignore"):
        values = Expression(written)({**dict(names), "t": np.arange(float(count))}, np)
    return np.broadcast_to(np.asarray(values, dtype=float), (count,))


def _written(setting: Setting) -> str:
    name = "step_size" if "step_size" in setting.hyper else "learning_rate"
    return f"{name} = {setting.hyper[name].written}"


def _all_positive(setting: Setting) -> bool:
    eta = steps(setting, setting.horizon)
    return bool(np.all(np.isfinite(eta) & (eta > 0)))


def _first_not_positive(setting: Setting) -> str:
    eta = steps(setting, setting.horizon)
    t = int(np.argmin(np.isfinite(eta) & (eta > 0)))
    return f"{_written(setting)} is {eta[t]:.6g} at t = {t}"


POSITIVE_STEPS = Assumption("a step_size that is positive at every step", _all_positive, finding=_first_not_positive)

NO_NOISE_AT_THE_MINIMISER = Assumption(
    "interpolation, sigma_star = 0",
    lambda setting: setting["sigma_star"] == 0,
    finding=lambda setting: f"sigma_star = {setting['sigma_star']:.6g}",
)


def schedule(words: str, wanted: Callable[[Setting, Array], Array]) -> Assumption:
    """The step sizes are ``wanted(setting, t)`` for t = 0 … T − 1, to rounding; every one of them is compared."""

    def close(setting: Setting) -> npt.NDArray[np.bool_]:
        eta, best = steps(setting, setting.horizon), wanted(setting, np.arange(float(setting.horizon)))
        return np.asarray(np.abs(eta - best) <= _ROUNDING * best)

    def finding(setting: Setting) -> str:
        t = int(np.argmin(close(setting)))
        best = wanted(setting, np.array([float(t)]))[0]
        return f"{_written(setting)} is {setting.step_size(t):.6g} at t = {t}, where it must be {best:.6g}"

    return Assumption(words, lambda setting: bool(np.all(close(setting))), finding=finding)


def sign_paths(setting: Setting, T: int, slope: Callable[[Array], Array], radius: float = np.inf) -> Array:
    """x_0 … x_{T−1} on all 2^T equally likely paths, [2^T, T]: x ← P(x − η_t(slope(x) ± σ)), P the cut to ±radius."""
    signs = 1.0 - 2.0 * (np.arange(2**T)[:, None] >> np.arange(T) & 1)
    eta, x = steps(setting, T), np.full(2**T, setting["D"])
    points = np.empty((2**T, T))
    for t in range(T):
        points[:, t] = x
        x = np.clip(x - eta[t] * (slope(x) + setting["sigma"] * signs[:, t]), -radius, radius)
    return points


def noisy_second_moments(setting: Setting, curvature: float, t: int) -> Array:
    """E x_0² … E x_t² on (λ/2)x² with additive noise of variance σ²: m ← (1 − η_sλ)² m + η_s²σ²."""
    moments = [setting["D"] ** 2]
    for eta in steps(setting, t):
        moments.append((1 - eta * curvature) ** 2 * moments[-1] + (eta * setting["sigma"]) ** 2)
    return np.array(moments)
