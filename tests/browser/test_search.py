"""The search page finds the page of a failure by what people type."""

import re

import pytest

pytestmark = pytest.mark.browser

# Wordings of users' threads in short, and a part of the addresses of right answers.
FROM_THREADS = {
    "numpy random same randomness between workers in one dataloader": (
        "numpy_global_before_1_9|rng_object_on_dataset|constant_worker_seed"
    ),
    "identical augmentation across workers / epochs": (
        "rng_object_on_dataset|numpy_global_before_1_9"
    ),
    "np.random same random numbers for each data batch": "numpy_global_before_1_9",
    "MONAI random transforms generate the same random values": "library_holds_its_own",
    "random rotate same angle, num_workers 0 works fine": (
        "rng_object_on_dataset|library_holds_its_own_rng|numpy_global"
    ),
    "same images multiply generated with multiple workers Cutout": "numpy_global",
    "data is repeated 4 times when I set num_workers=4 tfrecord": "stream_not_split_by_w",
    "data duplicate num_workers > 1 streaming load_dataset": "stream_not_split_by_worker",
    "IterableDataset duplicated data PyTorch DDP": "stream_not_split_by_rank",
    "number of batches in epoch affected by num_workers IterableDataset": (
        "stream_not_split_by_worker"
    ),
    "hdf5 num_workers larger than 1 loaded data are wrong": "file_opened_before_fork",
    "same output for every image": r"symptoms/elsewhere",
    "loss does not change": r"symptoms/elsewhere",
    "h5 dataset labels batch wrong with 2 workers": "file_opened_before_fork",
    "augmentation of the validation dataset due to splitting": "split_shares_transform",
    "random transform on validation set": "split_shares_transform",
    "set_epoch is ignored persistent_workers=True": "stale_worker_copy",
    "change worker process attribute persistent_workers": "stale_worker_copy",
    "missing sampler on multiple GPUs using DDP same batch": "no_distributed_sampler",
    "distributed training does not split dataset between GPUs": (
        "no_distributed_sampler|stream_not_split_by_rank"
    ),
    "resume_from_checkpoint replays the same data order": "resume",
    "data loading after restart from ckpt starts again from scratch": "resume",
    "same order in each epoch DistributedSampler set_epoch": "no_set_epoch",
    "ultralytics yolo every worker same mosaic augmentation": r"symptoms/number",
    "Mosaic augmentation is duplicating samples": r"symptoms/number",
    "same images with several workers": "numpy_global|rng_object_on_dataset",
    "Lightning seed_everything workers=True same augmentations every epoch": (
        "seeds_equal_in_32_bits|constant_worker_seed"
    ),
    "webdataset duplicate samples in an epoch": "stream_not_split_by_worker",
    "both processes have all batches without a sampler": "no_distributed_sampler",
    "shuffle=True same order in every run": r"symptoms/runs|reference/meant",
    "accelerate set_seed same augmentation on every device": "ranks_augment_alike",
    # Titles as their askers wrote them.
    "repeats the same underlying samples across epochs with persistent_workers=True": (
        "stale_worker_copy"
    ),
    "DataLoader epoch size changes when setting `num_workers`>1": (
        "stream_not_split_by_worker"
    ),
    "Duplicate data returned when use `num_workers` param (multi-processing)": (
        "stream_not_split_by_worker|stateful_cursor"
    ),
    "Same Training Data on Resume": "resume_replays",
    "Distributed sampler puts all data on all machines in DDP": (
        "no_distributed_sampler"
    ),
    "DistributedSampler not used when using DDPPlugin": "no_distributed_sampler",
    "Same batch in distributed backends": "no_distributed_sampler",
    "Double data splitting in get_train_dataloader for multi-gpu setting?": (
        "data_split_twice"
    ),
    "wrong test acc because redundant data in ddp mode": "padded_evaluation",
    "Random augmentations aren't random?": "rng_object_on_dataset|augmented_once",
    "Workers produce identical augmentations per batch position across epochs": (
        "library_holds_its_own_rng|rng_object_on_dataset"
    ),
    'Does the "shuffle" really work?': "reseed_every_epoch|no_set_epoch",
    "Support same_on_batch option for transforms": "one_draw_for_the_whole_batch",
    "Data augmentation on the validation set": "split_shares_transform",
    "Streaming Dataset Missing set_epoch() Causes Identical Data Order": (
        "stream_with_fixed_shuffle"
    ),
    "Resume from mid steps inside an epoch": "mid_epoch_resume",
    "Unable to get mid-epoch resumption working": "mid_epoch_resume",
    "Non-reproducible results with num_workers=0": "workers_change_the_augmentation",
    "batches_outstanding == 0 in dataloader during iteration, StopIteration": (
        "next_iter_in_the_loop|exhausted_stream"
    ),
    "The shuffling order of DataLoader in pytorch": "reseed_every_epoch",
    "identical composed random/elastic transforms on image pair for segmentation": (
        "reseed_in_getitem|image-and-mask"
    ),
    "Data on the same dp rank is inconsistent after prepare": (
        "model_parallel_ranks_differ|data_split_twice"
    ),
    "Loss is not changing. Its remaining constant": "symptoms/elsewhere",
    "Outputs of EfficientNetB0 all the same": "symptoms/elsewhere",
}
OTHERS = {
    "same crop": "one_draw_for_the_whole_batch",
    "duplicate batches": "itertools_cycle|next_iter_in_the_loop",
    "worker seed": "constant_worker_seed|worker_seed_without_epoch|get_state_recipe",
    "worker_init_fn": "constant_worker_seed|get_state_recipe|worker_init_runs_once",
    "second epoch empty": "exhausted_stream|one_shot_sampler",
    "lru_cache": "cached_augmentation",
    "numpy random seed": "numpy_global_before_1_9|worker-seeds",
    "next(iter(dataloader))": "next_iter_in_the_loop",
    "shuffle not working": "sorted_without_shuffle|order_fixed_at_construction|reseed",
    "segmentation mask": "reseed_in_getitem",
    "data leakage": "samples_in_both_loaders",
    "multi gpu same data": "stream_not_split_by_rank|no_distributed_sampler",
    "not reproducible": "workers_change_the_augmentation",
    "albumentations": "library_holds_its_own_rng",
    "weightedrandom": "class_weights_as_sample_weights",  # a part of a name
    "why does my pytorch dataloader give identical samples": "getitem_ignores_index",
    "loss is identical on all GPUs torchrun --nproc_per_node 8": "no_distributed_sampler",
    "seed_everything same augmentation every epoch": (
        "constant_worker_seed|reseed_every_epoch|worker_seed_without_epoch"
    ),
    "which generators does torch seed in a worker": "worker-seeds",
    # Answers that are a part of a page.
    "resume from checkpoint": r"recipes/index\.html#resume|resume_replays",
    "image and mask together": r"recipes/index\.html#image-and-mask",
    "elsewhere, the loader is right": r"symptoms/elsewhere",
}
MISSED_AT_MOST = 3


