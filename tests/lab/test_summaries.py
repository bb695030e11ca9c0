"""The lines of `convlab list`, kept: never another's, never an old one's, and nothing where they cannot be."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from convlab.lab import signature, summaries
from convlab.lab.catalog import Catalog

DOC = 'def one():\n    """{} of it."""\n'


@pytest.fixture
def plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one output, and an empty cache."""
    monkeypatch.delenv("CONVLAB_COMPILE_CACHE", raising=False)
    monkeypatch.setenv("CONVLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(summaries, "CATALOG", Catalog(tmp_path))
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "one.py").write_text(DOC.format("First"))
    return tmp_path


def told() -> str:
    signature._read.cache_clear()
    ((name, line),) = summaries.summaries(("outputs",))["outputs"]
    assert name == "one"
    return line


def test_a_file_is_read_once_and_again_when_it_changes(plug_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plug_ins / "outputs" / "one.py"
    read: list[str] = []
    once = Catalog.read

    def counted(catalog: Catalog, kind: str, name: str) -> signature.PlugIn:
        read.append(name)
        return once(catalog, kind, name)

    monkeypatch.setattr(Catalog, "read", counted)
    assert [told(), told()] == ["First of it."] * 2
    assert len(read) == 1
    path.write_text(DOC.format("A longer line"))
    assert [told(), told()] == ["A longer line of it."] * 2
    path.write_text(DOC.format("Another thing"))  # as long, later
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    assert told() == "Another thing of it."
    path.write_text("def one(:")
    assert [told(), told()] == ["(line 1: invalid syntax)"] * 2
    assert len(read) == 5  # what is at fault may pass, and is not kept


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"reader": 1, "files": {}}', b"\xff", b"null", b"[" * 100_000])
def test_damage_is_no_entry(plug_ins: Path, damage: bytes) -> None:
    place = plug_ins / "cache" / "list.json"
    assert told() == "First of it."
    whole = place.read_bytes()
    place.write_bytes(damage)
    assert told() == "First of it."
    assert place.read_bytes() == whole
    content = json.loads(whole)
    for entry in ([1, 2, 3], None, "text", []):
        place.write_text(json.dumps({**content, "files": dict.fromkeys(content["files"], entry)}))
        assert told() == "First of it."


def test_what_another_reader_wrote_is_not_taken(plug_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = plug_ins / "cache" / "list.json"
    told()
    place.write_text(place.read_text().replace("First", "Third"))
    assert told() == "Third of it."  # it is what is shown
    monkeypatch.setattr("sys.version", "4.0")
    assert told() == "First of it."


def test_without_a_place_nothing_is_kept(plug_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVLAB_COMPILE_CACHE", "off")
    assert told() == "First of it."
    assert not (plug_ins / "cache").exists()
    monkeypatch.delenv("CONVLAB_COMPILE_CACHE")
    (plug_ins / "cache").write_text("a file")
    assert told() == "First of it."


def test_without_a_home_nothing_is_kept(plug_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVLAB_CACHE", "~nobody-of-this-name/cache")
    assert [told(), told()] == ["First of it."] * 2


def test_several_at_once_leave_a_whole_file(plug_ins: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: told(), range(40))) == {"First of it."}
    assert [path.name for path in (plug_ins / "cache").iterdir()] == ["list.json"]
