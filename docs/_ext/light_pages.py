"""Pages that show their text at once: scripts wait, and images are small and measured.

This happens to the written pages, since the tags come from Sphinx, from the theme and
from sphinx-gallery, none of which has a setting for it.

- Every script waits until the page is read, in the same order. One that did not would
  have to wait for one that does, so all do.
- Every image has its width and height, so that the text below does not jump when it
  arrives, and those further down are loaded when they come near.
- A PNG is shown as WebP: a photograph in a figure needs a tenth of the bytes.
"""

from __future__ import annotations

import functools
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from PIL import Image

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# The theme's library for a site's own icons, of which this one has none; and what would
# let scripts that wait arrive before the text.
NOT_NEEDED = re.compile(
    r"<script[^>]*/fontawesome\.js[^>]*></script>|<link[^>]*preload[^>]*\.js[^>]*>"
)
SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
IMAGE = re.compile(r"<img\b[^>]*>")
PNG = re.compile(r'[^\s",]+\.png')


def pages(app: Sphinx) -> list[Path]:
    """Return the pages that are written; the theme also copies a template."""
    return [p for p in Path(app.outdir).rglob("*.html") if "_static" not in p.parts]


# Scripts -----------------------------------------------------------------------------


def _wait(script: re.Match[str]) -> str:
    attributes, body = script["attributes"], script["body"]
    if "src=" in attributes:
        if not re.search(r"\b(defer|async|type)\b", attributes):
            return f"<script defer{attributes}></script>"
    elif body.startswith("DOCUMENTATION_OPTIONS.") and "type=" not in attributes:
        # `defer` means nothing without `src`, but a module waits in the same queue.
        return f'<script type="module"{attributes}>{body}</script>'
    return script[0]


# Images ------------------------------------------------------------------------------


def _encode(image: Image.Image, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, "WEBP", method=4, **options)
    return target.getvalue()


def _as_webp(png: Path) -> Path:
    """Write a PNG's twin, if it is not there yet, and return its path."""
    webp = png.with_suffix(".webp")
    if not webp.is_file() or webp.stat().st_mtime < png.stat().st_mtime:
        with Image.open(png) as image:
            image.load()
        # Few bytes a pixel are text and lines, which may come out smaller, and without
        # a blur, when nothing is lost.
        drawing = png.stat().st_size < image.width * image.height / 4
        encoded = [_encode(image, quality=75)]
        encoded += [_encode(image, lossless=True)] if drawing else []
        webp.write_bytes(min(encoded, key=len))
    return webp


@functools.cache
def _size(path: Path) -> tuple[int, int] | None:
    if path.suffix == ".svg":
        box = ElementTree.parse(path).getroot().get("viewBox")
        return tuple(round(float(x)) for x in box.split()[2:]) if box else None
    with Image.open(path) as image:
        return image.size


def _improve_images(page: Path, html: str) -> str:
    near_the_top = html.find("<article") + 5000

    def improve(tag: re.Match[str]) -> str:
        image = tag[0]
        for png in sorted(set(PNG.findall(image))):
            path = (page.parent / png).resolve()
            if path.is_file():
                image = image.replace(png, png.removesuffix(".png") + ".webp")
                _as_webp(path)
        source = re.search(r'src="([^":]+)"', image)
        path = (page.parent / source[1]).resolve() if source else None
        size = _size(path) if path and path.is_file() else None
        added = ""
        if size and not re.search(r"\b(width|height)=", image):
            added += f' width="{size[0]}" height="{size[1]}"'
        # What a reader sees first is not to wait.
        if tag.start() > near_the_top and "loading=" not in image:
            added += ' loading="lazy"'
        return image.replace("<img", f"<img{added}", 1)

    return IMAGE.sub(improve, html)


def _improve(app: Sphinx, exception: Exception | None) -> None:
    if exception is not None or app.builder.name != "html":
        return
    _size.cache_clear()
    for page in pages(app):
        before = page.read_text(encoding="utf-8")
        after = SCRIPT.sub(_wait, NOT_NEEDED.sub("", before))
        # Without scripts, the theme has colours only where no scheme is named.
        after = after.replace(' data-theme="auto"', "", 1)
        after = _improve_images(page, after)
        if after != before:
            page.write_text(after, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the last touch to the pages."""
    app.connect("build-finished", _improve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
