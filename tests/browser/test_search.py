"""The search page finds the page of a failure by what people type."""

import re

import pytest

pytestmark = pytest.mark.browser

# A reader's words, and a part of the addresses of right answers.
SEARCHES = {
    "same crop": "one_draw_for_the_whole_batch",
    "duplicate batches": "itertools_cycle|next_iter_in_the_loop",
    "worker seed": "constant_worker_seed|worker_seed_without_epoch|get_state_recipe",
    "worker_init_fn": "constant_worker_seed|get_state_recipe|worker_init_runs_once",
    "set_epoch": "stale_worker_copy|no_set_epoch",
    "second epoch empty": "exhausted_stream|one_shot_sampler",
    "lru_cache": "cached_augmentation",
    "random_split transform": "split_shares_transform",
    "every worker same augmentation": "rng_object_on_dataset",
    "IterableDataset duplicates": "stream_not_split_by_worker",
    "numpy random seed": "numpy_global_before_1_9",
    "next(iter(dataloader))": "next_iter_in_the_loop",
    "shuffle not working": "sorted_without_shuffle|order_fixed_at_construction",
    "segmentation mask": "reseed_in_getitem",
    "data leakage": "samples_in_both_loaders",
    "multi gpu same data": "stream_not_split_by_rank",
    "not reproducible": "workers_change_the_augmentation",
    "albumentations": "library_holds_its_own_rng",
    # A part of a name.
    "weightedrandom": "class_weights_as_sample_weights",
    # Words that no page has must not hide the pages that have the others.
    "why does my pytorch dataloader give identical samples": "getitem_ignores_index",
}


# The same, of answers that are a part of a page.
SECTIONS = {
    "resume from checkpoint": r"recipes/index\.html#resume",
    "image and mask together": r"recipes/index\.html#image-and-mask",
    "elsewhere, the loader is right": r"symptoms/index\.html#sign-none",
}


def first_three(words, tab, expect):
    tab.goto("search.html")
    field = tab.locator("main input[name=q]")
    field.fill(words)
    field.press("Enter")
    expect(tab.locator(".search-summary")).to_contain_text("Search finished")
    results = tab.locator("ul.search > li > a")
    return [link.get_attribute("href") for link in results.all()[:3]]


@pytest.mark.parametrize(("words", "right"), SEARCHES.items(), ids=SEARCHES)
def test_right_page_is_among_the_first_three(words, right, tab, expect):
    addresses = first_three(words, tab, expect)
    assert any(re.search(rf"plot_({right})\.", a) for a in addresses), addresses


@pytest.mark.parametrize(("words", "right"), SECTIONS.items(), ids=SECTIONS)
def test_right_section_is_among_the_first_three(words, right, tab, expect):
    addresses = first_three(words, tab, expect)
    assert any(re.search(right, address) for address in addresses), addresses


def test_nothing_found_is_said(tab, expect):
    tab.goto("search.html?q=xylophone")
    expect(tab.locator(".search-summary")).to_contain_text("did not match")
    expect(tab.locator("ul.search > li")).to_have_count(0)
