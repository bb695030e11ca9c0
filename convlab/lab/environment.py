"""The numerical environment of a run: device, precision, the cache of programs, and the canary. Only this and `runner`
touch `jax.config`."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.errors import ConvlabError
from convlab.lab import cache_folder, program_cache
from convlab.lab.faults import one_line

_SOUND = b"sound"
_CALLS = 10  # a broken jax is wrong in more than half of the calls: 20 right sums leave it less than 1 in 10⁶


@contextlib.contextmanager
def numerics(device: str | None = None, compile_cache: bool = True) -> Iterator[jax.Device]:
    """A scope with 64-bit types, full-precision products, one device and the user's cache of compiled programs.

    Outside it nothing has changed.
    """
    # Three quarters of a GPU's memory would be taken at the start otherwise; read when the backend starts.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    chosen = find_device(device)
    with program_cache.kept(cache_folder.place(compile_cache, threads()), compile_cache), precise(chosen):
        yield chosen


@contextlib.contextmanager
def precise(device: jax.Device) -> Iterator[None]:
    """What `numerics` sets that holds for one thread only: another thread of the scope enters this."""
    with jax.enable_x64(True), jax.default_matmul_precision("highest"), jax.default_device(device):
        yield


def find_device(device: str | None) -> jax.Device:
    """The first device of a kind ("cpu", "gpu"), or jax's own choice. Raises ConvlabError where there is none."""
    there = _devices()
    if device is None:
        return there[0]
    try:
        return jax.devices(device)[0]
    except RuntimeError:
        have = ", ".join(sorted({each.platform for each in there}))
        raise ConvlabError(
            f"--device {device}: jax finds no {device} here, only {have}; use --device cpu, or install jax for it"
        ) from None


def _devices() -> list[jax.Device]:
    """The devices of jax's own choice. Raises ConvlabError where JAX_PLATFORMS names what does not start."""
    try:
        return list(jax.devices())
    except (RuntimeError, AssertionError) as error:
        reason = one_line(str(error) or type(error).__name__)[:200]
        named = os.environ.get("JAX_PLATFORMS", "")
        raise ConvlabError(
            f"jax starts no device with JAX_PLATFORMS='{named}' ({reason}); unset it, or say cpu"
        ) from None


@functools.cache
def canary() -> str | None:
    """None if this jax computes two sums correctly, else a sentence. Some releases are wrong at random, in silence.

    jax 0.10.2, 0.11.1 and 0.11.2 return wrong reductions over broadcast operands on CPU, in more than half of the
    calls.
    """
    with jax.enable_x64(True):
        column = np.ones((1024, 1))
        total = jax.jit(lambda a: jnp.sum(jnp.broadcast_to(a, (2, 1024, 1024))))
        rows = np.linspace(0.0, 1.0, 4 * 900).reshape(4, 900, 1)
        square = jax.jit(lambda a: jnp.mean(jnp.square(jnp.broadcast_to(a, (4, 900, 800)))))
        true_square = float(np.mean(np.square(rows)))
        wrong = sum(
            float(total(column)) != 2.0 * 1024 * 1024 or abs(float(square(rows)) - true_square) > 1e-9
            for _ in range(_CALLS)
        )
    if wrong:
        return (
            f"jax {jax.__version__} returned wrong sums in {wrong} of {_CALLS} calls; "
            "install another release (0.10.1, or 0.12 and later)"
        )
    return None


def require_sound_jax() -> None:
    """Raise rather than compute on a jax that fails the canary.

    Once for each environment: that it passed is kept beside the programs, in the folder of this jax, this processor and
    this number of threads, sealed as they are. A fault is never kept, nor anything where no programs are.
    """
    device = getattr(jax.config, "jax_default_device", None)  # the scope's, not the backend's
    where = f"{jax.default_backend()}, {device}"
    key = f"canary passed: {versions()}, {where}, {os.environ.get('XLA_FLAGS')}, {_CALLS} calls"
    if program_cache.recalled(key) == _SOUND:
        return
    fault = canary()
    if fault:
        raise ConvlabError(fault)
    program_cache.remember(key, _SOUND)


def threads() -> int:
    """The cores that the numbers may depend on: reductions are split over them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Versions of everything that computes."""
    return dict(_versions())


@functools.cache
def _versions() -> dict[str, str]:
    """Read once: each cell's name holds them, and to look them up takes some milliseconds."""
    from convlab import __version__

    packages = ("jax", "jaxlib", "optax", "numpy", "scipy")
    found = {name: metadata.version(name) for name in packages}
    return {"convlab": __version__, "python": platform.python_version(), **found}


def doctor() -> list[tuple[str, str, bool]]:
    """What `convlab doctor` reports: (what, finding, whether it is well)."""
    rows = [(name, version, True) for name, version in versions().items()]
    rows.insert(0, ("platform", f"{platform.machine()} {platform.system()}, {threads()} cores", True))
    rows += [("device", f"{each.platform}: {each.device_kind}", True) for each in _devices()]
    gpu = any(each.platform == "gpu" for each in _devices())
    rows.append(("gpu", "found" if gpu else "none found; runs use the CPU", True))
    with numerics():
        wide = jnp.asarray(1.0).dtype == jnp.float64 and 1.0 + 2.0**-52 > 1.0
        product = jnp.ones((1, 2)) @ jnp.asarray([[1.0], [2.0**-40]])
        exact = float(product[0, 0]) == 1.0 + 2.0**-40
    rows.append(
        ("precision", "float64 in the lab's scope" if wide and exact else "float64 is not at work", wide and exact)
    )
    outside = jnp.asarray(1.0).dtype
    rows.append(("outside the scope", f"{outside} (jax's own setting, left as it is)", True))
    fault = canary()
    rows.append(("canary", fault or f"{2 * _CALLS} sums over broadcast operands right", fault is None))
    rows.append(("compiled programs", _programs(), True))
    rows.append(("stdout encoding", str(sys.stdout.encoding), True))
    return rows


def _programs() -> str:
    """Where compiled programs are kept, how many there are and how large; or why they are not kept."""
    where = cache_folder.place(True, threads())
    count, size = cache_folder.size()
    told = str(where.folder) if where.folder else where.why
    return f"{told}; {count} kept, {size / 2**20:.1f} of at most {program_cache.MOST_BYTES >> 20} MiB"


def place(device: jax.Device) -> dict[str, Any]:
    """Where a run takes place: what is recorded beside its numbers."""
    return {
        "host": platform.node(),
        "machine": platform.machine(),
        "threads": threads(),
        "device": f"{device.platform}: {device.device_kind}",
        "versions": versions(),
    }
