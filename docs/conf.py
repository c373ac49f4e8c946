"""Configuration of the site; the extensions' manuals explain the settings."""

import json
import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from urllib.parse import quote, urlsplit

from dejabatch.catalogue import FAILURE_MODES
from dejabatch.home import PUBLISHED, REPOSITORY, SITE, STABLE

HERE = Path(__file__).parent
sys.path[:0] = [
    str(HERE / "_ext"),
    str(HERE / "evidence" / "versions"),
    str(HERE / "evidence" / "libraries"),
]

# Commands on pages run with this Python. argparse folds its help at the terminal's width,
# and colours the help since Python 3.14.
os.environ |= {"COLUMNS": "80", "NO_COLOR": "1"}
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ["PATH"]]
)

project = "dejabatch"
author = "the dejabatch developers"
copyright = f"2026, {author}"
release = installed_version("dejabatch")
version = release
# The wheel of the site has the installed version, although git knows a newer one.
os.environ["SETUPTOOLS_SCM_PRETEND_VERSION"] = release

# src/dejabatch/home.py has the addresses. Pages link to them only once they work.
published = PUBLISHED
stable = STABLE
sites = {"dev": SITE, "stable": f"{SITE}stable/"}
site = "dev" if "dev" in release else "stable"
package_wheel = f"{sites[site]}wheel/dejabatch-{release}-py3-none-any.whl"
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
    "sphinx_reredirects",
    "sphinx_sitemap",
    "sphinxcontrib.programoutput",
    "sphinxext.opengraph",
    # Sets what must be set before torch is imported, so before sphinx-gallery.
    "gallery_hooks",
    "figure_twins",
    "sphinx_gallery.gen_gallery",
    "build_environment",
    "failure_modes",
    "folds",
    "light_styles",
    "package_wheel",
    "plain_text",
    "repairs",
    "verdicts",
]
exclude_patterns = ["_build", "_templates", "gallery/**/*.ipynb", "gallery/**/*.py"]
templates_path = ["_templates"]
nitpicky = True
# autodoc finds these types in signatures under names that no inventory has.
nitpick_ignore_regex = [
    ("py:class", name)
    for name in (
        r"Axes|PathLike|Expect|Settings|sequence|collections\.abc\.Sequence",
        r"dejabatch\.lint\.settings\.Settings|dejabatch\.observe\.record\.\w+",
        r"dejabatch\.distributed\.record\.Ranks",
        r"dejabatch\.[\w.]+\.T",
        r"np\.random\.Generator|numpy\.u?int\d+",
        r"torch\._C\.Generator|torch\.distributed\.device_mesh\.DeviceMesh",
        r"torch\.utils\.data\.dataloader\.DataLoader",
    )
]
default_role = "code"

# Gallery -----------------------------------------------------------------------------

gallery_time_limit = 300.0
sphinx_gallery_conf = {
    "examples_dirs": "../gallery",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "failure_modes.rank_of",
    "doc_module": ("dejabatch",),
    "backreferences_dir": "gallery/backreferences",
    "reset_modules": ("matplotlib", "figure_twins.reset"),
    "image_scrapers": ("figure_twins.save",),
    "junit": "../junit-gallery.xml",
    # Its table loads scripts from other hosts; the times are in the junit file.
    "write_computation_times": False,
    "remove_config_comments": True,
    "show_signature": False,
    "log_level": {"backreference_missing": "debug"},
    # The gallery's cards show thumbnails of 160 x 112. All cards together may weigh 150 kB.
    "thumbnail_size": (240, 168),
    # pip installs only the packages that the notebook's environment lacks.
    "first_notebook_cell": f'%pip install -q "dejabatch[gallery] @ {package_wheel}"',
    # The last expression of a cell is never shown: pages print what they want read.
    "capture_repr": (),
}
suppress_warnings = ["config.cache"]

# Links -------------------------------------------------------------------------------

