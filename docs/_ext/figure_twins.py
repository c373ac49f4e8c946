"""Draw each figure with dark and with light ink, for the light and the dark site.

The scraper `save` writes ``name.webp`` in dark ink and ``name_dark.webp`` in light ink.
A page that shows the first image gets the second as well: the theme's classes
``only-light`` and ``only-dark`` hide one, and browsers do not fetch what is hidden.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from docutils import nodes
from matplotlib.colors import to_rgb, to_rgba_array
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx_gallery.utils import scale_image

STYLE = Path(__file__).parent.parent / "figures.mplstyle"
LIGHT_INK = "#d6dae0"
# The size at which the gallery's cards show thumbnails, which are finer.
CARD = (160, 112)


def reset(_gallery_conf: dict[str, Any], _name: str | None) -> None:
    """Give a page the settings of `STYLE`; for ``reset_modules``."""
    plt.style.use(STYLE)


def _paint(figure: Figure, old: str, new: str) -> None:
    """Repaint the artists of one colour in another colour."""
    for artist in figure.findobj():
        for part in ("color", "edgecolor", "markeredgecolor", "markerfacecolor"):
            if not hasattr(artist, f"get_{part}"):
                continue
            colours = to_rgba_array(getattr(artist, f"get_{part}")())[:, :3]
            if len(colours) and (colours == to_rgb(old)).all():
                getattr(artist, f"set_{part}")(new)


def _dark(image: Path) -> Path:
    return image.with_name(f"{image.stem}_dark.webp")


def _alt_text(figure: Figure) -> str:
    """Return alt text: the titles of a figure and of its rows."""
    texts = [part.get_suptitle() for part in (figure, *figure.subfigs)]
    for ax in figure.axes:
        texts += [ax.get_title(), ax.get_title(loc="left"), ax.get_ylabel()]
    return " ".join(", ".join(dict.fromkeys(filter(None, texts))).split())


def save(_block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save the figures of a cell and return the reStructuredText that shows them."""
    thumbnail_number = block_vars["file_conf"].get("thumbnail_number", 1)
    paths = block_vars["image_path_iterator"]
    texts = []
    for number, path in zip(plt.get_fignums(), paths, strict=False):
        image, figure = Path(path).with_suffix(".webp"), plt.figure(number)
        # Twice as fine as shown, for screens with a high resolution.
        options = {"dpi": 2 * figure.dpi, "pil_kwargs": {"quality": 60}}
        figure.savefig(image, **options)
        _paint(figure, plt.rcParams["text.color"], LIGHT_INK)
        figure.savefig(_dark(image), **options)
        if len(paths) == thumbnail_number:
            name = f"{image.stem.removesuffix(f'_{len(paths):03}')}_thumb.webp"
            thumbnail = _dark(image.parent / "thumb" / name)
            scale_image(_dark(image), thumbnail, *gallery_conf["thumbnail_size"])
            card = image.parent / "cards" / f"{Path(block_vars['src_file']).stem}.png"
            card.parent.mkdir(exist_ok=True)
            _paint(figure, LIGHT_INK, plt.rcParams["text.color"])
            scale = 1200 / figure.get_size_inches()[0]
            figure.savefig(card, dpi=scale, facecolor="white", transparent=False)
            # A build without outputs leaves a PNG, which sphinx-gallery would prefer.
            thumbnail.with_name(name).with_suffix(".png").unlink(missing_ok=True)
        width, height = figure.get_size_inches() * figure.dpi
        uri = image.relative_to(gallery_conf["src_dir"]).as_posix()
        texts.append(
            f".. image:: /{uri}\n"
            f"   :alt: {_alt_text(figure)}\n"
            f"   :width: {width:.0f}\n"
            f"   :height: {height:.0f}\n"
            f"   :class: sphx-glr-single-img no-scaled-link\n\n"
        )
    plt.close("all")
    return "".join(texts)


def _add_twins(app: Sphinx, doctree: nodes.document) -> None:
    page = Path(app.srcdir, app.env.docname)
    if (page.parent / "images" / "cards" / f"{page.name}.png").is_file():
        app.env.metadata[app.env.docname]["og:image"] = f"_images/{page.name}.png"
    for image in list(doctree.findall(nodes.image)):
        # Sphinx wants a link around an image to have one image.
        shown = image.parent if isinstance(image.parent, nodes.reference) else image
        _, path = app.env.relfn2path(image["uri"])
        light = Path(path).with_suffix(".webp")  # a page may have written `.*`
        twins = {"light": light, "dark": _dark(light)}
        if not twins["dark"].is_file():
            continue
        if light.parent.name == "thumb":
            image["width"], image["height"] = map(str, CARD)
            image["classes"].append("no-scaled-link")  # the card is a link already
        copies = []
        for scheme, twin in twins.items():
            copies.append(shown.deepcopy())
            (copy,) = copies[-1].findall(nodes.image)
            copy["uri"] = f"/{twin.relative_to(app.srcdir).as_posix()}"
            copy["classes"].append(f"only-{scheme}")
            copy["loading"] = "lazy"  # browsers then skip what is hidden
        shown.replace_self(copies)


def _copy_cards(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        for card in Path(app.srcdir).glob("gallery/*/images/cards/*.png"):
            shutil.copy(card, Path(app.outdir, "_images"))


def setup(app: Sphinx) -> dict[str, Any]:
    """Put the twins into pages, and the pictures for shared links beside them."""
    # Before Sphinx collects the images of a page.
    app.connect("doctree-read", _add_twins, priority=400)
    app.connect("build-finished", _copy_cards)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
