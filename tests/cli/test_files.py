"""Files: seals tell what a person has edited; several files are written all or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from rnnsym.cli.files import is_sealed, is_untouched, seal, write_all
from rnnsym.errors import UsageError

TEXT = "a = 1\n"


@pytest.mark.parametrize("comment", ["#", "%"])
@pytest.mark.parametrize("text", [TEXT, "", "x", "x\n\n\n", "ends with # a comment\n", "rnnsym-seal: sha256:0\n"])
def test_a_sealed_text_is_known_as_untouched(text, comment):
    assert is_untouched(seal(text, comment)) and is_sealed(seal(text, comment))


def test_other_line_ends_are_no_edit():
    assert is_untouched(seal("a = 1\nb = 2\n").replace("\n", "\r\n"))


def test_one_changed_character_is_an_edit():
    edited = seal(TEXT).replace("1", "2", 1)
    assert is_sealed(edited) and not is_untouched(edited)


def test_a_line_added_after_the_seal_is_an_edit():
    assert not is_untouched(seal(TEXT) + "b = 2\n")


def test_any_other_text_is_not_ours():
    assert not is_sealed(TEXT) and not is_untouched(TEXT) and not is_untouched("")


def test_a_new_file_is_written_and_its_folder_made(tmp_path: Path):
    path = tmp_path / "new" / "deep" / "a.py"
    assert write_all({path: seal(TEXT)}) == (path,)
    assert path.read_text() == seal(TEXT)


def test_equal_content_is_not_written_again(tmp_path: Path):
    path = tmp_path / "a.py"
    write_all({path: seal(TEXT)})
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert write_all({path: seal(TEXT)}) == ()
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_an_edited_file_is_left_alone_without_force(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_text(seal(TEXT).replace("1", "7", 1))
    with pytest.raises(UsageError, match="was edited after rnnsym wrote it"):
        write_all({path: seal(TEXT)})
    assert "7" in path.read_text()
    assert write_all({path: seal(TEXT)}, force=True) == (path,)


def test_a_file_of_somebody_else_is_left_alone_without_force(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_bytes(b"\xff\xfe not even text")
    with pytest.raises(UsageError, match="was not written by rnnsym"):
        write_all({path: seal(TEXT)})
    assert path.read_bytes() == b"\xff\xfe not even text"


def test_one_refusal_keeps_every_file_as_it_was(tmp_path: Path):
    good, edited = tmp_path / "a.py", tmp_path / "b.py"
    edited.write_text("mine")
    with pytest.raises(UsageError):
        write_all({good: seal(TEXT), edited: seal(TEXT)})
    assert [p.name for p in tmp_path.iterdir()] == ["b.py"]


def test_a_failure_while_writing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old = tmp_path / "a.py"
    write_all({old: seal("old\n")})

    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(UsageError, match="No space left on device"):
        write_all({old: seal("new\n"), tmp_path / "b.py": seal(TEXT)})
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"] and old.read_text() == seal("old\n")


def test_permissions_are_kept(tmp_path: Path):
    path = tmp_path / "a.py"
    write_all({path: seal(TEXT)})
    path.chmod(0o750)
    write_all({path: seal("b = 2\n")})
    assert stat.S_IMODE(path.stat().st_mode) == 0o750


def test_a_link_stays_a_link(tmp_path: Path):
    target, link = tmp_path / "target.py", tmp_path / "link.py"
    write_all({target: seal(TEXT)})
    link.symlink_to(target)
    write_all({link: seal("b = 2\n")})
    assert link.is_symlink() and target.read_text() == seal("b = 2\n")


def test_a_folder_in_the_way_is_named(tmp_path: Path):
    (tmp_path / "a.py").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        write_all({tmp_path / "a.py": seal(TEXT)}, force=True)


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path):
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match=r"not a folder|Not a directory"):
        write_all({tmp_path / "out" / "a.py": seal(TEXT)})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot be written: Permission denied"):
        write_all({tmp_path / "a.py": seal(TEXT)})
