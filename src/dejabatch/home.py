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
