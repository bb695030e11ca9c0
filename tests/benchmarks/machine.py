"""The kind of machine and the versions, as they are written beside times: no name of a host, no path."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("jax", "jaxlib", "optax", "numpy", "scipy", "scikit-learn", "numba", "optimistix", "torch", "benchopt")


def described() -> dict[str, Any]:
    return {"machine": kind(), "versions": {"python": platform.python_version(), **dict(_versions())}}


def kind() -> str:
    """Architecture, system, and what the processor calls itself."""
    words = [platform.machine(), platform.system()]
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(encoding="utf-8"), re.MULTILINE)
        words += [named.group(1).strip()] if named else []
    return ", ".join(words)


def _versions() -> list[tuple[str, str]]:
    found = []
    for name in PACKAGES:
        try:
            found.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return found
