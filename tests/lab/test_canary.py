"""The canary: asked before anything is computed, once for each environment, and a jax that fails it is refused."""

from __future__ import annotations

from pathlib import Path

import jax
import pytest

from convlab.core.errors import ConvlabError
from convlab.lab import environment, program_cache


class Canary:
    """Stands for `environment.canary`, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked, self.fault = 0, None

    fault: str | None

    def __call__(self) -> str | None:
        self.asked += 1
        return self.fault


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Canary:
    for name in ("CONVLAB_COMPILE_CACHE", "XLA_FLAGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CONVLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    found = Canary()
    monkeypatch.setattr(environment, "canary", found)
    return found


def asked(canary: Canary, compile_cache: bool = True) -> int:
    """How often one run asks it."""
    before = canary.asked
    with environment.numerics("cpu", compile_cache):
        environment.require_sound_jax()
    return canary.asked - before


def test_it_is_asked_once_for_each_environment(canary: Canary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [asked(canary) for _ in range(3)] == [1, 0, 0]
    monkeypatch.setattr(environment, "_versions", lambda: {"jax": "0.10.2"})
    assert [asked(canary) for _ in range(2)] == [1, 0]
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert [asked(canary) for _ in range(2)] == [1, 0]
    monkeypatch.setattr(environment, "threads", lambda: 77)
    assert [asked(canary) for _ in range(2)] == [1, 0]


def test_what_passed_on_one_device_says_nothing_of_another(canary: Canary) -> None:
    assert [asked(canary) for _ in range(2)] == [1, 0]
    with environment.numerics("cpu"), jax.default_device(None):  # no device of the scope's, but the backend's own
        environment.require_sound_jax()
        environment.require_sound_jax()
    assert canary.asked == 2
    assert asked(canary) == 0


def test_without_a_place_for_programs_it_is_asked_in_every_run(
    canary: Canary, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert [asked(canary, compile_cache=False) for _ in range(2)] == [1, 1]
    environment.require_sound_jax()  # outside of the scope
    assert canary.asked == 3
    assert not list(tmp_path.rglob("*.program"))
    monkeypatch.setenv("CONVLAB_COMPILE_CACHE", "off")
    assert [asked(canary) for _ in range(2)] == [1, 1]


def test_a_fault_is_told_and_never_kept(canary: Canary, tmp_path: Path) -> None:
    canary.fault = "jax 0.10.2 returned wrong sums"
    for _ in range(2):
        with pytest.raises(ConvlabError, match="wrong sums"):
            asked(canary)
    assert canary.asked == 2
    assert not list(tmp_path.rglob("*.program"))


def test_what_was_kept_counts_only_whole(canary: Canary, tmp_path: Path) -> None:
    assert asked(canary) == 1
    (path,) = tmp_path.rglob("*.program")
    content = path.read_bytes()
    for damaged in (b"", content[:-1], content[:-1] + b"D"):
        path.write_bytes(damaged)
        assert [asked(canary) for _ in range(2)] == [1, 0]
    assert path.read_bytes() == content


def test_it_sees_wrong_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held against a jax whose sums are wrong in one part in 10⁶."""
    assert environment.canary.__wrapped__() is None
    right = environment.jnp.sum
    monkeypatch.setattr(environment.jnp, "sum", lambda a: right(a) * (1 + 1e-6))
    assert "wrong sums in 10 of 10 calls" in str(environment.canary.__wrapped__())
    monkeypatch.setattr(environment.jnp, "sum", right)
    mean = environment.jnp.mean
    monkeypatch.setattr(environment.jnp, "mean", lambda a: mean(a) + 1e-8)
    assert "wrong sums in 10 of 10 calls" in str(environment.canary.__wrapped__())


def test_a_thread_that_is_not_in_the_scope_neither_finds_nor_keeps(canary: Canary) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with environment.numerics("cpu"), ThreadPoolExecutor(1) as another:
        another.submit(program_cache.remember, "key", b"value").result()
        assert program_cache.recalled("key") is None
        program_cache.remember("key", b"value")
        assert program_cache.recalled("key") == b"value"
        assert another.submit(program_cache.recalled, "key").result() is None