SHOWN = """() => document.querySelectorAll("ul.search > li").length >= 3
    || document.querySelector(".search-summary")?.textContent.includes("finished")"""


def first_three(words, tab):
    tab.goto("search.html")
    field = tab.locator("main input[name=q]")
    field.fill(words)
    field.press("Enter")
    # Results come one by one, the best first.
    tab.wait_for_function(SHOWN, timeout=20_000)
    results = tab.locator("ul.search > li > a")
    return [link.get_attribute("href") for link in results.all()[:3]]


def test_right_page_is_among_the_first_three(tab):
    wordings = FROM_THREADS | OTHERS
    assert len(wordings) >= 40
    assert 2 * len(FROM_THREADS) >= len(wordings)
    missed = {}
    for words, right in wordings.items():
        addresses = first_three(words, tab)
        if not any(re.search(right, address) for address in addresses):
            missed[words] = addresses
    assert len(missed) <= MISSED_AT_MOST, missed


# The filter of the front page has fewer words: it shows the right row among the first five.
PASTED = (
    "Workers produce identical augmentations per batch position across epochs",
    "Streaming Dataset Missing set_epoch() Causes Identical Data Order",
    "wrong test acc because redundant data in ddp mode",
    'Does the "shuffle" really work?',
)


@pytest.mark.parametrize("title", PASTED)
def test_filter_shows_the_row_for_a_pasted_title(tab, title):
    tab.goto("index.html")
    tab.locator("input.filter").fill(title)
    rows = tab.locator("table.filterable tbody tr:visible")
    pages = [row.get_by_role("link").get_attribute("href") for row in rows.all()[:5]]
    assert any(re.search(FROM_THREADS[title], page) for page in pages), pages


def test_excerpt_of_a_failure_begins_with_its_symptom(tab, expect):
    first_three("Data augmentation on the validation set", tab)
    excerpt = tab.locator("ul.search > li:first-child > p.context")
    expect(excerpt).to_contain_text("You see:")
    expect(excerpt).not_to_contain_text("Gallery")


def test_word_that_no_page_has_is_dropped_and_said(tab, expect):
    addresses = first_three("lru_cache xylophones", tab)
    assert "plot_cached_augmentation" in addresses[0]
    expect(tab.locator(".search-dropped")).to_have_text(
        "Without xylophones: no page has it."
    )
    first_three("lru_cache", tab)
    expect(tab.locator(".search-dropped")).to_have_count(0)


def test_nothing_found_is_said(tab, expect):
    tab.goto("search.html?q=xylophone")
    expect(tab.locator(".search-summary")).to_contain_text("did not match")
    expect(tab.locator("ul.search > li")).to_have_count(0)
