"""The tables of releases and libraries show only what runs have measured."""

import ast
import json
import re
import sys

import by_release
import by_version
import measure_libraries
import measure_library_releases
import measure_releases
import probe_library
import pytest
from conftest import ROOT

from dejabatch import FAILURE_MODES

RUNS = by_version.runs()
MEASURED = [run for run in RUNS if "results" in run]
NAMES = [behaviour.name for behaviour in by_version.behaviours()]
EVIDENCE = sorted(ROOT.glob("gallery/evidence/plot_*.py"))


def run_of(torch, system="Linux x86_64", **answers):
    """Make a run in which every probe answered for fork and spawn."""
    results = {
        name.replace("_", "-"): {"fork": [fork, ""], "spawn": [spawn, ""]}
        for name, (fork, spawn) in answers.items()
    }
    return {"torch": torch, "system": system, "results": results}


# The stored runs ---------------------------------------------------------------------


def test_at_least_eight_releases_were_measured():
    assert len({run["torch"] for run in MEASURED}) >= 8


@pytest.mark.parametrize("run", RUNS, ids=[f"{r['torch']} {r['system']}" for r in RUNS])
def test_run_says_where_it_comes_from_and_answers_every_probe(run):
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", run["date"])
    assert run["origin"]
    if "results" not in run:
        assert run["not_run"]
        return
    assert sorted(run["results"]) == sorted(NAMES)
    answered = [m for by_method in run["results"].values() for m in by_method.values()]
    assert all(answer in {True, False} and measured for answer, measured in answered)


def test_every_library_has_a_measurement_or_a_reason():
    records = json.loads(by_release.NEWEST.read_text())
    assert list(records) == list(measure_libraries.REQUIREMENTS)
    for requirement, record in records.items():
        assert ("plain" in record) != ("not_run" in record), requirement


def test_data_libraries_read_each_sample_once():
    records = json.loads(by_release.NEWEST.read_text())
    for name in probe_library.DATA_LIBRARIES:
        ways = [way for way in records[name].values() if isinstance(way, dict)]
        assert all(way["each_sample_once"] for way in ways), name


@pytest.mark.parametrize(
    ("equal", "words"),
    [((4, 8), "workers and epochs"), ((0, 8), "epochs"), ((1, 1), "no")],
)
def test_library_repeats_where_most_results_are_equal(equal, words):
    measured = dict(zip(("workers_equal", "epochs_equal"), equal, strict=True))
    assert by_release.repeats(measured) == words


def test_results_of_two_epochs_are_compared_by_worker_and_by_epoch():
    first, second = list("aabbccdd"), list("aabbccde")
    assert probe_library.compared(first, second) == {
        "workers_equal": 4,
        "epochs_equal": 7,
        "distinct": 5,
    }


@pytest.mark.parametrize("library", measure_library_releases.RELEASES)
def test_every_run_of_a_library_has_answers_or_a_reason(library):
    stored = [run for run in by_release.runs() if run["library"] == library]
    in_order = list(measure_library_releases.RELEASES[library])
    missing = by_release.not_measured().get(by_release.NAMES[library], [])
    versions = [run["version"] for run in stored]
    assert versions == [v for v in in_order if v not in missing]
    names = {name for run in stored for name in run.get("results", {})}
    for run in stored:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", run["date"])
        assert ("results" in run) != bool(run.get("not_run"))
        assert run.get("results", dict.fromkeys(names)).keys() == names
        answers = [one["any"] for one in run.get("results", {}).values()]
        assert all(answer in {True, False, None} for answer, _ in answers)
        assert all(measured for _, measured in answers)


def test_runs_of_libraries_have_known_probes():
    names = {name for run in by_release.runs() for name in run.get("results", {})}
    assert names <= by_release.behaviours().keys()
    assert by_release.NAMES.keys() == measure_library_releases.RELEASES.keys()
    slugs = {behaviour.slug for behaviour in by_release.behaviours().values()}
    assert slugs - {None} <= FAILURE_MODES.keys()


# The texts of the site ---------------------------------------------------------------


