"""The site says about itself only what its own build has measured."""

import ast
import json
import re
from importlib.metadata import version

import audit_in_the_wild as wild
import pytest
import verdicts
from build_environment import stamp
from conftest import ROOT, SCRIPTS
from green_runs import slow_audit
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from dejabatch import FAILURE_MODES
from dejabatch.finders import found_by

CLAIMS = [script for script in SCRIPTS if script.parent.name == "evidence"]
EVERY_CLAIMS_PAGE = pytest.mark.parametrize(
    "page", CLAIMS, ids=[page.stem for page in CLAIMS]
)

PAGE = '''"""
DataLoader returns the same sample for every index
==================================================

Text.
"""

# %%
# “It is always right”
# --------------------
# It is said.

print("broken:", 1, "of 100")
print("Verdict: false")

# %%
# “It is never right”
# -------------------
# That is said, too.

print("fixed:", 100, "of 100")
print("Verdict: true only here")
assert True
'''


def judged_claims(page):
    """Return the claims that the page's cells judge, each with its cell."""
    _, blocks = split_code_and_text_blocks(page)
    found = {}
    for block in blocks:
        if block.type != "code":
            continue
        for node in ast.walk(ast.parse(block.content)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "judge":
                found[ast.literal_eval(node.args[0])] = block.content
    return found


# The pages of claims -----------------------------------------------------------------


@EVERY_CLAIMS_PAGE
def test_every_claim_is_a_heading_in_quotes_and_in_the_contents(page):
    source = page.read_text()
    headings = re.findall(r"^# “(.+)”\n# -+$", source, flags=re.MULTILINE)
    assert headings == list(judged_claims(page))
    contents = " ".join(ast.get_docstring(ast.parse(source)).split())
    assert set(re.findall(r"`“(.+?)”`_", contents)) == set(headings)


@EVERY_CLAIMS_PAGE
def test_every_verdict_has_its_assert_in_the_same_cell(page):
    for claim, cell in judged_claims(page).items():
        assert re.search(r"^ +assert ", cell, flags=re.MULTILINE), claim


@EVERY_CLAIMS_PAGE
def test_verdict_words_come_from_judge_alone(page):
    """Verdicts come from the build, not from hand-written text."""
    tree = ast.parse(page.read_text())
    written = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Store)
        and getattr(node.value, "id", "") == "VERDICTS"
    ]
    (judge,) = (n for n in tree.body if getattr(n, "name", "") == "judge")
    assert len(written) == 1
    assert judge.lineno < written[0].lineno < judge.end_lineno


# Measurements of a build -------------------------------------------------------------


@pytest.fixture
def evidence(project):
    """Give a small project with one page of the catalogue, and what it measures."""
    section = project.gallery / "1_sample"
    section.mkdir()
    (section / "GALLERY_HEADER.rst").write_text("Section\n-------\n")
    (section / "plot_getitem_ignores_index.py").write_text(PAGE)
    (project.docs / "evidence").mkdir()
    parts = "".join(
        f"\n.. filled:: verdicts-{part}\n"
        for part in ("environment", "summary", "pages", "claims")
    )
    (project.docs / "evidence" / "verdicts.rst").write_text(f"Seen\n====\n{parts}")
    with (project.docs / "index.rst").open("a") as index:
        index.write("   evidence/verdicts\n")
    with (project.docs / "conf.py").open("a") as configuration:
        configuration.write('extensions += ["failure_modes", "verdicts"]\n')
    return project


def page_of(build):
    content = json.loads(build.text(verdicts.FILE))
    assert content["schema"] == verdicts.SCHEMA
    (page,) = content["pages"]
    return page


def test_measurements_are_kept_until_the_page_changes(evidence):
    first = evidence.build()
    assert first.status == 0, first.log
    page = page_of(first)
    assert page["state"] == "executed"
    assert (page["broken"], page["fixed"]) == ("1 of 100", "100 of 100")
    assert page["claims"] == {
        "It is always right": "false",
        "It is never right": "true only here",
    }
    assert page["asserts"] == 1
    html = first.text("evidence/verdicts.html")
    assert "1 of 1 pages were executed" in html
    assert "<p>100 of 100</p>" in html

    again = evidence.build()
    assert "executed 0 out of" in again.log
    assert "0 added, 0 changed, 0 removed" in again.log
    assert page_of(again) == page

    script = evidence.gallery / "1_sample" / "plot_getitem_ignores_index.py"
    script.write_text(PAGE + "\nprint('changed')\n")
    unexecuted = evidence.build("-D", "plot_gallery=False")
    assert unexecuted.status == 0, unexecuted.log
    page = page_of(unexecuted)
    assert (page["state"], page["broken"], page["claims"]) == ("not executed", None, {})
    html = unexecuted.text("evidence/verdicts.html")
    assert "This build has no measurements" in html


