"""Configuration of the site: what each setting does is in the extensions' manuals."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from dejabatch.catalogue import SITE

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "dejabatch"
author = "the dejabatch developers"
copyright = f"2026, {author}"
release = installed_version("dejabatch")
version = release

repository = "https://github.com/dejabatch/dejabatch"
html_baseurl = SITE

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    # Sets what must be set before torch is imported, so before sphinx-gallery.
    "gallery_hooks",
    "sphinx_gallery.gen_gallery",
    "build_environment",
    "failure_mode_lists",
    "search_words",
    "stored_inventories",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/**/*.py"]
templates_path = ["_templates"]
nitpicky = True
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
    "reset_modules": ("matplotlib", "gallery_hooks.reset"),
    "reset_modules_order": "both",
    "image_srcset": ["2x"],
    "junit": "../junit-gallery.xml",
    # Its table loads scripts from other hosts; the times are in the junit file.
    "write_computation_times": False,
    "remove_config_comments": True,
    "show_signature": False,
    "log_level": {"backreference_missing": "debug"},
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

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
autodoc_typehints = "none"
napoleon_preprocess_types = True
napoleon_type_aliases = {
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
html_css_files = ["dejabatch.css"]
html_js_files = [("filter.js", {"defer": "defer"})]
html_search_scorer = str(Path(__file__).parent / "_static" / "search.js")
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "dejabatch"},
    "icon_links": [
        {"name": "Source code", "url": repository, "icon": "fa-brands fa-github"}
    ],
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "article_footer_items": ["build-stamp"],
    "footer_start": ["copyright"],
    "footer_center": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc", "sg_download_links"],
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