def test_probes_and_claims_are_on_the_site():
    assert {b.slug for b in by_version.behaviours()} - {None} <= FAILURE_MODES.keys()
    claims = set(by_version.TRUE_IF) | set(by_version.FALSE_IF)
    assert claims <= set(
        re.findall(
            r"^# “(.+)”$", "\n".join(p.read_text() for p in EVIDENCE), re.MULTILINE
        )
    )
    assert set(by_version.UNDER) <= claims
    assert {*by_version.TRUE_IF.values(), *by_version.FALSE_IF.values()} <= set(NAMES)


@pytest.mark.parametrize(
    "mode", [m for m in FAILURE_MODES.values() if m.until], ids=lambda mode: mode.slug
)
def test_catalogue_agrees_with_the_releases(mode):
    until = measure_releases.number(mode.until.removeprefix("torch "))
    names = [b.name for b in by_version.behaviours() if b.slug == mode.slug]
    for run in by_version.main_runs():
        is_present = by_version.word(run, names) != "no"
        assert is_present == (measure_releases.number(run["torch"]) < until), run


def test_neighbouring_releases_stand_in_one_span():
    order = ["1.8.1", "1.9.1", "2.0.1", "2.2.2", "2.10.0"]
    assert by_version.spans(order, order) == "1.8.1 to 2.10.0"
    chosen = ["1.8.1", "2.0.1", "2.2.2", "2.10.0"]
    assert by_version.spans(chosen, order) == "1.8.1, 2.0.1 to 2.10.0"
    assert sorted(sorted(order), key=measure_releases.number) == order


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((True, True), "yes"),
        ((False, False), "no"),
        ((True, False), "fork"),
        ((None, None), "not run"),
        ((None, True), "yes"),
    ],
)
def test_cell_names_the_start_methods_that_differ(answer, word):
    assert by_version.word(run_of("2.0", a_probe=answer), ["a-probe"]) == word


def test_cell_of_a_claim_asks_one_start_method():
    run = run_of("2.0", a_probe=(True, False))
    assert by_version.word(run, ["a-probe"], true=False, only="spawn") == "yes"
    assert by_version.word(run, ["a-probe"], true=False, only="fork") == "no"


def test_page_of_a_failure_shows_the_releases_with_it(monkeypatch):
    name = "worker-init-runs-once-with-persistent-workers"
    stored = [
        {"torch": torch, "system": by_version.MAIN_SYSTEM, "results": {name: answers}}
        for torch, answers in {
            "1.8.1": {"fork": [True, ""], "spawn": [False, ""]},
            "1.9.1": {"fork": [True, ""], "spawn": [True, ""]},
            "2.0.1": {"fork": [False, ""], "spawn": [False, ""]},
        }.items()
    ]
    monkeypatch.setattr(by_version, "runs", lambda: stored)
    assert by_version.versions_of("worker-init-runs-once") == (
        "measured in torch 1.8.1 with fork; 1.9.1, absent in 2.0.1"
    )
    assert by_version.versions_of("itertools-cycle") == ""


def test_build_that_contradicts_the_newest_older_release_is_refused(monkeypatch):
    stored = [
        run_of("1.9.1", a_probe=(True, True)),
        run_of("2.2.2", a_probe=(False, False)),
        run_of("2.10.0", a_probe=(True, True)),
        run_of("2.2.2", system="Windows AMD64", a_probe=(True, True)),
    ]
    here = run_of("2.8.0+cpu", a_probe=(True, True))
    monkeypatch.setattr(by_version, "runs", lambda: stored)
    monkeypatch.setattr(by_version, "run_probes", lambda *_: here)
    by_version.this_build.cache_clear()
    with pytest.raises(by_version.ExtensionError, match=r"a-probe \(fork\).*2\.2\.2"):
        by_version.this_build()
    stored[1] = run_of("2.2.2", a_probe=(True, True))
    assert by_version.this_build() == here
    by_version.this_build.cache_clear()


def library_run(version, answer, library="monai"):
    """Make a run of a library with one probe."""
    name = "monai-is-equal-in-workers-of-torch"
    return {
        "library": library,
        "version": version,
        "system": "Linux x86_64",
        "results": {name: {"any": [answer, "4 of 4 equal"]}},
    }


def store_library_runs(monkeypatch, *stored):
    monkeypatch.setattr(by_release, "runs", lambda: stored)