def test_page_that_fails_has_no_verdict(evidence):
    script = evidence.gallery / "1_sample" / "plot_getitem_ignores_index.py"
    script.write_text(PAGE + "\nassert False\n")
    build = evidence.build()
    assert build.status != 0
    assert not (build.html / verdicts.FILE).exists()
    html = build.text("evidence/verdicts.html")
    assert "0 of 1 pages were executed" in html
    assert "<p>failed</p>" in html


# The site's own build ----------------------------------------------------------------


@pytest.fixture(scope="session")
def pages(site):
    return json.loads(site.text(verdicts.FILE))["pages"]


def test_every_script_was_executed(pages):
    names = {page["url"].rsplit("/", 1)[1].removesuffix(".html") for page in pages}
    assert names == {script.stem for script in SCRIPTS}
    assert {page["state"] for page in pages} == {"executed"}


def test_every_page_measures_its_broken_and_its_fixed_loader(pages):
    by_slug = {page["slug"]: page for page in pages if page["slug"]}
    for mode in FAILURE_MODES.values():
        if mode.has_page:
            page = by_slug[mode.slug]
            assert page["broken"] != page["fixed"], mode.slug
            assert page["found_by"] == list(found_by(mode.slug))


def test_every_claim_has_its_verdict(site, pages):
    claims = {c: v for page in pages for c, v in page["claims"].items()}
    assert list(claims) == [c for page in CLAIMS for c in judged_claims(page)]
    html = site.text("evidence/claims.html")
    for verdict in claims.values():
        assert re.match(r"(true|false|not run)\b", verdict)
        assert f"<p>{verdict}</p>" in html


def test_environment_is_that_of_the_build(site):
    content = json.loads(site.text(verdicts.FILE))
    ours = {"dejabatch": version("dejabatch")}
    assert content["environment"] == {**stamp(), **ours}
    html = site.text("evidence/this-build.html")
    for value in content["environment"].values():
        assert value in html


# The table of costs ------------------------------------------------------------------


def test_every_cost_has_a_measurement_that_meets_its_goal():
    table = (ROOT / "docs" / "evidence" / "bench.inc").read_text()
    rows = re.findall(
        r"^\| (.+) \| ([\d.]+)\D* \| (\D+)([\d.]+).* \|$", table, re.MULTILINE
    )
    assert len(rows) == 7
    for what, measured, bound, goal in rows:
        if "at least" in bound:
            assert float(measured) >= float(goal), what
        else:
            assert float(measured) <= float(goal), what


def test_ledger_costs_at_most_one_per_cent_with_photographs():
    table = (ROOT / "docs" / "evidence" / "ledger.inc").read_text()
    (share,) = re.findall(r"^\| JPEG.* \| ([\d.]+)% \|$", table, re.MULTILINE)
    assert float(share) <= 1


# Loaders of public reports -------------------------------------------------------------


def stored_rows():
    """Return the cells of each row of the table, and the text of the file."""
    text = wild.PAGE.read_text()
    cells = r"^\* - (.+)\n  - (.+)\n  - (.+)\n  - (.+)$"
    return re.findall(cells, text, re.MULTILINE)[1:], text


def test_table_has_each_case_and_says_why_an_answer_is_wrong():
    rows, text = stored_rows()
    answers = {None: {"silent", "false alarm"}}
    for (symptom, report, _, answer), case in zip(rows, wild.CASES, strict=True):
        assert symptom == case.symptom
        assert f"(https://github.com/{case.source})" in report
        assert answer in answers.get(case.truth, {"named", "missed"})
        wrong = answer in {"missed", "false alarm"}
        assert wrong == bool(case.because)
        assert (
            f"\n{symptom}\n: {answer.capitalize()}: {case.because}\n" in text
        ) == wrong
        assert "lint" not in case.because or "lint" in found_by(case.truth)
    answered = [answer for *_, answer in rows]
    right = sum(case.truth is None for case in wild.CASES)
    assert right >= 5
    assert len(rows) - right >= 15
    assert text.startswith(
        f"`audit` and `compare` name {answered.count('named')} of {len(rows) - right} broken"
        f" loaders, and report nothing in {answered.count('silent')} of {right} right loaders."
    )


@pytest.mark.slow(
    *slow_audit.args,
    "docs/evidence/audit-in-the-wild.inc",
    "docs/evidence/audit_in_the_wild.py",
)
@pytest.mark.parametrize("case", wild.CASES, ids=lambda case: case.symptom)
def test_stored_answer_is_still_the_answer(case):
    rows, _ = stored_rows()
    (stored,) = [row for row in rows if row[0] == case.symptom]
    said, word = wild.answer_of(case, wild.report_of(case))
    assert word == stored[3]
    # A shuffled loader is asked for another index each time.
    one, other = (re.sub(r"\[\d+\]", "[n]", text) for text in (said, stored[2]))
    assert one == other
