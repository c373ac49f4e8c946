"""A file is written whole, or stays as it is."""

import os

import pytest

from dejabatch.files import write_whole


def test_file_is_made_with_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_text("")
    write_whole(tmp_path / "report", "é\n")
    assert (tmp_path / "report").read_text(encoding="utf-8") == "é\n"
    mode = (tmp_path / "report").stat().st_mode
    assert mode == (tmp_path / "usual").stat().st_mode


def test_failure_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "report"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_reader_of_the_old_file_keeps_its_content(tmp_path):
    path = tmp_path / "report"
    path.write_text("old")
    path.chmod(0o640)
    with path.open() as reader:
        write_whole(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_link_stays_a_link(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_pipe_is_written_to(tmp_path):
    reading, writing = os.pipe()
    with os.fdopen(reading) as reader:
        write_whole(f"/dev/fd/{writing}", "new")
        os.close(writing)
        assert reader.read() == "new"


def test_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, "new")