def test_page_of_a_failure_shows_the_libraries_with_it(monkeypatch):
    answers = {"0.9.0": False, "0.10.0": True, "1.0.0": True, "1.1.0": None}
    store_library_runs(monkeypatch, *(library_run(*one) for one in answers.items()))
    (row,) = by_release.rows()
    assert row.releases == {"no": "0.9.0", "yes": "0.10.0 to 1.0.0", "not run": "1.1.0"}
    slug = "library-holds-its-own-rng"
    assert by_release.versions_in_libraries(slug) == "MONAI 0.10.0 to 1.0.0"
    assert by_release.versions_in_libraries("drop-last") == ""


@pytest.mark.parametrize(
    ("stored", "refused"), [(True, False), (False, True), (None, False)]
)
def test_build_with_a_library_that_contradicts_its_release_is_refused(
    stored, refused, monkeypatch
):
    newest = library_run("1.1.0", not stored)
    store_library_runs(monkeypatch, library_run("1.0.0", stored), newest)
    here = library_run("1.0.9", True)
    monkeypatch.setattr(by_release, "run_probes", lambda *_: [here])
    by_release.this_build.cache_clear()
    if refused:
        with pytest.raises(
            by_release.ExtensionError, match=r"monai 1\.0\.9 .* 1\.0\.0"
        ):
            by_release.this_build()
    else:
        assert by_release.this_build() == {"monai": here}
    by_release.this_build.cache_clear()


# The probes --------------------------------------------------------------------------


@pytest.mark.parametrize("file", by_version.PROBE_FILES, ids=lambda file: file.stem)
def test_probes_are_written_for_the_oldest_python(file):
    ast.parse(file.read_text(), feature_version=(3, 8))
    assert "dejabatch" not in re.findall(
        r"^(?:from|import) (\w+)", file.read_text(), re.MULTILINE
    )


def test_probes_of_one_start_method_answer_as_stored():
    names = ("new-torch-generators-are-equal", "getitems-bypasses-a-wrapper")
    options = [part for name in names for part in ("--only", name)]
    run = measure_releases.run_probes(sys.executable, "--method", "fork", *options)
    assert {n: r["any"][0] for n, r in run["results"].items()} == dict.fromkeys(
        names, True
    )


def test_run_replaces_the_record_of_its_release(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_releases, "RESULTS", tmp_path)
    for torch in ("2.10.0", "2.8.0", "2.10.0"):
        path = measure_releases.store(run_of(torch, a_probe=(True, False)))
    stored = json.loads(path.read_text())["runs"]
    assert [run["torch"] for run in stored] == ["2.8.0", "2.10.0"]
    assert stored[0] == run_of("2.8.0", a_probe=(True, False))
    assert sum("a-probe" in line for line in path.read_text().splitlines()) == 2


def test_probe_that_breaks_is_not_run():
    run = measure_releases.run_probes(sys.executable, "--only", "no-such-probe")
    assert "invalid choice" in run["not_run"]


def test_python_that_is_missing_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setitem(measure_releases.VERSIONS, "0.1", ("3.1", "numpy"))
    record = measure_releases.measure("0.1", tmp_path)
    assert record == {"not_run": "there is no Python 3.1"}


def test_library_of_this_environment_answers_as_stored(tmp_path):
    (run,) = measure_library_releases.run_probes(sys.executable, tmp_path, "torchdata")
    assert {one[0] for r in run["results"].values() for one in r.values()} == {
        True,
        False,
    }
    assert by_release._contradicted(run) == []


def test_run_of_a_library_replaces_the_record_of_its_release(tmp_path, monkeypatch):
    monkeypatch.setattr(measure_library_releases, "RESULTS", tmp_path / "runs.json")
    first, last = list(measure_library_releases.RELEASES["monai"])[::2][:2]
    dropped = library_run("0.0.1", True)
    for run in (dropped, library_run(last, True), library_run(first, True)):
        measure_library_releases.store(run)
    measure_library_releases.store(library_run(last, False))
    stored = json.loads((tmp_path / "runs.json").read_text())["runs"]
    assert stored == [library_run(first, True), library_run(last, False)]


def test_library_that_cannot_be_installed_is_not_run(tmp_path, monkeypatch):
    def fail(*_):
        msg = "no such release"
        raise measure_libraries.NotRun(msg)

    monkeypatch.setattr(measure_library_releases, "install", fail)
    version = next(iter(measure_library_releases.RELEASES["monai"]))
    record = measure_library_releases.measure("monai", version, tmp_path)
    assert (record["version"], record["not_run"]) == (version, "no such release")
