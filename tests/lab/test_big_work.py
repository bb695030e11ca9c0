"""Big work: one copy of the data, points held once, a plan told before the run, and a refusal where it does not fit."""

from __future__ import annotations

import threading
import time
import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from convlab.cli import progress
from convlab.core import memory
from convlab.core.errors import ConvlabError
from convlab.lab import api, environment, loop, measure, needs, runner, side_by_side, tasks
from convlab.lab.api import settle_all
from convlab.lab.grid import cells
from convlab.problems import _data, _double, _singular
from convlab.problems.logistic import logistic
from tests.running import experiment

TABLE = {"name": "least_squares", "data": "synthetic", "n": 300, "dimension": 40}
GIB = 1 << 30


def silent(steps: int, label: str) -> None:
    pass


def settled(optimizers: list[dict[str, Any]], **run: Any) -> tuple[list[Any], list[tasks.Batch]]:
    chosen = experiment(TABLE, optimizers, **run)
    found = settle_all(cells(chosen), chosen)
    return found, tasks.batches(found, "cpu")


def test_data_are_one_copy_for_problems_batches_precisions_and_the_cpu_itself() -> None:
    first, second = (logistic(rows="standardised", ridge=ridge) for ridge in (0.01, 0.02))
    assert first.data[0] is second.data[0]
    assert not first.data[0].flags.writeable
    with environment.numerics("cpu") as device:
        seen, exact = runner._placed(first, "float64", device)
        for placed in (seen, exact):
            for leaf, own in zip(placed.data, first.data, strict=True):
                assert leaf.unsafe_buffer_pointer() == own.ctypes.data
        assert runner._placed(first, "float64", device)[0] is seen
        single, exact = runner._placed(first, "float32", device)
        assert single.data[0].dtype == np.float32
        assert exact.data[0].unsafe_buffer_pointer() == first.data[0].ctypes.data


def test_a_changed_file_is_no_table_that_is_held(tmp_path: Path) -> None:
    path, shared = tmp_path / "a.npz", ("as they are", False, _data.Synthetic(), False)
    np.savez(path, X=np.eye(3), y=np.arange(3.0))
    first = _data.table(str(path), None, *shared)
    assert _data.table(str(path), None, *shared)[0] is first[0]
    np.savez(path, X=2 * np.eye(4), y=np.arange(4.0))
    assert _data.table(str(path), None, *shared)[0].shape == (4, 4)


def test_a_run_holds_its_points_once_whatever_the_horizon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of numpy's memory; the device's is the carry's, which the compiled loop is given to overwrite."""
    monkeypatch.setattr(runner, "_trace", lambda *parts: None)
    peaks, points = [], []
    for horizon in (600, 600, 2400):
        with environment.numerics("cpu"):
            (each, *_), (batch,) = settled([{"name": "sgd", "step_size": 1e-3}], horizon=horizon, seeds=400)
            if peaks or horizon == 2400:
                tracemalloc.start()
            runner.run_batch(batch, (0, 400), silent)  # at first it compiles, which is not counted
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            points.append(needs.of_batch(each, 1, 400, 0).parts["points"])
            assert points[-1] == 400 * 40 * len(each.cell.checkpoints) * 8
    assert points[2] < 1.2 * points[1]  # as the grid of checkpoints does
    for peak, least in zip(peaks[1:], points[1:], strict=True):
        assert least <= peak <= 1.5 * least


def test_the_loop_overwrites_its_carry() -> None:
    with environment.numerics("cpu") as device:
        (each, *_), (batch,) = settled([{"name": "sgd", "step_size": 1e-3}], horizon=600, seeds=400)
        problem, _ = runner._placed(each.problem, "float64", device)
        hyper, keys = runner._stack([each.hyper]), runner._keys(each, np.arange(400))
        oracle = jax.device_put(each.oracle)
        carry, samples = loop.start(each.program, problem, oracle, hyper, keys, 1)
        given = [*jax.tree.leaves(carry), *jax.tree.leaves(samples)]
        span = (np.int64(0), np.int64(10))
        jax.block_until_ready(loop.advance(each.program, problem, oracle, hyper, keys, carry, samples, *span))
        assert all(leaf.is_deleted() for leaf in given)
        states = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(carry))
        assert states <= needs.of_batch(each, 1, 400, 0).parts["states"]
        assert len(batch.tasks) == 1


