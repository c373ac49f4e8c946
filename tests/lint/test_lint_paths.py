"""Files and folders are read, and places refer to them."""

import pytest

from dejabatch.lint import Place, lint_paths, lint_source

BROKEN = "from itertools import cycle\nx = DataLoader()\ny = cycle(x)\n"


def test_place_is_the_start_of_the_call():
    slug = "itertools-cycle"
    assert lint_source(BROKEN, "train.py") == [Place("train.py", 3, 5, slug)]


def test_folder_and_file_are_read(tmp_path):
    folder = tmp_path / "package" / "inner"
    folder.mkdir(parents=True)
    for name in ("b.py", "a.py", "notes.txt"):
        (folder / name).write_text(BROKEN)
    (tmp_path / "script").write_text(BROKEN)
    paths = [tmp_path / "script", tmp_path / "package"]
    expected = [tmp_path / "script", folder / "a.py", folder / "b.py"]
    assert [place.path for place in lint_paths(paths)] == [str(p) for p in expected]


def test_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no-such-file"):
        lint_paths([tmp_path / "no-such-file"])


@pytest.fixture
def unreadable(tmp_path):
    for name, content in (
        ("a.py", b"def f(:"),
        ("b.py", b"# coding: none"),
        ("c.py", b"\n\nx = '\xff'"),
        ("d.py", BROKEN.encode()),
    ):
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_files_that_are_not_python_are_reported_and_the_others_read(unreadable):
    refused = []
    (place,) = lint_paths(
        [unreadable], unreadable=lambda file, error: refused.append(file.name)
    )
    assert place.path.endswith("d.py")
    assert refused == ["a.py", "b.py", "c.py"]


def test_file_that_is_not_python_raises_by_default(unreadable):
    with pytest.raises(SyntaxError, match=r"a\.py"):
        lint_paths([unreadable])
