"""All tests here run in float64, with strict promotion of dtypes and ranks, as the lab does."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture(autouse=True)
def strict_float64() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield
