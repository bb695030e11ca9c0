"""Hypotheses that the theorems on Nesterov's accelerated gradient share."""

from __future__ import annotations

from convlab.core.theorem import needs
from convlab.theorems._assumptions import constant_step

NESTEROV_STEP = needs("Nesterov step", "Nesterov steps x_{i+1} = y_i - step_size * grad R(y_i)")
AT_MOST_ONE_OVER_L = constant_step("1/L", lambda setting: 1 / setting["L"], strict=False)
