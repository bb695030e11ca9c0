"""Task files: written whole, equal runs equal bytes, damage is seen and never accepted, nothing is executed."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from convlab.core.errors import ConvlabError
from convlab.core.setting import Hyper, Known, Setting
from convlab.core.trace import Trace
from convlab.lab import records, store, tasks


def trace(seeds: tuple[int, ...] = (0, 1, 2), ends: int = 4) -> Trace:
    gap = np.array([[1.0, 0.5, 0.25, 0.125]] * len(seeds)) * (1 + np.array(seeds)[:, None])
    gap[0, ends:] = np.nan
    setting = Setting(
        problem="quadratic",
        oracle="minibatch",
        optimizer="sgd",
        horizon=3,
        traits=frozenset({"convex", "smooth"}),
        known={"L": Known(1.0 / 3.0, "exact")},
        hyper={"step_size": Hyper("1/L", 3.0, {"L": 1.0 / 3.0}), "decay": Hyper("1/(t+1)", None, {})},
        options={"backtracking": False},
    )
    return Trace(
        setting=setting,
        t=np.arange(4),
        seeds=seeds,
        measured={"last": {"gap": gap, "grad_norm2": 2 * gap, "dist2": np.full_like(gap, np.nan)}},
        floor={"gap": 1e-30, "grad_norm2": 0.0, "dist2": 0.0},
        error={"gap": 0.0, "grad_norm2": 0.0, "dist2": 0.0},
        status=tuple("diverged" if seed == seeds[0] and ends < 4 else "done" for seed in seeds),
    )


def test_a_trace_survives_the_file(tmp_path: Path) -> None:
    before = trace(ends=2)
    path = records.save_trace(tmp_path, "abc", before, {"data": "beef"})
    after = records.load_trace([path], 3, "label")
    assert after.setting == before.setting
    assert after.setting.hyper["decay"].at(1) == 0.5
    assert after.status == ("diverged", "done", "done")
    np.testing.assert_array_equal(after.measured["last"]["gap"], before.measured["last"]["gap"])
    assert "dist2" not in after.measured["last"]
    assert after.origin["data"] == "beef"


def test_no_nan_is_written(tmp_path: Path) -> None:
    path = records.save_trace(tmp_path, "abc", trace(ends=2), {})
    _, arrays = store.load_task(path)
    assert all(np.isfinite(array).all() for array in arrays.values())
    text = path.with_suffix(".json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text


def test_seed_ranges_join_and_cut(tmp_path: Path) -> None:
    whole = trace((0, 1, 2, 3, 4))
    first = records.save_trace(tmp_path, "abc", trace((0, 1, 2)), {})
    second = records.save_trace(tmp_path, "abc", trace((3, 4)), {})
    for seeds in (2, 3, 4, 5):
        used, missing = tasks.cover(tmp_path, "abc", seeds)
        assert missing == []
        joined = records.load_trace(used, seeds, "")
        np.testing.assert_array_equal(joined.measured["last"]["gap"], whole.measured["last"]["gap"][:seeds])
    assert tasks.cover(tmp_path, "abc", 8) == ([first, second], [(5, 8)])
    first.unlink()
    assert tasks.cover(tmp_path, "abc", 8) == ([second], [(0, 3), (5, 8)])
    assert tasks.cover(tmp_path, "other", 2) == ([], [(0, 2)])


def test_equal_traces_are_equal_bytes(tmp_path: Path) -> None:
    one = records.save_trace(tmp_path / "a", "abc", trace(), {"host": "x"})
    two = records.save_trace(tmp_path / "b", "abc", trace(), {"host": "y"})
    assert one.read_bytes() == two.read_bytes()


def test_a_file_cut_anywhere_is_refused_in_one_line(tmp_path: Path) -> None:
    path = records.save_trace(tmp_path, "abc", trace(), {})
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ConvlabError) as caught:
            store.load_task(path)
        assert "\n" not in str(caught.value)
    assert tasks.cover(tmp_path, "abc", 3) == ([], [(0, 3)]), "a damaged file counts as absent"


def test_flipped_bits_are_never_accepted(tmp_path: Path) -> None:
    """A flip is refused, or lies in a part of the container that holds neither arrays nor record."""
    path = records.save_trace(tmp_path, "abc", trace(), {})
    content, truth = path.read_bytes(), store.load_task(path)
    generator = np.random.default_rng(0)
    refused = 0
    for position in generator.integers(0, len(content) * 8, 300):
        altered = bytearray(content)
        altered[position // 8] ^= 1 << (position % 8)
        path.write_bytes(bytes(altered))
        try:
            record, arrays = store.load_task(path)
        except ConvlabError:
            refused += 1
            continue
        assert record == truth[0]
        assert all(np.array_equal(arrays[key], truth[1][key]) for key in truth[1])
    assert refused > 200


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'executed'}",)

    buffer = io.BytesIO()
    np.savez(buffer, record=np.array([Trap()], dtype=object), allow_pickle=True)
    for name, content in (("a.npz", buffer.getvalue()), ("b.npz", pickle.dumps(Trap()))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConvlabError, match="damaged"):
            store.load_task(tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    store.write_json(path, {"a": 1})

    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(store.os, name, fail)
            with pytest.raises(OSError, match="No space"):
                store.write_json(path, {"a": 2})
        assert store.read_json(path) == {"a": 1}
        assert [each.name for each in tmp_path.iterdir()] == ["x.json"]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConvlabError, match="--out"):
        store.require_writable(tmp_path / "file" / "below")


def test_canonical_text() -> None:
    assert store.canonical({"b": 0.1, "a": [1, None]}) == '{"a":[1,null],"b":0.1}'
    assert store.digest({"a": 1, "b": 2}) == store.digest({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        store.canonical(float("nan"))
