"""Traces to and from task files: the arrays, and the record beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from convlab.core.errors import ConvlabError
from convlab.core.setting import Setting
from convlab.core.trace import OF_STEPS, Trace
from convlab.lab import store

_FLOOR = "floor:"  # of arrays that hold a floor at each checkpoint: "floor:output.quantity", [K] or [S, K]


def save_trace(folder: Path, name: str, trace: Trace, origin: Mapping[str, Any]) -> Path:
    """Write a trace as the task file NAME-sFIRST-LAST. Curves that ended are stored up to there, with their length."""
    first = next(iter(trace.measured.values()))
    there = np.isfinite(first["gap"]) | np.isfinite(first["grad_norm2"])  # no gap where no optimum is known
    length = there.sum(axis=1).astype(np.int64)
    inside = np.arange(trace.t.size) < length[:, None]
    arrays = {"t": trace.t, "length": length}
    if trace.points is not None:
        arrays["points"] = np.where(inside[:, :, None], trace.points, 0.0)
    for output, quantities in trace.measured.items():
        for quantity, values in quantities.items():
            if _complete(quantity, values, inside):  # without a minimiser there is no dist2
                arrays[f"{output}.{quantity}"] = np.where(inside, values, 0.0)
    arrays |= {_FLOOR + name: np.asarray(value) for name, value in trace.floor.items() if np.ndim(value) > 0}
    record = {
        "setting": trace.setting.to_json(),
        "seeds": [trace.seeds[0], trace.seeds[-1] + 1],
        "status": list(trace.status),
        "floor": {name: float(value) for name, value in trace.floor.items() if np.ndim(value) == 0},
        "error": dict(trace.error),
        "rows_per_step": trace.rows_per_step,
        "dimension": trace.dimension,
        "rows": trace.rows,
        "relative": dict(trace.relative),
        "confirms_only": list(trace.confirms_only),
        "observed": dict(trace.observed),
        "risk_star": None if trace.risk_star is None else list(trace.risk_star),
        "certificate": trace.certificate,
        "data": str(origin.get("data", "")),
    }
    span = f"{name}-s{trace.seeds[0]}-{trace.seeds[-1] + 1}"
    return store.save_task(folder, span, record, arrays, origin)


def _complete(quantity: str, values: np.ndarray, inside: np.ndarray) -> bool:
    """Whether there is something to keep: a quantity of points at all of them, one of steps at a step of every seed."""
    if quantity in OF_STEPS:
        return bool((np.isfinite(values) & inside).all(axis=0).any())
    return bool(np.isfinite(values[inside]).all())


def load_trace(paths: Sequence[Path], seeds: int, label: str) -> Trace:
    """One trace from the files of a task, whose seed ranges follow one another; of the first ``seeds`` seeds."""
    parts = [_part(path) for path in paths]
    kept: list[tuple[dict[str, Any], dict[str, np.ndarray], slice]] = []
    at = 0
    for record, arrays in parts:
        first, last = record["seeds"]
        stop = min(last, seeds)
        kept.append((record, arrays, slice(at - first, stop - first)))
        at = stop
    record, arrays, _ = kept[0]
    names = [key.rpartition(".") for key in _measured(arrays)]
    measured: dict[str, dict[str, np.ndarray]] = {output: {} for output, _, _ in names}
    for output, _, quantity in names:
        rows = [_masked(each, f"{output}.{quantity}")[chosen] for _, each, chosen in kept]
        measured[output][quantity] = np.concatenate(rows)
    status = [word for each, _, chosen in kept for word in each["status"][chosen]]
    points = None
    if "points" in arrays:
        points = np.concatenate([_masked(each, "points")[chosen] for _, each, chosen in kept])
    return Trace(
        setting=Setting.from_json(record["setting"]),
        t=arrays["t"],
        seeds=tuple(range(len(status))),
        measured=measured,
        floor={**record["floor"], **_floors(kept)},
        error=record["error"],
        status=tuple(status),
        rows_per_step=record["rows_per_step"],
        label=label,
        dimension=record["dimension"],
        rows=record["rows"],
        relative=record["relative"],
        points=points,
        confirms_only=tuple(record["confirms_only"]),
        observed=record.get("observed", {}),  # results from before these were kept have none
        risk_star=None if record.get("risk_star") is None else tuple(record["risk_star"]),
        certificate=record.get("certificate", ""),
        origin={"data": record["data"], "files": " ".join(path.name for path in paths)},
    )


def _part(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    record, arrays = store.load_task(path)
    try:
        Setting.from_json(record["setting"])
        rows, columns = arrays["length"].size, arrays["t"].size
        sound = all(arrays[key].shape == (rows, columns) for key in _measured(arrays))
        sound &= all(array.shape in ((columns,), (rows, columns)) for key, array in arrays.items() if key[:6] == _FLOOR)
        sound &= "points" not in arrays or arrays["points"].shape == (rows, columns, 2)
        if not sound or len(record["status"]) != rows or record["seeds"][1] - record["seeds"][0] != rows:
            raise ValueError("shapes")
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise ConvlabError(f"{path}: not a task file of this convlab; delete it and run again") from None
    return record, arrays


def _measured(arrays: Mapping[str, np.ndarray]) -> list[str]:
    return [key for key in arrays if "." in key and not key.startswith(_FLOOR)]


def _floors(kept: Sequence[tuple[dict[str, Any], dict[str, np.ndarray], slice]]) -> dict[str, np.ndarray]:
    """The floors along the runs, of all seeds; results from before these were kept have one number per quantity."""
    found = {}
    for key in (key for key in kept[0][1] if key.startswith(_FLOOR)):
        parts = [(each[key], each["length"].size, chosen) for _, each, chosen in kept if key in each]
        if len(parts) == len(kept):
            if len(parts) == 1 and parts[0][0].ndim == 1:
                found[key.removeprefix(_FLOOR)] = parts[0][0]
                continue
            rows = [np.broadcast_to(floor, (seeds, floor.shape[-1]))[chosen] for floor, seeds, chosen in parts]
            found[key.removeprefix(_FLOOR)] = np.concatenate(rows)
    return found


def _masked(arrays: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    inside = np.arange(arrays["t"].size) < arrays["length"][:, None]
    return np.where(inside.reshape(inside.shape + (1,) * (arrays[key].ndim - 2)), arrays[key], np.nan)
