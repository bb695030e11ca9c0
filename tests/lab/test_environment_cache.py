"""The cache of compiled programs: what it keeps, that nothing outside the scope notices, and every way to harm it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src import compilation_cache

from convlab.lab import cache_folder, compile_counts, environment, program_cache

# A reduction over a broadcast, a linear system, a loop and random numbers: what runs are made of.
PROGRAM = """
import hashlib, jax, jax.numpy as jnp, numpy as np
from convlab.lab import compile_counts, environment, program_cache
@jax.jit
def program(a):
    def step(i, a):
        noise = jax.random.normal(jax.random.fold_in(jax.random.key(0), i), a.shape, a.dtype)
        return a - 0.1 * jnp.linalg.solve(a @ a.T + 9.0 * jnp.eye(len(a)), jax.nn.sigmoid(a)) + 1e-3 * noise
    end = jax.lax.fori_loop(0, 7, step, a)
    return end, jnp.mean(jnp.square(jnp.broadcast_to(end[:, :1], (len(a), 900)))), end.sum(0)
with environment.numerics("cpu"), compile_counts.counted() as compiled:
    found = program(np.linspace(0.0, 1.0, 60 * 60).reshape(60, 60))
    digest = hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in found)).hexdigest()
print(digest, compiled.built["jit(program)"], compiled.found["jit(program)"], program_cache.trouble())
"""


def process(folder: Path, **variables: str) -> list[str]:
    """What the program prints in a process of its own: digest, compiled, found, trouble; nothing else is said."""
    variables = {"CONVLAB_CACHE": str(folder), "CONVLAB_COMPILE_CACHE": "1", "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split(maxsplit=3)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this process, on."""
    for name in ("CONVLAB_COMPILE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONVLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setattr(program_cache, "_told", [])
    return tmp_path / "cache"


def programs(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.program"))


@pytest.mark.timeout(400)
def test_processes_at_once_and_after_find_the_same_bits(tmp_path: Path) -> None:
    """Three at once on an empty folder, one after them, one without a cache, one whose every entry is damaged."""
    with ThreadPoolExecutor() as pool:
        together = list(pool.map(lambda _: process(tmp_path), range(3)))
    kept = programs(tmp_path)
    assert kept
    assert not list(tmp_path.rglob("*.part"))
    digest = together[0][0]
    assert {(each[0], each[3]) for each in together} == {(digest, "None\n")}
    assert process(tmp_path) == [digest, "0", "1", "None\n"]
    assert process(tmp_path, CONVLAB_COMPILE_CACHE="off") == [digest, "1", "0", "None\n"]
    for number, path in enumerate(kept):
        content = bytearray(path.read_bytes())
        content[-1 - number] ^= 1
        path.write_bytes(content if number % 2 else content[: len(content) // 2])
    assert process(tmp_path) == [digest, "1", "0", "None\n"]
    assert process(tmp_path)[1:3] == ["0", "1"]  # mended, not only survived


def test_nothing_outside_the_scope_has_changed(folder: Path) -> None:
    fields = {name: getattr(compilation_cache, name) for name in cache_folder.FIELDS}
    settings = dict(jax.config.values)
    with environment.numerics("cpu"):
        jax.jit(lambda x: x + 1.25)(np.ones(3))
        inside = programs(folder)
        assert inside
        with ThreadPoolExecutor(1) as another:  # another thread is outside: it neither finds nor keeps
            another.submit(lambda: jax.jit(lambda x: x + 2.25)(np.ones(3))).result()
            store = compilation_cache._cache
            store.put("key", b"of this thread")
            assert another.submit(store.get, "key").result() is None
            another.submit(store.put, "another key", b"of another thread").result()
            assert (store.get("key"), store.get("another key")) == (b"of this thread", None)
        inside = programs(folder)
    assert {name: getattr(compilation_cache, name) for name in cache_folder.FIELDS} == fields
    jax.jit(lambda x: x + 3.25)(np.ones(3))
    assert programs(folder) == inside
    assert dict(jax.config.values) == settings


def test_scopes_within_scopes_end_in_any_order(folder: Path) -> None:
    before = compilation_cache._cache
    outer, inner = environment.numerics("cpu"), environment.numerics("cpu")
    outer.__enter__()
    inner.__enter__()
    inner.__exit__(None, None, None)
    assert isinstance(compilation_cache._cache, program_cache.Programs)
    outer.__exit__(None, None, None)
    assert compilation_cache._cache is before


def test_what_is_compiled_is_counted_and_found_again(folder: Path) -> None:
    @jax.jit
    def halved(x: jax.Array) -> jax.Array:
        return jnp.cos(0.5 * x)

    with environment.numerics("cpu"), compile_counts.counted() as compiled:
        halved(np.ones(4))
        halved(np.zeros(4))
        halved(np.ones(5))
        assert (compiled.built["jit(halved)"], compiled.found["jit(halved)"]) == (2, 0)
        halved.clear_cache()
        halved(np.ones(4))
        halved(np.ones(7))
    assert (compiled.built["jit(halved)"], compiled.found["jit(halved)"]) == (3, 1)
    assert "4 programs: 3 compiled in " in next(compiled.lines())
    halved(np.ones(6))
    assert compiled.built["jit(halved)"] == 3  # no listener is left behind


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> program_cache.Programs:
    monkeypatch.setattr(program_cache, "_here", lambda: True)
    return program_cache.Programs(tmp_path / "programs" / "this")


def test_a_damaged_entry_is_no_entry(store: program_cache.Programs) -> None:
    value = bytes(range(256)) * 3
    store.put("key", value)
    assert store.get("key") == value
    (path,) = programs(store.folder)
    content = path.read_bytes()
    for at in range(0, len(content), 7):
        for damaged in (content[:at], content[:at] + bytes([content[at] ^ 64]) + content[at + 1 :]):
            path.write_bytes(damaged)
            assert store.get("key") is None
            assert not path.exists()  # so that it is written anew
    path.write_bytes(content)
    path.rename(store._at("another key"))
    assert store.get("another key") is None
    assert store.trouble is None


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_ends_the_keeping_not_the_run(
    store: program_cache.Programs, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    tries = []

    def refuse(*paths: Any) -> None:
        tries.append(paths)
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "replace", refuse)
    store.put("a", b"1")
    store.put("b", b"2")
    assert len(tries) == 1
    assert store.trouble == f"{store.folder}: {os.strerror(error)}"
    assert list(store.folder.iterdir()) == []
    assert store.get("a") is None


def test_a_folder_that_cannot_be_made_is_one_note(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    for _ in range(2):
        with environment.numerics("cpu"):
            assert float(jax.jit(lambda x: x + 4.25)(np.float64(1.0))) == 5.25
    told = program_cache.trouble()
    assert told is None or "\n" not in told
    assert folder.is_file()
    assert told or "off: " in {row[0]: row[1] for row in environment.doctor()}["compiled programs"]


def test_the_size_is_bounded_and_the_longest_unused_go_first(
    store: program_cache.Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = store.folder.parent / "of an older release"
    old.mkdir(parents=True)
    (old / "a.program").write_bytes(bytes(400))
    os.utime(old / "a.program", (1, 1))
    for number, key in enumerate("abcd"):
        store.put(key, bytes(300))
        os.utime(store._at(key), (10 + number, 10 + number))
    (store.folder / ".1-2.part").write_bytes(b"of a killed process")
    os.utime(store.folder / ".1-2.part", (1, 1))
    (store.folder / "notes.txt").write_text("not ours")
    entry = store._at("a").stat().st_size
    assert store.get("a") is not None  # used just now
    monkeypatch.setattr(program_cache, "MOST_BYTES", 2 * entry)
    store.close()
    assert not old.exists()
    assert [key for key in "abcd" if store.get(key) is not None] == ["a", "d"]
    assert sorted(path.name for path in store.folder.iterdir() if path.suffix != ".program") == ["notes.txt"]


def test_where_programs_are_kept_and_why_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = cache_folder.place(True, 2)
    assert there.folder is not None
    assert there.folder.parent == folder / "programs"
    assert cache_folder.place(True, 3).folder != there.folder  # sums are split otherwise
    assert cache_folder.place(False, 2).folder is None
    monkeypatch.setattr(cache_folder, "_processor", lambda: "one without AVX")
    assert cache_folder.place(True, 2).folder not in (there.folder, None)
    monkeypatch.setenv("CONVLAB_COMPILE_CACHE", "0")
    assert cache_folder.place(True, 2) == cache_folder.Place(None, "off by CONVLAB_COMPILE_CACHE")
    monkeypatch.delenv("CONVLAB_COMPILE_CACHE")
    jax.config.update("jax_compilation_cache_dir", "/somewhere")
    try:
        assert "/somewhere" in cache_folder.place(True, 2).why
    finally:
        jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.delattr(compilation_cache, "_cache_used")
    assert "does not know" in cache_folder.place(True, 2).why
    with environment.numerics("cpu"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_folder_that_others_may_write_to_is_not_used(folder: Path) -> None:
    there = cache_folder.place(True, 2).folder
    assert there is not None
    there.mkdir(parents=True)
    there.chmod(0o777)
    assert "can be written by others" in cache_folder.place(True, 2).why
    there.chmod(0o700)
    assert cache_folder.place(True, 2).folder == there


def test_the_folder_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CONVLAB_CACHE", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder.root() == tmp_path / "convlab"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # the standard says to ignore it
    assert cache_folder.root() == Path.home() / ".cache" / "convlab"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder.root() == Path.home() / "Library" / "Caches" / "convlab"


def test_a_jax_that_warns_of_every_program_is_told_not_to_or_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_folder.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(cache_folder, "_is_before_0_12", lambda: True)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    assert "TF_CPP_MIN_LOG_LEVEL=3" in cache_folder.place(True, 2).why
    cache_folder.be_quiet()  # too late: jax is here
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    monkeypatch.delitem(sys.modules, "jaxlib")
    cache_folder.be_quiet()
    assert cache_folder.place(True, 2).folder is not None
    for inherited, then in (("1", "3"), ("0", "0")):  # jax's own, which it sets for its children; somebody's wish
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", inherited)
        cache_folder.be_quiet()
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == then
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL")
    monkeypatch.setattr(cache_folder, "_is_before_0_12", lambda: False)
    cache_folder.be_quiet()
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
