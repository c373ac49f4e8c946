"""The project's addresses, and whether they can be reached yet.

Every other address is made from these. Set `PUBLISHED` when the site and the repository
are public: installation lines, downloads and links to Colab follow.
"""

SITE = "https://dejabatch.github.io/dejabatch/"
"""Where the site is, or will be."""

REPOSITORY = "https://github.com/dejabatch/dejabatch"
"""Where the repository is, or will be."""

PUBLISHED = False
"""Whether a reader can open `SITE` and `REPOSITORY`."""

STABLE = ""
"""Tag of the release whose site is in the folder ``stable/`` of `SITE`, such as v0.1.0.

An empty text stands for none. With a tag, texts say ``pip install dejabatch``, and every
page has a switcher between the site of the main branch (dev) and the site of the release.
"""
