"""Figures that read on the light and on the dark site.

The scraper `save` writes each figure in two colours of ink, and once more for
sphinx-gallery, which makes no use of it but as a file that must exist. Wherever a page
shows an image with two such twins beside it, both go into the page: the theme's classes
``only-light`` and ``only-dark`` show one, and browsers do not fetch the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from docutils import nodes
from matplotlib import cycler
from matplotlib.colors import to_rgb, to_rgba_array
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sphinx.application import Sphinx

INKS = {"light": "#2b2f36", "dark": "#d6dae0"}
"""Colour of text and lines, by the colour scheme of the site."""

# Visible on both, at 3:1 or more.
COLOURS = ("#3b6fb6", "#c65d12", "#3b8a4a", "#8b5fbf")

THUMBNAIL = (320, 224)
"""Twice as many pixels as a card of the gallery shows."""

_PLACES = ("center", "left", "right")


def style() -> dict[str, Any]:
    """Return matplotlib's settings for figures that `save` can paint."""
    inked = (
        *("text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor"),
        *("xtick.color", "ytick.color", "patch.edgecolor", "hatch.color"),
    )
    return {
        **dict.fromkeys(inked, INKS["light"]),
        "axes.prop_cycle": cycler(color=COLOURS),
        "savefig.transparent": True,
        "legend.frameon": False,  # its background would be white
        "figure.dpi": 100,
        "font.size": 11,
    }


def _paint(figure: Figure, old: str, new: str) -> None:
    """Give whatever is of one colour the other."""
    for artist in figure.findobj():
        for part in ("color", "edgecolor", "markeredgecolor", "markerfacecolor"):
            if not hasattr(artist, f"get_{part}"):
                continue
            colours = to_rgba_array(getattr(artist, f"get_{part}")())[:, :3]
            if len(colours) and (colours == to_rgb(old)).all():
                getattr(artist, f"set_{part}")(new)


def _twin(image: Path, scheme: str) -> Path:
    return image.with_name(f"{image.stem}_{scheme}.webp")


def _save_thumbnail(image: Path, thumbnail: Path, scheme: str) -> None:
    """Scale a twin down, to a size at which a gallery of fifty is light."""
    thumbnail.parent.mkdir(exist_ok=True)
    with Image.open(image) as picture:
        picture.thumbnail(THUMBNAIL)
        picture.save(_twin(thumbnail, scheme), quality=60)


def _alternative(figure: Figure) -> str:
    """Return the titles of a figure, or else what its axes say, for who cannot see it."""
    titles = [part.get_suptitle() for part in (figure, *figure.subfigs)]
    titles += [ax.get_title(loc=loc) for ax in figure.axes for loc in _PLACES]
    if not any(titles):
        titles = [
            label for ax in figure.axes for label in (ax.get_ylabel(), ax.get_xlabel())
        ]
    return " ".join(", ".join(filter(None, titles)).split())


def save(_block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figures of a cell and return the reStructuredText that shows them."""
    thumbnail_number = block_vars["file_conf"].get("thumbnail_number", 1)
    paths = block_vars["image_path_iterator"]
    texts = []
    for number, path in zip(plt.get_fignums(), paths, strict=False):
        image, figure = Path(path), plt.figure(number)
        figure.savefig(image)
        ink = INKS["light"]
        for scheme, next_ink in INKS.items():
            _paint(figure, ink, ink := next_ink)
            # Twice as fine as it is shown, for screens that are as fine.
            target = _twin(image, scheme)
            figure.savefig(target, dpi=2 * figure.dpi, pil_kwargs={"quality": 70})
            if len(paths) == thumbnail_number:
                name = f"{image.stem.removesuffix(f'_{len(paths):03}')}_thumb.png"
                _save_thumbnail(
                    _twin(image, scheme), image.parent / "thumb" / name, scheme
                )
        width, height = figure.get_size_inches() * figure.dpi
        uri = image.relative_to(gallery_conf["src_dir"]).as_posix()
        texts.append(
            f".. image:: /{uri}\n"
            f"   :alt: {_alternative(figure)}\n"
            f"   :width: {width:.0f}\n"
            f"   :height: {height:.0f}\n"
            f"   :class: sphx-glr-single-img no-scaled-link\n\n"
        )
    plt.close("all")
    return "".join(texts)


def _add_twins(app: Sphinx, doctree: nodes.document) -> None:
    for image in list(doctree.findall(nodes.image)):
        # Sphinx wants a link around an image to have one image.
        shown = image.parent if isinstance(image.parent, nodes.reference) else image
        _, path = app.env.relfn2path(image["uri"])
        twins = [_twin(Path(path), scheme) for scheme in INKS]
        if not all(twin.is_file() for twin in twins):
            continue
        copies = []
        for scheme, twin in zip(INKS, twins, strict=True):
            copies.append(shown.deepcopy())
            (copy,) = copies[-1].findall(nodes.image)
            copy["uri"] = f"/{twin.relative_to(app.srcdir).as_posix()}"
            copy["classes"].append(f"only-{scheme}")
            copy["loading"] = "lazy"  # what is hidden is then not fetched
        shown.replace_self(copies)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register what puts the twins into pages."""
    # Before Sphinx collects the images of a page.
    app.connect("doctree-read", _add_twins, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
