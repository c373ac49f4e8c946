"""A page's tags lead to the gallery's pages with the same tag."""

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
