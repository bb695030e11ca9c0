"""How far the mean over seeds can be trusted: as long as enough of them carry it.

Where a step multiplies the error by a random factor, as stochastic gradient descent does under interpolation, g(t) is
a product of t factors. E g(t) is then carried by seeds that grow rarer exponentially fast in t; sooner or later a
sample lacks them, its mean falls too fast, and drawing seeds anew cannot tell. Kish's effective number of seeds can:

    n_eff(t) = (Σ g_i(t))² / Σ g_i(t)²,    E g² / (E g)² ≈ n / n_eff.

It is n/3 of a squared normal variable at every t, and falls exponentially under multiplication.
Source: Kish (1965), Survey Sampling; that the sampled mean of products fails is Redner (1990), Am. J. Phys. 58, 267.
"""

from __future__ import annotations

import numpy as np

__all__ = ["FEW_SEEDS", "carried"]
FEW_SEEDS = "the mean rests on few seeds"
_SHARE = 6.0  # of the seeds, n/n_eff: twice that of a squared normal variable
_RUN = 3  # checkpoints on end, since at a single one it may be chance
CHOSEN = 1.5  # wider: where the window ends is chosen by the same seeds, and without it 87 to 95 % of intervals cover


def carried(rows: np.ndarray) -> int:
    """At how many of the first points of ``rows`` [S, K] a sixth of the seeds, as an effective number, carries
    the mean: up to where three checkpoints on end, or the last ones, have fewer."""
    n, size = rows.shape
    if n == 1 or not size:
        return int(size)
    shares = rows / np.maximum(rows.max(axis=0), np.finfo(float).tiny)
    squares = np.sum(shares**2, axis=0)
    effective = np.where(squares > 0, shares.sum(axis=0) ** 2 / np.where(squares > 0, squares, 1.0), n)
    few = effective < n / _SHARE
    padded = np.append(few, np.ones(_RUN - 1, dtype=bool))
    onward = np.lib.stride_tricks.sliding_window_view(padded, _RUN).all(axis=1)
    return int(np.argmax(onward)) if onward.any() else size
