"""Trace: what was measured along the runs of one cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from convlab.core.setting import Setting

OF_STEPS = ("step2", "model_decrease", "model_error")
OF_STATIONARY = ("stationary_gap", "stationary_dist2")
QUANTITIES = ("gap", "grad_norm2", "dist2", "decrement2", "noise2", "longest2", *OF_STATIONARY, *OF_STEPS)


@dataclass(frozen=True)
class Trace:
    """Measurements of one cell at K checkpoints for S seeds.

    ``t`` [K] counts steps: θ_t is the point before step t, so t = 0 is the start and t = T the end.
    ``measured[output][quantity]`` is an array [S, K]: gap = R(θ) − R(θ*), grad_norm2 = ‖∇R(θ)‖², dist2 = ‖θ − θ*‖², and
    for self-concordant problems decrement2 = ∇Rᵀ(∇²R)⁻¹∇R. It is NaN from where a run diverged on (files store only the
    part before), and where the quantity does not exist (dist2 without a minimiser). Where the problem has a
    certified stationary point θ̄ instead of a minimiser, stationary_gap = R(θ) − R(θ̄), which may be negative, and
    stationary_dist2 = ‖θ − θ̄‖².

    Where a claim or a figure asks for it, the output "last" has three quantities of the step s = θ_t − θ_{t−1}, each
    kept at t: step2 = ‖s‖², model_decrease = −⟨∇R(θ_{t−1}), s⟩ − ½ sᵀ∇²R(θ_{t−1}) s, the decrease that the quadratic
    model of R at θ_{t−1} predicts, and model_error = R(θ_t) minus the model at θ_t, so that the step decreased R by
    model_decrease − model_error. They are NaN where t − 1 is no checkpoint, and model_error where it could not be
    measured to 1e-10 relative.

    ``floor_of(quantity, output)`` is the size [S, K] below which rounding decides: such points are drawn grey, and
    neither fitted nor judged. It is read from ``floor``: "output.quantity" holds the prediction for each checkpoint,
    [K] or [S, K]; where there is none "quantity" holds one number for all, and ``gradient_rounding`` is the root of
    that of "grad_norm2".
    ``error[quantity]`` bounds the absolute error of a measurement (the width of the interval for R(θ*)),
    ``relative[quantity]`` its relative error, beyond that of sums. ``status[s]`` is "done" or "diverged";
    ``rows_per_step`` the row gradients that a step costs. ``dimension`` is the number of parameters and ``rows`` that
    of the data (0 without data): the lengths of the sums whose rounding a ruling allows for. ``confirms_only`` names
    outputs that, under a random oracle, see f_t instead of R, so that a bound may be confirmed on them and never
    refuted. ``points`` [S, K, 2] is the last iterate of a two-dimensional problem, for a picture of its way.

    Where a theorem in play reads a constant of the noise, "last" has noise2 = E‖∇f_t(θ) − ∇R(θ)‖² and longest2 =
    sup ‖∇f_t(θ)‖² over all samples, and ``observed`` a lower end of the noise at θ*, "sigma_star". ``risk_star`` is the
    interval that R(θ*) lies in, and ``certificate`` says how it is known.
    """

    setting: Setting
    t: np.ndarray
    seeds: tuple[int, ...]
    measured: Mapping[str, Mapping[str, np.ndarray]]
    floor: Mapping[str, float | np.ndarray]
    error: Mapping[str, float]
    status: tuple[str, ...]
    rows_per_step: float = 1.0
    label: str = ""
    origin: Mapping[str, str] = field(default_factory=dict)  # the task's files, data's hash
    dimension: int = 1
    rows: int = 0
    relative: Mapping[str, float] = field(default_factory=dict)
    confirms_only: tuple[str, ...] = ()
    points: np.ndarray | None = None
    observed: Mapping[str, float] = field(default_factory=dict)
    risk_star: tuple[float, float] | None = None
    certificate: str = ""

    def floor_of(self, quantity: str, output: str = "last") -> np.ndarray:
        """The size [S, K] of a quantity below which rounding decides, at every checkpoint; 0 where nothing is said."""
        found = self.floor.get(f"{output}.{quantity}", self.floor.get(quantity, 0.0))
        return np.broadcast_to(np.asarray(found, dtype=float), (len(self.seeds), len(self.t)))

    @property
    def gradient_rounding(self) -> float:
        """ε, the rounding error of the gradients that the run saw near θ*."""
        return math.sqrt(float(np.max(self.floor.get("grad_norm2", 0.0))))

    def mean(self, output: str, quantity: str) -> np.ndarray:
        """The mean over seeds [K]; NaN from the first divergence of any seed on."""
        return np.asarray(self.measured[output][quantity].mean(axis=0))
