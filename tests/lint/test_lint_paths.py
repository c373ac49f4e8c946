"""Files and folders are read, and places refer to them."""

import pytest

from dejabatch.lint import Settings, lint_paths, lint_source

BROKEN = "from itertools import cycle\nx = DataLoader()\ny = cycle(x)\n"


def paths_of(places):
    return [place.path for place in places]


def test_place_is_the_start_of_the_call():
    (place,) = lint_source(BROKEN, "train.py")
    assert str(place) == "train.py:3:5"
    assert (place.slug, place.severity) == ("itertools-cycle", "error")
    assert place.why.startswith("`cycle(x)` stores every batch")


def test_folder_and_file_are_read_once(tmp_path):
    folder = tmp_path / "package" / "inner"
    folder.mkdir(parents=True)
    for name in ("b.py", "a.py", "notes.txt"):
        (folder / name).write_text(BROKEN)
    (tmp_path / "script").write_text(BROKEN)
    paths = [tmp_path / "script", tmp_path / "package", folder / "a.py"]
    expected = [folder / "a.py", folder / "b.py", tmp_path / "script"]
    assert paths_of(lint_paths(paths)) == [str(p) for p in expected]


def test_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no-such-file"):
        lint_paths([tmp_path / "no-such-file"])


def test_file_that_cannot_be_read_is_a_note_and_the_others_are_read(tmp_path):
    for name, content in (
        ("a.py", b"seed(\nworker_init_fn = f(:"),
        ("c.py", b"\n\nx = '\xff'"),
        ("d.py", BROKEN.encode()),
        ("e.ipynb", b'{"cells": ['),
        ("f.ipynb", b"[]"),
    ):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "g.py").symlink_to("nowhere")
    (tmp_path / "h.py").mkdir()
    places = lint_paths([tmp_path])
    read = [p for p in places if p.slug == "itertools-cycle"]
    assert paths_of(read) == [str(tmp_path / "d.py")]
    others = {p.path[-7:].lstrip("/"): p for p in places if p not in read}
    assert {name.split("/")[-1] for name in others} == {
        *("a.py", "c.py", "e.ipynb", "f.ipynb", "g.py")
    }
    assert {(p.slug, p.severity) for p in others.values()} == {
        ("unreadable-file", "note")
    }
    (invalid,) = (p for p in places if p.path.endswith("a.py"))
    assert invalid.line == 2
    assert "not valid Python" in invalid.why


def test_named_file_is_parsed_without_a_word_of_any_rule(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\ndef f(:")
    (place,) = lint_paths(iter([tmp_path / "a.py"]))
    assert (place.slug, place.line) == ("unreadable-file", 2)
    assert lint_paths([tmp_path]) == []
    (place,) = lint_source("x = 1\ndef f(:")
    assert (place.slug, place.line) == ("unreadable-file", 2)


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path):
    file = tmp_path / "train.py"
    file.write_bytes(b"\xef\xbb\xbf" + BROKEN.replace("\n", "\r\n").encode())
    assert [str(p) for p in lint_paths([file])] == [f"{file}:3:5"]


def test_environments_builds_and_ignored_files_are_left_out(tmp_path):
    for name in (
        "kept/a.py",
        ".venv/lib/a.py",
        "env/pyvenv.cfg",
        "env/lib/a.py",
        "build/lib/a.py",
        "package.egg-info/a.py",
        "generated/a.py",
        "generated/kept.py",
        "kept/draft_a.py",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(BROKEN)
    (tmp_path / ".gitignore").write_text("/generated/*\n!/generated/kept.py\n")
    (tmp_path / "kept" / ".gitignore").write_text("draft_*\n")
    found = [tmp_path / "generated" / "kept.py", tmp_path / "kept" / "a.py"]
    assert paths_of(lint_paths([tmp_path])) == [str(p) for p in found]


def test_ignore_files_above_the_folder_count_inside_a_repository(tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    for name in ("a.py", "b.py"):
        (folder / name).write_text(BROKEN)
    (tmp_path / ".gitignore").write_text("a.py\n")
    assert len(lint_paths([folder])) == 2
    (tmp_path / ".git").mkdir()
    assert paths_of(lint_paths([folder])) == [str(folder / "b.py")]


def test_ignored_file_and_folder_are_read_when_they_are_named(tmp_path):
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "a.py").write_text(BROKEN)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("build\n")
    assert len(lint_paths([folder])) == len(lint_paths([folder / "a.py"])) == 1


def test_excluded_files_are_left_out_even_when_they_are_named(tmp_path):
    (tmp_path / "old").mkdir()
    for name in ("a.py", "old/a.py"):
        (tmp_path / name).write_text(BROKEN)
    settings = Settings(exclude=("old/",), root=tmp_path)
    paths = [tmp_path, tmp_path / "old" / "a.py"]
    assert paths_of(lint_paths(paths, settings=settings)) == [str(tmp_path / "a.py")]


def test_several_processes_find_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("dejabatch.lint._WORTH_A_POOL", 2)
    for number in range(6):
        (tmp_path / f"loader_{number}.py").write_text("x = DataLoader()\n")
        (tmp_path / f"train_{number}.py").write_text(
            "from itertools import cycle\n"
            f"from loader_{number} import x\ny = cycle(x)\n"
        )
    places = lint_paths([tmp_path], jobs=2)
    assert places == lint_paths([tmp_path])
    assert [p.line for p in places] == [3] * 6
