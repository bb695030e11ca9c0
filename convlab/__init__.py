"""convlab: run an optimizer on a problem, and hold what was measured against what is proved.

``convlab.run("quickstart")`` runs an experiment; ``convlab.minimize`` runs an optimizer on any JAX function;
``convlab.gd``, ``convlab.newton`` and every other optimizer and problem of the catalogue are reachable by name;
``convlab.calculus`` holds derivatives, Taylor expansions and matrix identities for any JAX function;
``convlab.rates.estimate(t, values)`` is the rate of any curve, with an interval and the window it was read from.
Importing convlab is fast, imports no jax, and changes no global setting.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

_API = {  # name -> the file of convlab.lab that defines it
    "run": "frontend",
    "minimize": "minimize",
    "judge": "review",
    "plot": "review",
    "doctor": "environment",
    "load_experiment": "config",
}
_MODULES = {"calculus": "convlab.calculus", "rates": "convlab.lab.rates"}


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    import importlib

    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name in _API:
        return getattr(importlib.import_module(f"convlab.lab.{_API[name]}"), name)
    from convlab.lab import catalog

    for kind in ("optimizers", "problems"):
        if name in catalog.names(kind):
            return catalog.load(kind, name)
    raise AttributeError(f"module 'convlab' has no attribute '{name}'")


def __dir__() -> list[str]:
    from convlab.lab import catalog

    return sorted([*_API, *_MODULES, "__version__", *catalog.names("optimizers"), *catalog.names("problems")])