def test_measuring_goes_in_pieces_that_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, sizes = logistic(rows="standardised", ridge=0.01), []
    points = np.asarray(problem.optimum.hi) * np.linspace(0.0, 2.0, 50)[:, None]  # type: ignore[union-attr]
    whole = measure._measure_chunk

    def seen(problem: Any, points: Any, decrement: bool) -> Any:
        sizes.append(len(points))
        return {} if decrement else whole(problem, points, decrement)

    monkeypatch.setattr(measure, "_measure_chunk", seen)
    with environment.numerics("cpu"):
        once = measure.measure(problem, points)
        monkeypatch.setattr(measure, "CHUNK", 10 * 569)
        pieces = measure.measure(problem, points)
        measure.measure(problem, points[:8], decrement=True)  # with a Hessian of each point
    assert sizes == [50, *[10] * 5, 4, 4]
    for name, values in once.items():
        np.testing.assert_allclose(pieces[name], values, rtol=1e-12)


def test_what_does_not_fit_is_refused_before_the_first_step(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runner, "run_batch", None)
    monkeypatch.setattr(memory, "free", lambda: 1 << 20)
    monkeypatch.setattr(needs, "CHUNK", 1000)
    run = {"horizon": 400, "seeds": 300, "checkpoints": 100}
    chosen = experiment(TABLE, [{"name": "sgd", "step_size": 1e-3}], **run)
    with pytest.raises(ConvlabError) as raised:
        api.run(chosen, out=tmp_path)
    told = str(raised.value)
    points = memory.words(300 * 40 * len(cells(chosen)[0].checkpoints) * 8)
    assert f"{points} points" in told
    assert "1.1 MiB are there for it. Choose fewer checkpoints or outputs" in told  # what is free, and the data
    assert "\n" not in told


