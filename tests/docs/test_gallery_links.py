"""Tags lead to the gallery, and pages of the API to the pages that use an object."""

from bs4 import BeautifulSoup


def test_tags_are_links_to_the_filtered_gallery(project):
    with (project.docs / "conf.py").open("a") as conf:
        conf.write("extensions += ['gallery_links']\n")
    project.page("tagged", '# sphinx_gallery_tags = ["same crop", "seed"]\nprint(1)')
    section = project.gallery / "section"
    section.mkdir()
    (section / "GALLERY_HEADER.rst").write_text("Section\n-------\n")
    page = (project.gallery / "plot_tagged.py").read_text()
    (section / "plot_also.py").write_text(page)
    build = project.build()
    assert build.status == 0, build.log
    soup = BeautifulSoup(build.text("gallery/plot_tagged.html"), "html.parser")
    tags = soup.select_one(".sphx-glr-example-tags")
    assert tags.text == "Tags: same crop, seed"
    assert [a["href"] for a in tags.select("a")] == [
        "../gallery/index.html?sg-tags=same%20crop",
        "../gallery/index.html?sg-tags=seed",
    ]
    assert build.text("gallery/index.html").count("sg-tag-list") == 1
    assert build.text("gallery/section/index.html").count("sg-tag-list") == 1


def test_pages_that_use_an_object_are_listed_once(project):
    with (project.docs / "conf.py").open("a") as conf:
        conf.write("""
extensions += ["gallery_links"]
sphinx_gallery_conf |= {"backreferences_dir": "uses", "doc_module": ("fractions",)}
""")
    project.page("a", "from fractions import Fraction\nFraction(1)\nFraction(2)")
    with (project.docs / "index.rst").open("a") as index:
        index.write("\n.. pages-using:: fractions.Fraction\n")
        index.write("\n.. pages-using:: fractions.Unused\n")
    build = project.build()
    assert build.status == 0, build.log
    soup = BeautifulSoup(build.text("index.html"), "html.parser")
    (heading,) = soup.find_all(string="Pages that use it")
    links = heading.find_parent("section").select("p + ul a, h2 + ul a")
    assert [a["href"] for a in links] == ["gallery/plot_a.html"]
