"""The hooks do what they promise, in real builds of small projects."""

import re
import time

import psutil
import pytest

WORKER_PAGE = """
import multiprocessing
from torch.utils.data import DataLoader, Dataset, get_worker_info


class Inline(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return get_worker_info().id * 10 + index


def workers(method):
    loader = DataLoader(Inline(), num_workers=2, multiprocessing_context=method)
    return [int(batch) for batch in loader]


if __name__ == "__main__":
    print("the answer is", workers({method!r}))
"""

HANGING_PAGE = """
import time
from torch.utils.data import DataLoader


class Stuck(list):
    def __getitem__(self, index):
        time.sleep(987)


if __name__ == "__main__":
    next(iter(DataLoader(Stuck([0]), num_workers=1)))
"""

# Things that a page may leave behind, and how the build names them.
LEAKS = {
    "process": (
        # Silent: the end of the build's output must not wait for it.
        """
from subprocess import DEVNULL, Popen
Popen(["sleep", "986"], stdout=DEVNULL, stderr=DEVNULL)
""",
        r"process \d+",
    ),
    "worker": (
        """
import builtins
from torch.utils.data import DataLoader
builtins.keep = iter(DataLoader([1, 2, 3], num_workers=1))
""",
        r"process \d+",
    ),
}


def sleeping(seconds):
    """Processes that run `sleep seconds`."""
    commands = (p.info["cmdline"] for p in psutil.process_iter(["cmdline"]))
    return [c for c in commands if c and c[-2:] == ["sleep", seconds]]


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_class_defined_in_a_page_works_in_workers(project, method):
    project.page("inline", WORKER_PAGE.replace("{method!r}", repr(method)))
    build = project.build()
    assert build.status == 0, build.log
    assert "the answer is [0, 11]" in build.text("gallery/plot_inline.html")


def test_page_that_hangs_becomes_a_failed_page_with_a_traceback(project):
    project.configure(time_limit=8)
    project.page("hangs", HANGING_PAGE)
    project.page("healthy", 'print("still executed")')
    started = time.monotonic()
    build = project.build()
    # The page sleeps for 987 s; the rest is the build, on a machine that may be busy.
    assert time.monotonic() - started < 600
    assert build.status != 0
    assert "plot_hangs.py unexpectedly failed" in build.log
    assert "left behind" not in build.log
    page = build.text("gallery/plot_hangs.html")
    assert "Traceback" in page
    assert "the page ran for more than 8 s (gallery_time_limit)" in page
    assert "still executed" in build.text("gallery/plot_healthy.html")


def test_time_limit_ends_with_its_page(project):
    project.configure(time_limit=10)
    project.page("a_within_its_limit", "import time\ntime.sleep(6)")
    project.page("b_within_its_own_limit", "import time\ntime.sleep(6)")
    build = project.build()
    assert build.status == 0, build.log


@pytest.mark.parametrize("leak", LEAKS)
def test_page_that_leaves_something_behind_fails(project, leak):
    code, message = LEAKS[leak]
    project.page("leaks", code)
    build = project.build()
    assert build.status != 0
    left = rf"plot_leaks.py left behind: {message}"
    assert re.search(left, build.log), build.log
    assert "Unexpected failing examples (1)" in build.log
    assert not sleeping("986")


def test_failed_page_fails_the_next_build_too(project):
    # Another test looks for a process that sleeps for 986 seconds.
    project.page("leaks", LEAKS["process"][0].replace("986", "985"))
    assert project.build().status != 0
    assert project.build().status != 0


def test_pages_run_at_the_same_time(project):
    """Each page waits for a file that the other page writes."""
    for name, other in (("a", "b"), ("b", "a")):
        project.page(
            name,
            "import pathlib, time\n"
            f"pathlib.Path('ran_{name}').touch()\n"
            f"while not pathlib.Path('ran_{other}').exists():\n"
            "    time.sleep(0.1)\n"
            "print('both ran')",
        )
    build = project.build("-j", "2")
    assert build.status == 0, build.log
    assert "executed 2 out of 2" in build.log
    assert "both ran" in build.text("gallery/plot_a.html")


def test_settings_of_a_page_do_not_reach_the_next(project):
    project.page(
        "a_changes_everything",
        "import multiprocessing\nimport torch\nimport matplotlib.pyplot as plt\n"
        "torch.set_num_threads(2)\n"
        "torch.set_default_dtype(torch.float64)\n"
        "torch.set_printoptions(precision=1)\n"
        "torch.use_deterministic_algorithms(True)\n"
        "multiprocessing.set_start_method('spawn')\n"
        "plt.rcParams['lines.linewidth'] = 77\n",
    )
    project.page(
        "b_finds_the_defaults",
        "import multiprocessing\nimport torch\nimport matplotlib.pyplot as plt\n"
        "assert torch.get_num_threads() == 1\n"
        "assert torch.get_default_dtype() == torch.float32\n"
        "assert '0.3333' in str(torch.tensor(1 / 3))\n"
        "assert not torch.are_deterministic_algorithms_enabled()\n"
        "assert multiprocessing.get_start_method(allow_none=True) is None\n"
        "assert plt.rcParams['lines.linewidth'] != 77\n",
    )
    build = project.build()
    assert build.status == 0, build.log


def test_hooks_never_seed(project):
    draw = "import random\nimport numpy as np\nimport torch\n"
    draw += "print('drew', random.random(), np.random.random(), torch.rand(1).item())"
    project.page("a", draw)
    project.page("b", draw)
    drawn = []
    for page in ("a", "b"):
        html = project.build().text(f"gallery/plot_{page}.html")
        drawn.append(html.split("drew ")[1].split("\n")[0].split())
    assert not set(drawn[0]) & set(drawn[1])
