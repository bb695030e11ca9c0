"""`python -m tests.benchmarks [WORK ...] [--rounds 5] [--quick]`: measures, prints a table, writes results/benchmarks.

Each work and number of cores is a process of its own, held to as many cores; within it all contenders are interleaved.
bench.json is written after each of them: an interrupted run keeps what it has, and works that are not run again stay.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORKS = {  # the module of each, and on how many cores it runs; 0 stands for all
    "w1": (1, 0),
    "w2": (1, 0),
    "w3": (0,),
    "w3_large": (0,),
    "w4": (0,),
    "w5": (0,),
    "curve": (0,),
    "scaling": (0,),
    "memory": (0,),
}
LONG = ("w3_large", "curve", "scaling", "memory")  # with --quick only where they are named
LONGEST = 900  # seconds for one work
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"of {', '.join(WORKS)}; all if none is named")
    parser.add_argument("--rounds", type=int, help="of every contender in turn (5; 2 with --quick)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try it, into runs/benchmarks")
    parser.add_argument("--out", type=Path, help="folder (results/benchmarks)")
    parser.add_argument("--only-write", action="store_true", help="measure nothing; table, figure and pages anew")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.rounds is None:
        chosen.rounds = 2 if chosen.quick else 5
    unknown = [name for name in chosen.works if name not in WORKS]
    if unknown or chosen.rounds < 1:
        told = f"no work is called '{unknown[0]}'" if unknown else "--rounds must be at least 1"
        parser.error(f"{told}; works: {', '.join(WORKS)}")
    if chosen.inside:
        _inside(chosen.works[0], chosen.cores, chosen.rounds, chosen.quick, chosen.inside)
        return
    out = (chosen.out or ROOT / ("runs" if chosen.quick else "results") / "benchmarks").absolute()
    out.mkdir(parents=True, exist_ok=True)
    if not chosen.only_write:
        short = [name for name in WORKS if not (chosen.quick and name in LONG)]
        _run(chosen.works or short, chosen.rounds, chosen.quick, out)
    from tests.benchmarks import pages, table

    record = _read(out / "bench.json")
    table.show(record)
    for path in pages.write(record, out, notes=not chosen.quick and chosen.out is None):
        print(os.path.relpath(path))


def _run(names: list[str], rounds: int, quick: bool, out: Path) -> None:
    everything = _cores()
    for name in names:
        counts = [each or everything for each in WORKS[name]]
        for cores in dict.fromkeys(counts[-1:] if quick else counts):
            key = f"{name}, {cores} core{'s' if cores > 1 else ''}"
            print(f"{key}:", flush=True)
            found = _in_a_process(name, cores, rounds, quick)
            record = _read(out / "bench.json")
            record.setdefault("works", {})[key] = found
            _write(out / "bench.json", record)


def _in_a_process(name: str, cores: int, rounds: int, quick: bool) -> dict[str, Any]:
    """What the work's process wrote, or why there is nothing."""
    options = ["--rounds", str(rounds), "--cores", str(cores), *(["--quick"] if quick else [])]
    environment = {**os.environ, **dict.fromkeys(_THREADS, str(cores)), "JAX_PLATFORMS": "cpu"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.json"
        command = [sys.executable, "-m", "tests.benchmarks", name, *options, "--inside", str(path)]
        try:
            code = subprocess.run(command, cwd=ROOT, env=environment, timeout=LONGEST).returncode
            failed = f"its process ended with code {code}"
        except subprocess.TimeoutExpired:
            failed = f"not done after {LONGEST} s"
        if path.is_file():
            return dict(json.loads(path.read_text(encoding="utf-8")))
    print(f"  failed: {failed}", flush=True)
    return {"title": name, "date": time.strftime("%Y-%m-%d"), "failed": failed, "contenders": [], "goals": []}


def _inside(name: str, cores: int, rounds: int, quick: bool, path: Path) -> None:
    """In the process of a work: held to its cores before anything counts them."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])
    from convlab.lab import environment
    from tests.benchmarks import harness, machine

    with environment.numerics("cpu"):
        work = importlib.import_module(f"tests.benchmarks.{name}").work(quick, cores)
        found = harness.measure(work, rounds, lambda line: print(line, flush=True))
    told = {"date": time.strftime("%Y-%m-%d"), "threads": cores, "quick": quick, **machine.described()}
    path.write_text(json.dumps({**told, **found}), encoding="utf-8")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {"works": {}}


def _write(path: Path, record: dict[str, Any]) -> None:
    order = {name: number for number, name in enumerate(WORKS)}
    works = sorted(record["works"].items(), key=lambda item: (order.get(item[0].split(",")[0], 99), item[0]))
    text = json.dumps({**record, "works": dict(works)}, indent=1, ensure_ascii=False)
    path.with_suffix(".new").write_text(text + "\n", encoding="utf-8")
    path.with_suffix(".new").replace(path)


if __name__ == "__main__":
    main()
