"""What an item of the lecture shows when it is run: a table, and what it says in words."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shown:
    """A table of texts, ``header`` over ``rows``, with ``notes`` below it; ``well`` is whether all of it held."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = field(default=())
    well: bool = True


def digits(value: float) -> str:
    """A number as tables show it: six digits, and an error's size in two.

    >>> digits(2 / 3), digits(0.0), digits(1.234e-13)
    ('0.666667', '0', '1.2e-13')
    """
    if value == 0:
        return "0"
    return f"{value:.1e}" if abs(value) < 1e-4 or abs(value) >= 1e7 else f"{value:.6g}"
