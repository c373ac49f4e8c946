"""Figures are in the page in two colours of ink, and only one of them is seen."""

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

FIGURE = """
import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(4, 2))
ax.plot([1, 2], color="red")
ax.plot([2, 1])
ax.set(title="A title")
plt.show()
"""
# Relative luminance that has a contrast of 4.5 with the backgrounds of the theme.
READABLE = {"light": lambda ink: ink < 0.183, "dark": lambda ink: ink > 0.216}


@pytest.fixture
def build(project):
    with (project.docs / "conf.py").open("a") as conf:
        conf.write("""
extensions += ["figure_twins"]
sphinx_gallery_conf["image_scrapers"] = ("figure_twins.save",)
sphinx_gallery_conf["reset_modules"] += ("figure_twins.reset",)
sphinx_gallery_conf["thumbnail_size"] = (240, 168)
""")
    project.page("figure", FIGURE)
    build = project.build()
    assert build.status == 0, build.log
    return build


def images(build, page):
    soup = BeautifulSoup(build.text(page), "html.parser")
    found = soup.select("img.only-light, img.only-dark")
    folder = (build.html / page).parent
    return {i["class"][-1].removeprefix("only-"): (i, folder / i["src"]) for i in found}


def luminance(pixel):
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in pixel
    ]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


def test_each_figure_has_a_light_and_a_dark_twin(build):
    twins = images(build, "gallery/plot_figure.html")
    assert set(twins) == {"light", "dark"}
    pictures = {}
    for scheme, (image, path) in twins.items():
        assert image["alt"] == "A title"
        assert image["loading"] == "lazy"  # or browsers fetch what is hidden, too
        # 72 % of its size
        assert (image["width"], image["height"]) == ("288", "144")
        with Image.open(path) as picture:
            pictures[scheme] = np.asarray(picture.convert("RGBA")) / 255
    for scheme, picture in pictures.items():
        assert picture.shape == (288, 576, 4)  # twice as fine as shown
        assert picture[0, 0, 3] == 0
        # Between the colours of the two lines and the background, only ink is left.
        opaque = picture[picture[..., 3] > 0.99][:, :3]
        greys = opaque[np.ptp(opaque, axis=1) < 0.1]
        assert len(greys) > 1000
        assert READABLE[scheme](luminance(np.median(greys, axis=0)))
    # Colours that the page has chosen are the same in both.
    red = [(p[..., 0] > 0.9) & (p[..., 1] < 0.2) for p in pictures.values()]
    assert 0.95 < red[0].sum() / red[1].sum() < 1.05


def test_thumbnail_has_twins_too(build):
    twins = images(build, "gallery/index.html")
    assert set(twins) == {"light", "dark"}
    for image, path in twins.values():
        assert "thumb" in path.name
        assert (image["width"], image["height"]) == ("160", "112")
        with Image.open(path) as picture:
            assert picture.width == 240
            assert picture.height == 168
