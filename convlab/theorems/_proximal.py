"""Hypotheses that the theorems on proximal gradient methods share."""

from __future__ import annotations

from convlab.core.theorem import needs
from convlab.theorems._assumptions import constant_step

PROXIMAL_STEP = needs("proximal gradient step", "proximal gradient steps prox(theta - step_size * grad f)")
COMPOSITE = needs("smooth plus simple", "R = f + h with f L-smooth and the proximal map of h in closed form")
AT_MOST_ONE_OVER_L = constant_step("1/L", lambda setting: 1 / setting["L"], strict=False)
