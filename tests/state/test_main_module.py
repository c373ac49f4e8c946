"""A line that an import of the main module would run is found."""

import subprocess
import sys

import pytest

CALL = "print(unguarded_line())\n"
IMPORT = "from dejabatch.state.main_module import unguarded_line\n"


def printed(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (CALL, 2),
        (f"def main():\n    {CALL}main()\n", 4),
        (f"if True:\n    {CALL}", 3),
        (f"if __name__ == '__main__':\n    {CALL}", None),
        (f"def main():\n    {CALL}if '__main__' == __name__:\n    main()\n", None),
    ],
)
def test_line_is_found_unless_it_is_guarded(source, line, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(IMPORT + source)
    expected = "None" if line is None else f"{script}:{line}"
    assert printed(script).strip() == expected


def test_code_without_a_file_is_not_imported_by_workers():
    assert printed("-c", IMPORT + CALL).strip() == "None"
