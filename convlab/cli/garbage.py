"""How often Python looks for garbage in a process of convlab's own."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

# A run makes half a million objects that stay, most of them by importing and tracing, and next to no cycles. To go
# through them 600 times took a tenth of a small run; memory is as it was.
_SELDOM = (20_000, 10, 10)


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """A scope in which cycles are looked for after 20,000 new objects instead of 700."""
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
