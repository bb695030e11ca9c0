"""Counting what a run compiles: programs built, programs from the cache, and the seconds that either took."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_COMPILE = "/jax/core/compile/backend_compile_duration"
_FOUND = "/jax/compilation_cache/cache_hits"
_BEFORE = ("/jax/core/compile/jaxpr_trace_duration", "/jax/core/compile/jaxpr_to_mlir_module_duration")


@dataclass
class Compiled:
    """What was compiled so far. JAX tells of a program's compilation when it ends, of one that was found as well."""

    built: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    building: float = 0.0  # seconds
    loading: float = 0.0
    before: float = 0.0  # tracing and lowering, which no cache saves
    _hit: bool = False

    def see(self, event: str, **kwargs: Any) -> None:
        """A listener of JAX's events."""
        self._hit = self._hit or event == _FOUND

    def time(self, event: str, duration_secs: float, **kwargs: Any) -> None:
        """A listener of JAX's durations."""
        if event in _BEFORE:
            self.before += duration_secs
        if event != _COMPILE:
            return
        called = str(kwargs.get("fun_name", "?")).strip("<>_")
        if self._hit:
            self.found[called] += 1
            self.loading += duration_secs
        else:
            self.built[called] += 1
            self.building += duration_secs
        self._hit = False

    def lines(self) -> Iterator[str]:
        """A line that sums up, and which programs there were."""
        built, found = self.built.total(), self.found.total()
        yield (
            f"{built + found} programs: {built} compiled in {self.building:.1f} s, {found} from the cache in "
            f"{self.loading:.1f} s; {self.before:.1f} s of tracing and lowering"
        )
        both = (self.built + self.found).most_common()
        if both:
            yield "  " + ", ".join(f"{name} {times}" for name, times in both)


@contextlib.contextmanager
def counted() -> Iterator[Compiled]:
    """Counts the programs of this scope, in all threads."""
    from jax import monitoring

    compiled = Compiled()
    monitoring.register_event_listener(compiled.see)
    monitoring.register_event_duration_secs_listener(compiled.time)
    try:
        yield compiled
    finally:
        monitoring.unregister_event_listener(compiled.see)
        monitoring.unregister_event_duration_listener(compiled.time)