def test_a_table_is_refused_by_its_header(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "wide.npz"
    np.savez(path, X=np.zeros((1000, 100), np.float32), y=np.zeros(1000))
    monkeypatch.setattr(np, "load", None)
    monkeypatch.setattr(memory, "free", lambda: 4_000_000)
    with pytest.raises(ConvlabError, match=r"a matrix of 1000 × 100, takes about 4.6 MiB .* and 3.8 MiB are free here"):
        _data.table(str(path), None, "as they are", False, _data.Synthetic(), False)


def test_free_memory_is_the_least_of_machine_and_groups(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    monkeypatch.setattr(memory, "_PROC", proc)
    monkeypatch.setattr(memory, "_GROUPS", groups)
    monkeypatch.setattr(memory, "_of_process", lambda: [])

    def write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write(proc / "meminfo", "MemTotal: 100 kB\nMemAvailable: 64 kB\n")
    write(proc / "self" / "cgroup", "4:cpu,memory:/job/step\n0::/new\n")
    assert memory.free() == 64 << 10
    write(groups / "memory/job/memory.limit_in_bytes", "50000\n")  # of a group above
    write(groups / "memory/job/memory.usage_in_bytes", "20000\n")
    assert memory.free() == 30000
    write(groups / "memory/job/memory.stat", "cache 7\ntotal_inactive_file 5000\n")
    assert memory.free() == 35000
    write(groups / "new/memory.max", "max\n")
    write(groups / "new/memory.current", "9\n")
    assert memory.free() == 35000
    write(groups / "new/memory.max", "10\n")
    assert memory.free() == 1
    write(groups / "new/memory.max", "5\n")
    assert memory.free() == 0


def test_the_plan_and_the_state_in_words() -> None:
    need = needs.Need({"data": 12 * GIB, "points": 11 * GIB, "states": GIB // 10})
    assert str(need) == "23.1 GiB: 12.0 GiB data, 11.0 GiB points"
    with pytest.raises(ConvlabError, match=r"gd: does not fit .* 7.4 GiB are there for it. Choose fewer rows"):
        needs.require_room(need, int(7.4 * GIB), "gd")
    needs.require_room(need, 24 * GIB, "gd")
    needs.require_room(need, None, "gd")
    assert progress.remaining(2.5e8, 1e9, 20.0) == "60 s left"
    assert progress.remaining(1e8, 1e9, 60.0) == "9 min left"
    assert progress.state(0, 1e9, 20.0, 2 * GIB) == "2.0 GiB in use"
    with environment.numerics("cpu") as device:
        _, (batch,) = settled([{"name": "sgd", "step_size": 1e-3}, {"name": "sgd", "step_size": 2e-3}], seeds=6)
        told, _ = api._plan([(batch, (0, 4), frozenset()), (batch, (4, 6), frozenset())], 12, device)
        assert told.startswith("12 runs in 2 batches, 1 at a time; memory at most ")
        assert needs.of_batch(batch.first, 2, 4, 12).parts["data"] == sum(
            leaf.nbytes for leaf in (*batch.first.problem.data, batch.first.problem.constants["ridge"])
        )


def test_doubled_sums_keep_their_bound_over_blocks() -> None:
    n = 2 * _double._BLOCK + 77
    generator = np.random.default_rng(5)
    X, w = generator.standard_normal((n, 2)), (generator.standard_normal(n), 1e-17 * generator.standard_normal(n))
    weights = [Fraction(hi) + Fraction(lo) for hi, lo in zip(*w, strict=True)]
    hi, lo = _double.columns_times(X, w)
    for j in range(2):
        terms = [Fraction(x) * weight for x, weight in zip(X[:, j], weights, strict=True)]
        error = abs(Fraction(hi[j]) + Fraction(lo[j]) - sum(terms))
        assert error <= Fraction(2) ** -106 * (3 * 15 + 8) * sum(map(abs, terms))
    theta = (np.array([0.3, -2.0]), np.array([1e-18, 1e-17]))
    hi, lo = _double.rows_times(X, theta)
    exact = [Fraction(a) + Fraction(b) for a, b in zip(*theta, strict=True)]
    for i in (0, _double._BLOCK - 1, _double._BLOCK, n - 1):
        terms = [Fraction(x) * entry for x, entry in zip(X[i], exact, strict=True)]
        assert abs(Fraction(hi[i]) + Fraction(lo[i]) - sum(terms)) <= Fraction(2) ** -106 * 18 * sum(map(abs, terms))


def test_a_large_matrix_is_decomposed_in_blocks_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(2)
    X = generator.standard_normal((400, 6)) * np.geomspace(1.0, 1e-9, 6)
    values = np.linalg.svd(X, compute_uv=False)
    monkeypatch.setattr(_singular, "_LARGE", 1000)
    assert len(list(_singular._blocks(X))) > 5
    left, s, right = _singular.thin(X)
    np.testing.assert_allclose(s, values, rtol=1e-6)
    np.testing.assert_allclose(s[:4], values[:4], rtol=1e-9)
    np.testing.assert_allclose((left * s) @ right, X, atol=1e-14)
    low, high = _singular.singular_range(X)
    assert low <= values[-1] * (1 + 1e-6)
    assert low >= 0.9 * values[-1]
    assert values[0] <= high <= values[0] * (1 + 1e-9)


def test_long_runs_are_cut_into_equal_shares_for_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    with environment.numerics("cpu"):
        _, (batch,) = settled([{"name": "sgd", "step_size": 1e-3}], horizon=1000, seeds=4)
    for cores, seeds, piece in ((2, 100, batch.most_seeds), (1, 20_000, batch.most_seeds), (2, 20_000, 10_000)):
        assert tasks.Batch(batch.tasks, batch.most_seeds, cores).piece(seeds) == min(piece, batch.most_seeds)
    monkeypatch.setattr(tasks, "LONG", 1)
    for cores, seeds, piece in ((2, 100, 50), (16, 100, 20), (4, 30, batch.most_seeds), (2, 101, batch.most_seeds)):
        assert tasks.Batch(batch.tasks, batch.most_seeds, cores).piece(seeds) == piece


def test_heavy_steps_are_worth_a_second_core_sooner() -> None:
    """A step that looks at 32 rows of 40 numbers counts for eleven: 10^6 of them are cut, 10^6 of one row are not."""
    with environment.numerics("cpu"):
        for size, piece in ((1, None), (32, 50)):
            oracle = {"name": "minibatch", "size": size}
            _, (batch,) = settled([{"name": "sgd", "step_size": 1e-3}], horizon=10_000, seeds=4, oracle=oracle)
            assert batch.weight == 1 + size * 40 / 128
            assert tasks.Batch(batch.tasks, batch.most_seeds, 2).piece(100) == (piece or batch.most_seeds)
        _, (exact,) = settled([{"name": "gd", "step_size": 1e-3}], horizon=10_000)
        assert exact.weight == 1


def test_long_runs_of_many_seeds_are_cut_to_what_the_cache_holds() -> None:
    """32 rows of 40 numbers a seed, and twice 40 a run: 48 seeds make half a mebibyte. Of 960 that is a 20th, where
    a piece has steps enough; where it has not, fewer pieces; and where one step counts for little, none."""
    oracle = {"name": "minibatch", "size": 32}
    with environment.numerics("cpu"):
        for horizon, cores, piece in ((10_000, 1, 48), (10_000, 2, 48), (500, 1, 240), (200, 1, 960)):
            _, (batch,) = settled([{"name": "sgd", "step_size": 1e-3}], horizon=horizon, seeds=4, oracle=oracle)
            assert batch.near_seeds == (1 << 19) // (8 * 40 * 34) == 48
            cut = tasks.Batch(batch.tasks, 4096, cores, batch.near_seeds)
            assert min(960, cut.piece(960)) == piece, horizon
            assert tasks.Batch(batch.tasks, 50, cores, batch.near_seeds).piece(960) <= 50
        _, (batch,) = settled([{"name": "sgd", "step_size": 1e-3}], horizon=10, seeds=4)
        assert batch.near_seeds == (1 << 19) // (8 * 40 * 3)
        _, (batch,) = settled([{"name": "sgd", "step_size": 1e-3}], horizon=10_000, seeds=4, oracle=oracle)
        assert tasks.Batch(batch.tasks, 4096, 2, 48).piece(97) == 25  # four pieces, not three on two cores
        one_row, short = {"name": "minibatch", "size": 1}, tasks._SHORT
        _, (batch,) = settled([{"name": "sgd", "step_size": 1e-3}], horizon=100_000, seeds=4, oracle=one_row)
        assert 27 * 100_000 * batch.weight / 3 < short  # a third of it would be too short
        assert tasks.Batch(batch.tasks, 4096, 1, 16).piece(27) == 14
        _, (noisy,) = settled(
            [{"name": "sgd", "step_size": 1e-3}], horizon=10, seeds=4, oracle={"name": "additive_noise", "sigma": 0.1}
        )
        _, (exact,) = settled([{"name": "gd", "step_size": 1e-3}], horizon=10)
        assert noisy.near_seeds is exact.near_seeds is None  # no row is gathered


@pytest.mark.usefixtures("unrendered")
def test_batches_side_by_side_write_the_bytes_of_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tasks, "LONG", 1)
    monkeypatch.setattr(environment, "threads", lambda: 2)
    chosen = experiment(TABLE, [{"name": "sgd", "step_size": 1e-3}], horizon=300, seeds=64, checkpoints=6)
    found, threads = {}, set()
    run_batch = runner.run_batch

    def seen(*given: Any) -> Any:
        threads.add(threading.get_ident())
        return run_batch(*given)

    monkeypatch.setattr(runner, "run_batch", seen)
    for room, size in ((None, 2), (1, 1)):
        threads.clear()
        monkeypatch.setattr(needs.Need, "fit", lambda need, there, size=size: size)
        outcome = api.run(chosen, out=tmp_path / str(room))
        folder = next((tmp_path / str(room)).rglob("tasks"))
        found[room] = {path.name: path.read_bytes() for path in folder.glob("*.npz")}
        assert outcome.ran == 1
        assert (threading.get_ident() in threads) == (size == 1)
    assert found[None] == found[1]
    assert sorted(name.rpartition("-s")[2] for name in found[1]) == ["0-32.npz", "32-64.npz"]
    lost = next(folder.glob("*-s0-32.npz"))
    lost.unlink()
    api.run(chosen, out=tmp_path / "1")  # what is lost is made anew in the same pieces
    assert lost.read_bytes() == found[1][lost.name]


def test_what_one_batch_raises_ends_the_others() -> None:
    crew, begun = side_by_side.Crew(2), threading.Event()
    heeded = []

    def work(item: int) -> None:
        if item == 0:
            begun.wait(10)
            raise KeyboardInterrupt
        begun.set()
        for _ in range(2000):
            try:
                crew.heed()
            except BaseException:
                heeded.append(item)
                raise
            time.sleep(0.005)

    with pytest.raises(KeyboardInterrupt):
        crew.do(work, range(5))
    assert heeded == [1]
