"""A page's first screen has its repair, what it measured, and links from its tags."""

import pytest
from bs4 import BeautifulSoup
from conftest import PAGES
from repairs import LINES, repair

HEAD = """
from torch.utils.data import DataLoader, Dataset
import numpy as np


class Stored(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return 0

"""


def test_class_that_is_replaced_keeps_its_name():
    diff = repair(
        "class Old:\n    def a(self):\n        return 1\n\nbroken = load(Old())\n"
        "class New:\n    def a(self):\n        return 2\n\nfixed = load(New())\n"
    )
    assert diff == [
        *(" class Old:", "     def a(self):"),
        *("-        return 1", "+        return 2"),
    ]


def test_argument_that_changes_stands_alone():
    diff = repair(
        f"{HEAD}def seed(worker):\n    np.random.seed(42)\n\n"
        "broken = DataLoader(Stored(), batch_size=4, worker_init_fn=seed)\n"
        "fixed = DataLoader(Stored(), batch_size=4)\n"
    )
    changed = [line for line in diff if line[:1] in {"+", "-"}]
    assert "-    worker_init_fn=seed," in changed
    assert all(line.startswith("-") for line in changed)
    assert "     batch_size=4," in diff


def test_method_of_a_subclass_replaces_that_of_its_base():
    part = "class Right(Stored):\n    def __getitem__(self, index):\n"
    loaders = "broken = DataLoader(Stored())\nfixed = DataLoader(Right())\n"
    diff = repair(f"{HEAD}{part}        return index\n\n{loaders}")
    assert [line for line in diff if line[:1] in {"+", "-"}] == [
        "-        return 0",
        "+        return index",
    ]
    assert "     def __getitem__(self, index):" in diff
    # A method that calls its base would be wrong there.
    diff = repair(f"{HEAD}{part}        return super()[index]\n\n{loaders}")
    assert "+class Right(Stored):" in diff


def test_page_names_the_part_and_imports_come_with_it():
    diff = repair(
        "import math\nimport numpy as np\n\n"
        '# sphinx_gallery_repair = ["old", "new"]\n'
        "def old():\n    return math.pi\n\ndef new():\n    return np.pi\n"
    )
    assert diff == [
        *("+import numpy as np", ""),
        *("-def old():", "-    return math.pi", "+def new():", "+    return np.pi"),
    ]


@pytest.mark.parametrize("page", PAGES, ids=[p.stem for p in PAGES])
def test_every_page_has_a_short_repair(page):
    diff = repair(page.read_text())
    assert 0 < len(diff) <= LINES
    assert {line[:1] for line in diff} <= {"", " ", "+", "-"}
    assert any(line.startswith(("+", "-")) for line in diff)


# In builds of small projects ---------------------------------------------------------

PAGE = '''"""
DataLoader returns the same sample for every index
==================================================

Text.

* **You see:** this.
"""

# %%
# See it happen
# -------------
# It returns one sample.

# sphinx_gallery_tags = ["same crop", "seed"]
import matplotlib.pyplot as plt


def broken():
    return 1


def fixed():
    return 2


def helper():
    """Make the cell long enough to fold."""
    first = 1
    second = 2
    return first + second


if __name__ == "__main__":
    print("broken:", broken(), "of 2")
    assert broken() == 1

# %%
# A variant has a claim. And more words about it.

if __name__ == "__main__":
    print("variant")

# %%
# Only here
# ---------
# A section that no other page has.

# %%
# The fix
# -------
# Return all.

if __name__ == "__main__":
    print("fixed:", fixed(), "of 2")
    for number in range(30):
        print("line", number)

# %%
# Proof
# -----
# Look at the line.

if __name__ == "__main__":
    plt.plot([1, 2])
    plt.title("A title")
    plt.show()

# %%
# Find it in your code
# --------------------
# Read one index.


def check(dataset):
    first, second = dataset[0], dataset[1]
    third, fourth = dataset[2], dataset[3]
    fifth = dataset[4]
    sixth = dataset[5]
    seventh = dataset[6]
    eighth = dataset[7]
    return first, second, third, fourth, fifth, sixth, seventh, eighth
'''


