"""Ctrl-C is heeded, whatever it turns into on its way."""

from __future__ import annotations

import contextlib
import signal
import threading
from pathlib import Path

import pytest

from convlab.lab import api, store
from convlab.lab.config import load_experiment
from convlab.lab.interrupts import heeded


def test_an_interrupt_that_is_swallowed_ends_the_scope() -> None:
    after: list[str] = []

    def swallow() -> None:
        with heeded() as ask:
            ask()
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            after.append("went on")
            with pytest.raises(KeyboardInterrupt):
                ask()

    with pytest.raises(KeyboardInterrupt):
        swallow()
    assert after == ["went on"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_is_replaced_is_one_still() -> None:
    def replace() -> None:
        with heeded():
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise ValueError("Can't close the ZIP file while there is an open writing handle on it") from None

    with pytest.raises(KeyboardInterrupt):
        replace()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_exceptions_pass_and_nothing_changes_without_one() -> None:
    with pytest.raises(ValueError, match="mine"), heeded():
        raise ValueError("mine")
    with heeded() as ask:
        ask()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_handler_of_others_and_other_threads_are_left_alone() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with heeded() as ask:
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            ask()
    finally:
        signal.signal(signal.SIGINT, before)
    seen = []

    def elsewhere() -> None:
        with heeded() as ask:
            ask()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


@pytest.mark.usefixtures("unrendered")
def test_an_interrupt_while_a_task_is_saved_is_no_failed_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """numpy writes an archive: `zipfile` turns the interrupt into a ValueError, and the run would have gone on."""
    monkeypatch.chdir(tmp_path)
    text = '[[problem]]\nname = "huber"\n[[optimizer]]\nname = "gd"\nstep_size = "1/L"\n[run]\nhorizon = [3, 4]\n'
    Path("e.toml").write_text('title = "Small"\n' + text)
    compressed = store.np.savez_compressed

    def interrupted(file: object, *arguments: object, **arrays: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ValueError("Can't close the ZIP file") from None

    with monkeypatch.context() as patch:
        patch.setattr(store.np, "savez_compressed", interrupted)
        with pytest.raises(KeyboardInterrupt):
            api.run(load_experiment("e.toml"))
    assert store.np.savez_compressed is compressed
    assert not list(tmp_path.rglob("*.npz"))
    outcome = api.run(load_experiment("e.toml"))
    assert (outcome.ran, outcome.failures) == (2, ())
