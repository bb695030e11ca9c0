"""Expressions over generated texts: they agree with Python and jax, and raise nothing but our own error."""

from __future__ import annotations

import contextlib
import math

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convlab.core.errors import ConvlabError
from convlab.core.expression import Expression

NAMES = {"L": 3.5, "mu": 0.25, "T": 100.0, "t": 7.0}
SETTINGS = settings(derandomize=True, max_examples=200, deadline=None, database=None)

numbers = st.one_of(st.integers(0, 10**6).map(str), st.floats(1e-6, 1e6).map(repr))
leaves = st.one_of(numbers, st.sampled_from(sorted(NAMES)))


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(st.sampled_from(["sqrt", "log"]), inner).map(lambda parts: f"{parts[0]}(1 + abs_{parts[1]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
        inner.map(lambda text: f"-{text}"),
    ).map(lambda text: text.replace("abs_", ""))


expressions = st.recursive(leaves, grown, max_leaves=8)


@SETTINGS
@given(expressions)
def test_an_expression_is_what_python_says(text: str) -> None:
    space = {**NAMES, "sqrt": math.sqrt, "log": math.log, "min": min, "max": max}
    try:
        truth = float(eval(text, {"__builtins__": {}}, space))
    except (ZeroDivisionError, ValueError, OverflowError):
        return  # ours gives inf or nan there
    assert Expression(text)(NAMES) == pytest.approx(truth, rel=1e-12, nan_ok=True)


@SETTINGS
@given(expressions)
def test_arrays_and_floats_agree(text: str) -> None:
    ours = Expression(text)(NAMES)
    with jax.enable_x64(True):
        arrays = {name: jnp.asarray(value) for name, value in NAMES.items()}
        theirs = float(Expression(text)(arrays, jnp))
    if math.isfinite(ours) and math.isfinite(theirs):
        assert theirs == pytest.approx(ours, rel=1e-12, abs=1e-300)


@SETTINGS
@given(st.text(max_size=60))
def test_any_text_is_a_value_or_one_line(text: str) -> None:
    with contextlib.suppress(ConvlabError):
        assert isinstance(Expression(text)(NAMES), float)
