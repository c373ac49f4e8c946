"""Configuration of the site: what each setting does is in the extensions' manuals."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from urllib.parse import urlsplit

from dejabatch.home import PUBLISHED, REPOSITORY, SITE

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "dejabatch"
author = "the dejabatch developers"
copyright = f"2026, {author}"
release = installed_version("dejabatch")
version = release

# src/dejabatch/home.py has the addresses. Pages link to them only once they work.
published = PUBLISHED
package_wheel = f"{SITE}wheel/dejabatch-{release}-py3-none-any.whl"
# Colab opens notebooks from a repository. CI pushes the site's notebooks to this branch.
colab = REPOSITORY.replace("github.com", "colab.research.google.com/github", 1)
notebooks = f"{colab}/blob/notebooks" if PUBLISHED else ""
html_baseurl = SITE

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "notfound.extension",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_sitemap",
    "sphinxext.opengraph",
    # Sets what must be set before torch is imported, so before sphinx-gallery.
    "gallery_hooks",
    "figure_twins",
    "sphinx_gallery.gen_gallery",
    "build_environment",
    "command_output",
    "descriptions",
    "executed",
    "failure_mode_lists",
    "page_shortcuts",
    "light_pages",
    "notebook_links",
    "package_wheel",
    "pages_using",
    "plain_text",
    "purged_styles",
    "search_words",
    "stored_inventories",
    "tag_links",
    "verdicts",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/**/*.py"]
templates_path = ["_templates"]
nitpicky = True
# Types that autodoc finds in signatures under names that no inventory has.
nitpick_ignore_regex = [
    ("py:class", name)
    for name in (
        r"Axes|PathLike",
        r"dejabatch\.\w+\.T",
        r"np\.random\.Generator|numpy\.u?int\d+",
        r"torch\._C\.Generator|torch\.utils\.data\.dataloader\.DataLoader",
    )
]
default_role = "code"

# Gallery -----------------------------------------------------------------------------

gallery_time_limit = 300.0
sphinx_gallery_conf = {
    "examples_dirs": "../gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "failure_mode_lists.CatalogueOrder",
    "doc_module": ("dejabatch",),
    "backreferences_dir": "gallery/backreferences",
    "reset_modules": ("matplotlib", "gallery_hooks.reset", "verdicts.reset"),
    "reset_modules_order": "both",
    "image_scrapers": ("figure_twins.save", "verdicts.scrape"),
    "junit": "../junit-gallery.xml",
    # Its table loads scripts from other hosts; the times are in the junit file.
    "write_computation_times": False,
    "remove_config_comments": True,
    "show_signature": False,
    "log_level": {"backreference_missing": "debug"},
    # One and a half times the size at which they are shown.
    "thumbnail_size": (240, 168),
    # pip installs only the packages that the notebook's environment lacks.
    "first_notebook_cell": f'%pip install -q "dejabatch[gallery] @ {package_wheel}"',
    # The last expression of a cell is never shown: pages print what they want read.
    "capture_repr": (),
}
suppress_warnings = ["config.cache"]

# Links -------------------------------------------------------------------------------

intersphinx_mapping = {}
intersphinx_timeout = 5
stored_inventories = {
    "python": "https://docs.python.org/3/",
    "torch": "https://docs.pytorch.org/docs/stable/",
    "torchvision": "https://docs.pytorch.org/vision/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
}

# Text --------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "attrs_block", "deflist", "fieldlist"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_preprocess_types = True
# Both, since napoleon hands its own to autodoc, which would count as a change of these
# settings and have every page read again in the next build.
autodoc_type_aliases = napoleon_type_aliases = {
    "callable": "collections.abc.Callable",
    "collection": "collections.abc.Collection",
    "iterable": "collections.abc.Iterable",
    "mapping": "collections.abc.Mapping",
}
autodoc_member_order = "bysource"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

# HTML --------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "dejabatch"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_extra_path = ["robots.txt"]
html_css_files = ["dejabatch.css"]
html_js_files = ["filter.js", "tags.js"]
html_search_scorer = str(Path(__file__).parent / "_static" / "search.js")
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto", "notebooks": notebooks}
html_theme_options = {
    "logo": {"text": "dejabatch"},
    "icon_links": [
        {"name": "Source code", "url": REPOSITORY, "icon": "fa-brands fa-github"}
    ]
    if PUBLISHED
    else [],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "article_footer_items": ["build-stamp"],
    "footer_start": ["copyright"],
    "footer_center": [],
    "footer_end": ["plain-text"],
    "search_as_you_type": True,
    "secondary_sidebar_items": [
        "page-toc",
        "sg_launcher_links",
        "sg_download_links",
    ],
}
html_sidebars = {
    page: []
    for page in (
        "index",
        "changelog",
        "contributing",
        "symptoms/index",
        "recipes/index",
    )
}

# Search engines and shared links -----------------------------------------------------

sitemap_url_scheme = "{link}"
sitemap_excludes = ["404.html", "genindex.html", "search.html"]
notfound_urls_prefix = urlsplit(SITE).path
ogp_site_url = SITE
ogp_social_cards = {
    "font": "DejaVu Sans",
    "line_color": "#b03a0a",
    # The favicon, of which a card wants a PNG; without it there is Sphinx's picture.
    "image_mini": "_static/favicon.png",
}
