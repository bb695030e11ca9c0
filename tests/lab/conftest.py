"""What the tests of the lab share."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_file import Loader


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loader:
    """Reads experiment texts in an empty current folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return Loader(tmp_path / "plug_ins")
