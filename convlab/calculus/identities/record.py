"""An identity of matrix calculus as a record: a function, its closed-form derivative, and where it is valid.

Outputs first: the closed form has the shape of the output followed by that of the input, ∂f_ij/∂X_kl at [i, j, k, l].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MML = "Deisenroth, Faisal, Ong, Mathematics for Machine Learning, 2020"
COOKBOOK = "Petersen and Pedersen, The Matrix Cookbook, 2012"
MAGNUS = "Magnus and Neudecker, Matrix Differential Calculus, 1988"


@dataclass(frozen=True)
class Sample:
    """A valid input: the point ``at`` which is differentiated, and the ``constants``, by their names.

    A constant that is a Python int (the power in tr(Xᵏ)) stays one; all others are arrays.
    """

    at: np.ndarray
    constants: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Identity:
    """∂f/∂X in closed form, outputs first.

    ``function(X, **constants)`` is written with jax.numpy; ``derivative(X, **constants)``, the closed form, is written
    with numpy alone, so that JAX has no part in it, and has the output's shape followed by X's.

    ``sample(rng, size)`` draws a valid, well-conditioned `Sample`; where the identity allows it, the lengths of its
    axes differ, so that a transposed closed form cannot pass. ``condition(X, **constants)`` is the condition number of
    what is inverted, where an inverse or a determinant occurs: the error that is allowed grows with it.
    """

    name: str
    number: str  # in the table of identities of MML, section 5.5; "" for those that are not in it
    formula: str  # LaTeX
    text: str  # the same for a terminal
    conditions: str
    function: Callable[..., Any]
    derivative: Callable[..., Any]
    sample: Callable[[np.random.Generator, int], Sample]
    source: str
    condition: Callable[..., float] | None = None
