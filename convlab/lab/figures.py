"""The ``[figures]`` table of an experiment file: which figures a run draws, and what their x axis counts."""

from __future__ import annotations

from typing import Any

from convlab.core.axes import X_AXES, XAxis
from convlab.core.errors import nearest
from convlab.lab.faults import given
from convlab.lab.parts import Reader
from convlab.lab.spec import FIGURES, Key

_ALLOWED = ("kinds", "x")


def read_figures(reader: Reader, table: Any) -> tuple[tuple[str, ...], XAxis]:
    """The kinds of figures, and the x axis: steps, epochs or row gradients. Mistakes go to the reader's faults."""
    kinds, x = FIGURES, X_AXES[0]
    if table is None:
        return kinds, x
    if not isinstance(table, dict):
        reader.faults.add(("figures",), f'{given(table)} is not a table, such as [figures] with kinds = ["gap_curves"]')
        return kinds, x
    for name in table:
        if name not in _ALLOWED:
            reader.faults.add(("figures", name), f"unknown key; {nearest(name, _ALLOWED)}")
    if "kinds" in table:
        kinds = _kinds(reader, table["kinds"], ("figures", "kinds"))
    wanted = table.get("x", x)
    if wanted not in X_AXES:
        hint = nearest(wanted, X_AXES) if isinstance(wanted, str) else f"allowed: {', '.join(X_AXES)}"
        reader.faults.add(("figures", "x"), f"{given(wanted)} is no x axis; {hint}")
        return kinds, x
    return kinds, wanted


def _kinds(reader: Reader, written: Any, key: Key) -> tuple[str, ...]:
    listed = [written] if isinstance(written, str) else written
    if not isinstance(listed, list) or not listed or not all(isinstance(name, str) for name in listed):
        reader.faults.add(key, f'{given(written)} is not a list of plots, such as ["gap_curves", "bound_ratio"]')
        return FIGURES
    known = reader.catalog.names("plots")
    for index, name in enumerate(listed):
        if name not in known:
            reader.faults.add((*key, index), f"unknown plot {name!r}; {nearest(name, known)}")
    return tuple(dict.fromkeys(listed))