@pytest.fixture
def one_page(project):
    section = project.gallery / "1_sample"
    section.mkdir()
    (section / "GALLERY_HEADER.rst").write_text("Section\n-------\n")
    (section / "plot_getitem_ignores_index.py").write_text(PAGE)
    project.page("tagged", '# sphinx_gallery_tags = ["same crop", "seed"]\nprint(1)')
    with (project.docs / "conf.py").open("a") as conf:
        conf.write("""
extensions += ["failure_modes", "figure_twins", "folds", "plain_text", "repairs"]
sphinx_gallery_conf["image_scrapers"] = ("figure_twins.save",)
sphinx_gallery_conf["reset_modules"] += ("figure_twins.reset",)
html_baseurl = "https://example.org/"
project = "Small"
html_context = {"repository": "https://example.org/small"}
""")
    return project


def test_page_is_repaired_folded_and_described(one_page):
    build = one_page.build()
    assert build.status == 0, build.log
    page = "gallery/1_sample/plot_getitem_ignores_index.html"
    soup = BeautifulSoup(build.text(page), "html.parser")
    diff = soup.select_one(".repair .highlight-diff pre").text.splitlines()
    assert "-    return 1" in diff
    assert "+    return 2" in diff
    measured = soup.select_one(".measured").text
    assert "1 of 2" in measured
    assert "2 of 2" in measured
    assert [b["data-copies"] for b in soup.select(".repair button")] == ["fix", "diff"]

    links = {a.text: a["href"] for a in soup.select(".facts a")}
    script = "main/gallery/1_sample/plot_getitem_ignores_index.py"
    assert links["source"] == f"https://example.org/small/blob/{script}"
    assert links["edit"] == f"https://example.org/small/edit/{script}"

    folded = [summary.text for summary in soup.select("details > summary")]
    assert folded == [
        "Code of broken, fixed, helper: 11 lines",
        "A variant has a claim.",
        "Only here",
        "23 more lines of output",
    ]
    shown = soup.select_one("#see-it-happen > div.highlight-Python")
    assert "assert broken() == 1" in shown.text
    variant = soup.find("summary", string="A variant has a claim.").parent
    assert "And more words about it." in variant.text
    assert "variant" in variant.select_one(".sphx-glr-script-out").text
    caption = soup.select_one("figure figcaption .caption-text")
    assert caption.text.strip() == "Look at the line."
    assert soup.select_one("#find-it-in-your-code > div.highlight-Python")

    text = build.text(f"{page}.md")
    assert "```diff\n" in text
    assert "A variant has a claim." in text
    assert "Copy the diff" not in text
    assert (build.html / "_images" / "plot_getitem_ignores_index.png").is_file()

    tagged = BeautifulSoup(build.text("gallery/plot_tagged.html"), "html.parser")
    assert [a["href"] for a in tagged.select(".facts a")] == [
        "../gallery/index.html?sg-tags=same%20crop",
        "../gallery/index.html?sg-tags=seed",
    ]
    assert build.text("gallery/index.html").count("sg-tag-list") == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [('print("fixed:"', 'print("result:"'), ("    return 2\n", "    return 1\n")],
    ids=["nothing measured", "no repair"],
)
def test_page_without_a_first_screen_fails_the_build(one_page, old, new):
    script = one_page.gallery / "1_sample" / "plot_getitem_ignores_index.py"
    script.write_text(PAGE.replace(old, new))
    build = one_page.build()
    assert build.status != 0
    assert "plot_getitem_ignores_index: the diff has" in build.log


def test_pages_that_use_an_object_are_listed_once(project):
    with (project.docs / "conf.py").open("a") as conf:
        conf.write("""
extensions += ["failure_modes"]
sphinx_gallery_conf |= {"backreferences_dir": "uses", "doc_module": ("fractions",)}
""")
    project.page("a", "from fractions import Fraction\nFraction(1)\nFraction(2)")
    with (project.docs / "index.rst").open("a") as index:
        index.write("\n.. filled:: pages-using fractions.Fraction\n")
        index.write("\n.. filled:: pages-using fractions.Unused\n")
    build = project.build()
    assert build.status == 0, build.log
    soup = BeautifulSoup(build.text("index.html"), "html.parser")
    (heading,) = soup.find_all(string="Pages that use it")
    links = heading.find_parent("section").select("p + ul a, h2 + ul a")
    assert [a["href"] for a in links] == ["gallery/plot_a.html"]
