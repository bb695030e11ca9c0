"""Hypotheses that the theorems on Newton's method share."""

from __future__ import annotations

from convlab.core.theorem import needs

FULL_STEP = needs("full Newton step", "full Newton steps: step_size 1, no ridge, no backtracking, solver direct")
DAMPED_STEP = needs("self-concordant Newton step", "damped Newton steps, of length 1/(1 + decrement), solver direct")
SELF_CONCORDANT = needs("self-concordant", "a self-concordant risk")
