"""A GPU: do its numbers agree with the CPU's, from which width on is it busy, and what share of it is used then?

    python -m tests.benchmarks.gpu --device cpu --write agreement.npz      # on any machine: what the CPU measures
    python -m tests.benchmarks.gpu --device gpu --against agreement.npz --out results/benchmarks
    python -m tests.benchmarks.gpu_page                                    # the page and its figure

Agreement comes first: every quantity that runs through the public runner measure, above the floor of its trace. Then
time per step and run over the width (the number of runs at once) for four works, beside a plain optax scan and, where
torch is installed, a loop of batched torch operations and its CUDA graph. The least traffic of a step is its iterate,
read and written: the data of all works fits into the GPU's cache.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from convlab.core.trace import Trace
from convlab.lab import environment, runner
from tests.benchmarks.gpu_works import (
    BREAST_CANCER,
    CONTENDERS,
    DIGITS,
    ONE_ROW,
    SGD,
    WORKS,
    Work,
    median,
    settled_batch,
)

AGREE: dict[str, dict[str, Any]] = {
    "gd, logistic": {"problem": BREAST_CANCER, "optimizers": [{"name": "gd", "step_size": "1/L"}]},
    "gd, least squares": {
        "problem": {"name": "least_squares", "rows": "standardised"},
        "optimizers": [{"name": "gd", "step_size": "1/L"}],
    },
    "nesterov, digits": {"problem": DIGITS, "optimizers": [{"name": "nesterov", "step_size": "1/L"}]},
    "newton, logistic": {"problem": BREAST_CANCER, "optimizers": [{"name": "newton"}], "horizon": 6},
    "sgd, logistic": {"problem": BREAST_CANCER, "optimizers": [SGD], "oracle": ONE_ROW, "seeds": 4, "horizon": 300},
    "optax.adam, logistic": {"problem": BREAST_CANCER, "optimizers": [{"name": "optax.adam", "learning_rate": 0.01}]},
}


def agreement(device: jax.Device) -> Iterator[tuple[str, np.ndarray, float]]:
    """Every measured array of every case, with the size under which rounding decides."""
    for name, table in AGREE.items():
        for batch in settled_batch(table, device):
            seeds = (0, table.get("seeds", 1) if batch.random else 1)
            for trace in runner.run_batch(batch, seeds, lambda steps, label: None):
                for output, quantities in trace.measured.items():
                    for quantity, values in quantities.items():
                        yield f"{name}, {trace.label}, {output}, {quantity}", values, _floor(trace, quantity)


def _floor(trace: Trace, quantity: str) -> float:
    return 100 * float(np.max(trace.floor.get(quantity, 0.0)))


def disagreement(device: jax.Device, reference: Path) -> list[dict[str, Any]]:
    """The largest relative difference of each case, of what lies above 100 floors."""
    worst: dict[str, tuple[float, int]] = {}
    with np.load(reference) as theirs:
        for key, ours, floor in agreement(device):
            other, case = theirs[key.replace("/", "|")], key.split(", ")[0] + ", " + key.split(", ")[1]
            keep = np.isfinite(other) & (np.abs(other) > floor)
            off = float(np.max(np.abs(ours[keep] / other[keep] - 1), initial=0.0))
            most, points = worst.get(case, (0.0, 0))
            worst[case] = max(most, off), points + int(keep.sum())
    return [{"case": case, "largest": off, "points": points} for case, (off, points) in worst.items()]


def ceilings() -> dict[str, float]:
    """Bytes per second of a large copy (read and written), and float64 and float32 operations per second of a large
    matrix product, as jax computes them with precision "highest"."""
    found = {}
    x = jnp.ones(1 << 28, jnp.float64)
    found["copy, bytes/s"] = 2 * x.nbytes / median(lambda x=x: _plus_one(x))
    for dtype in (jnp.float64, jnp.float32):
        a = jax.random.normal(jax.random.key(0), (8192, 8192), dtype)
        found[f"product, {jnp.dtype(dtype).name}, operations/s"] = 2 * 8192**3 / median(lambda a=a: _product(a, a))
    return found


@jax.jit
def _plus_one(x: jax.Array) -> jax.Array:
    return x + 1.0


@jax.jit
def _product(a: jax.Array, b: jax.Array) -> jax.Array:
    return a @ b


def sweep(
    device: jax.Device,
    works: tuple[str, ...],
    dtypes: tuple[str, ...],
    contenders: tuple[str, ...],
    seconds: float,
    widths: tuple[int, int],
) -> list[dict[str, Any]]:
    """ns per step and run of every contender at every width, until the time is up."""
    began, rows = time.perf_counter(), []
    for dtype in dtypes:
        for name, work in ((name, work) for name, work in WORKS.items() if name.startswith(works)):
            for width in (w for w in work.widths if widths[0] <= w <= widths[1]):
                for contender in contenders:
                    measure = CONTENDERS[contender]
                    newton = name.startswith("Newton")
                    if time.perf_counter() - began > seconds or (newton and contender != "convlab"):
                        continue
                    row: dict[str, Any] = {"work": name, "dtype": dtype, "width": width, "contender": contender}
                    try:
                        found = measure(work, width, dtype, device)
                    except Exception as error:  # out of memory, mostly: data as well
                        rows.append(row | {"failed": str(error).splitlines()[0][:120]})
                        continue
                    if found is None:
                        continue
                    rows.append(row | _shares(work, dtype, found))
                    print(json.dumps(rows[-1]), flush=True)
    return rows


def _shares(work: Work, dtype: str, seconds: float) -> dict[str, float]:
    d = {"breast_cancer": 30, "digits": 64}.get(work.cell["problem"].get("data", "breast_cancer"), 100)
    return {
        "ns": seconds * 1e9,
        "bytes/s": 2 * d * np.dtype(dtype).itemsize / seconds,  # the iterate, read and written
        "operations/s": work.flops(work.rows, d) / seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "gpu"], default="gpu")
    parser.add_argument("--write", type=Path, help="write what this device measures, and stop")
    parser.add_argument("--against", type=Path, help="compare with such a file")
    parser.add_argument("--out", type=Path, help="folder for gpu.json")
    parser.add_argument("--dtypes", default="float64,float32")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--seconds", type=float, default=300.0, help="for the widths")
    parser.add_argument("--widths", default=f"1,{1 << 30}", help="the least and the largest")
    parser.add_argument("--works", default="W1,W2,W3,Newton", help="how the works' names begin")
    chosen = parser.parse_args()
    with environment.numerics(chosen.device) as device:
        if chosen.write:
            np.savez(chosen.write, **{key.replace("/", "|"): values for key, values, _ in agreement(device)})
            return
        found: dict[str, Any] = {"place": environment.place(device), "date": time.strftime("%Y-%m-%d")}
        del found["place"]["host"]
        if chosen.against:
            found["agreement"] = disagreement(device, chosen.against)
            print(json.dumps(found["agreement"], indent=1), flush=True)
        if device.platform == "gpu":
            found["ceilings"] = ceilings()
            print(json.dumps(found["ceilings"]), flush=True)
        lists = (tuple(each.split(",")) for each in (chosen.works, chosen.dtypes, chosen.contenders))
        low, high = (int(width) for width in chosen.widths.split(","))
        found["rows"] = sweep(device, *lists, chosen.seconds, (low, high))
    if chosen.out:
        chosen.out.mkdir(parents=True, exist_ok=True)
        (chosen.out / "gpu.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