# Each site's own inventory, or else the few names of it that are stored here.
intersphinx_mapping = {
    project: (site, (None, f"_inventories/{project}.inv"))
    for project, site in {
        "python": "https://docs.python.org/3/",
        "torch": "https://docs.pytorch.org/docs/stable/",
        "torchvision": "https://docs.pytorch.org/vision/stable/",
        "numpy": "https://numpy.org/doc/stable/",
        "matplotlib": "https://matplotlib.org/stable/",
    }.items()
}
intersphinx_timeout = 5

# Addresses of names that are no longer public, or that are documented elsewhere.
redirects = {
    "api/dejabatch.FAILURE_MODES": "dejabatch.catalogue.FAILURE_MODES.html",
    "api/dejabatch.SCHEMES": "../reference/api.html",
    "api/dejabatch.SECTIONS": "../reference/api.html",
    "api/dejabatch.SIGNS": "../reference/api.html",
}
# The address of a slug is permanent, whatever the section of its page.
redirects |= {slug: mode.url.removeprefix(SITE) for slug, mode in FAILURE_MODES.items()}
redirect_html_template_file = "_templates/redirect.html"

# Text --------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "attrs_block", "deflist", "fieldlist"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_preprocess_types = True
# napoleon copies its aliases to autodoc. Without the same value here, Sphinx would see a
# changed setting and read every page again in the next build.
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
# A diff has buttons of its own.
copybutton_selector = "div:not(.highlight-diff) > div.highlight pre"

# HTML --------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "dejabatch"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_extra_path = ["robots.txt"]
html_css_files = ["dejabatch.css"]
html_js_files = ["filter.js", "repair.js", "tags.js"]
html_search_scorer = str(Path(__file__).parent / "_static" / "search.js")
html_show_sourcelink = False
html_copy_source = False
html_context = {
    "default_mode": "auto",
    "notebooks": notebooks,
    "repository": REPOSITORY if PUBLISHED else "",
    "site": SITE,
}
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
    "navbar_end": [
        *(["version-switcher"] if STABLE else []),
        "theme-switcher",
        "navbar-icon-links",
    ],
    "check_switcher": False,
    "search_as_you_type": True,
    "secondary_sidebar_items": [
        "page-toc",
        "sg_launcher_links",
        "sg_download_links",
    ],
}
if STABLE:
    html_theme_options["switcher"] = {
        # The list is in the address, so that pages ask no host for it.
        "json_url": "data:application/json,"
        + quote(json.dumps([{"version": v, "url": sites[v]} for v in sites])),
        "version_match": site,
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
    # A card needs a PNG of the favicon, or Sphinx's picture is on the card.
    "image_mini": "_static/favicon.png",
}


def hide_factories(*arguments):
    """Make the signature of a dataclass one that Sphinx can parse."""
    *_, signature, returned = arguments
    return signature and signature.replace("<factory>", "..."), returned


# Text of the pages on which a script has something to do.
NEEDED_BY = {
    "clipboard.min.js": 'class="highlight',
    "copybutton.js": 'class="highlight',
    "filter.js": "filterable",
    "repair.js": "copy-repair",
    "sg-tags.js": "sg-tag-list",
    "tags.js": "sg-tag-list",
}


def drop_idle_scripts(*arguments):
    """Load a script only on pages where it has something to do."""
    *_, context, _ = arguments
    body = context.get("body", "")
    context["script_files"] = [
        script
        for script in context["script_files"]
        if NEEDED_BY.get(Path(script.filename or "").name, "") in body
    ]


def setup(app):
    """Read all pages again when an extension has changed."""
    import by_release  # after the extensions of the package
    import by_version
    from failure_modes import TEMPLATES

    TEMPLATES.globals |= by_version.GLOBALS | by_release.GLOBALS
    data = [*by_version.FILES, *by_release.FILES]
    sources = sorted([*HERE.glob("_ext/*.py"), *data])
    code = "".join(source.read_text(encoding="utf-8") for source in sources)
    app.add_config_value("code_of_extensions", code, "env", str)
    app.connect("autodoc-process-signature", hide_factories)
    app.connect("html-page-context", drop_idle_scripts)
