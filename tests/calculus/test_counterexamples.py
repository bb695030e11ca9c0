"""A smooth function that is not its Taylor series, and mixed derivatives that differ."""

from __future__ import annotations

import math

import jax.numpy as jnp
import pytest

from convlab.calculus.counterexamples import flat_function, peano_function
from convlab.calculus.derivatives import gradient, hessian
from convlab.calculus.taylor import taylor


def test_every_derivative_of_the_flat_function_is_zero_and_it_is_not() -> None:
    T = taylor(flat_function, 0.0, 6)
    assert [float(t) for t in T.tensors] == [0.0] * 7
    assert float(flat_function(jnp.array(0.5))) == pytest.approx(math.exp(-4.0), rel=1e-15)
    for h in (1e-1, 1e-2):  # its difference quotients of every order tend to 0, faster than any power
        assert float(flat_function(jnp.array(h))) / h**20 < 1e-20
    slope = gradient(flat_function, 0.4)  # 2/x³ e^(−1/x²)
    assert float(slope) == pytest.approx(2 / 0.4**3 * math.exp(-1 / 0.16), rel=1e-13)


def test_the_mixed_derivatives_of_peanos_function_differ_at_zero_and_nowhere_else() -> None:
    for h in (0.5, 1e-3, 1e-9):
        along_y, along_x = gradient(peano_function, [0.0, h])[0], gradient(peano_function, [h, 0.0])[1]
        assert float(along_y) / h == pytest.approx(-1.0, rel=1e-14)  # ∂/∂y of ∂f/∂x at 0
        assert float(along_x) / h == pytest.approx(1.0, rel=1e-14)  # ∂/∂x of ∂f/∂y
    H = hessian(peano_function, [0.3, -0.7])
    assert float(H[0, 1]) == pytest.approx(float(H[1, 0]), rel=1e-13)
