"""The lint finds what the gallery shows, and nothing in well-kept libraries."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import PAGES, ROOT

from dejabatch.lint import lint_paths

# The pages whose script shows the failure to the lint.
SHOWN = {
    "augmented-once",
    "cached-augmentation",
    "constant-worker-seed",
    "data-split-twice",
    "default-torch-generator",
    "epoch-arrives-late",
    "error-fallback-sample",
    "get-state-recipe",
    "itertools-cycle",
    "next-iter-in-the-loop",
    "one-iterator-per-persistent-loader",
    "reseed-every-epoch",
    "reseed-in-getitem",
    "rng-in-collate",
    "rng-object-on-dataset",
    "samples-in-both-loaders",
    "split-computed-too-early",
    "split-shares-transform",
    "stream-with-fixed-shuffle",
    "worker-init-runs-once",
    "worker-seed-without-epoch",
    "wrong-rank",
}
# Pages that compare a failure with another one.
ALSO_SHOWN = {
    "get-state-recipe": {"worker-seed-without-epoch"},
    "split-shares-transform": {"samples-in-both-loaders"},
}


def test_gallery_has_the_failures_that_its_pages_show():
    found = {}
    for page in PAGES:
        slugs = {place.slug for place in lint_paths([page])}
        if slugs:
            found[page.stem.removeprefix("plot_").replace("_", "-")] = slugs
    assert found == {slug: {slug} | ALSO_SHOWN.get(slug, set()) for slug in SHOWN}


@pytest.mark.parametrize("folder", ["src", "gallery/explanations"])
def test_nothing_is_found_in_own_sources(folder):
    assert lint_paths([ROOT / folder]) == []


@pytest.mark.slow("src/dejabatch/lint")
@pytest.mark.parametrize("library", ["torchvision", "timm", "lightning", "torchdata"])
def test_nothing_is_found_in_sources_of_libraries(library):
    found = lint_paths([Path(find_spec(library).origin).parent])
    assert [place for place in found if place.severity != "note"] == []
