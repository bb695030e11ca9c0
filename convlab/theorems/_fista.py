"""FISTA's momentum, which the theorems on it share: λ_1 = 1, λ_{t+1} = (1 + √(1 + 4λ_t²))/2."""

from __future__ import annotations

import functools
import math

import numpy as np

from convlab.core.setting import Setting
from convlab.theorems._assumptions import log


@functools.lru_cache(maxsize=64)
def _lambdas(count: int) -> np.ndarray:
    """λ_1 … λ_count."""
    found = [1.0]
    while len(found) < count:
        found.append((1 + math.sqrt(1 + 4 * found[-1] ** 2)) / 2)
    return np.array(found)


def _lambda(t: int) -> float:
    # tables of doubling sizes: a run that is judged at many t computes few
    return float(_lambdas(1 << (t - 1).bit_length())[t - 1]) if t > 1 else 1.0


def log_bound(setting: Setting, t: int) -> float:
    """ln of D²/(2η λ_t²)."""
    return 2 * log(setting["D"]) - math.log(2) - log(setting.step_size()) - 2 * math.log(_lambda(t))


def pushed(x: float, push: float, t: int) -> float:
    """x_t where every step is ``push`` = η·(the slope): z_t = z_{t−1} − push·λ_t, λ_t x_t = (λ_t − 1)x_{t−1} + z_t."""
    z, size = x, 1.0
    for _ in range(t):
        z -= push * size
        x += (z - x) / size
        size = 0.5 + math.sqrt(0.25 + size**2)
    return x
