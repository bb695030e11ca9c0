"""Garbage is looked for seldom while a command runs, and as before afterwards."""

from __future__ import annotations

import gc

import pytest

from convlab.cli import garbage, main


def test_it_is_as_before_after_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = gc.get_threshold()
    during = []
    monkeypatch.setattr("convlab.cli.lists.show_list", lambda kinds: during.append(gc.get_threshold()))
    for arguments, code in ((["list", "plots"], 0), (["lsit"], 2)):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == code
        assert gc.get_threshold() == before
    assert during == [garbage._SELDOM]
    assert garbage._SELDOM[0] > before[0]
