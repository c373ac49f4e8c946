"""The site says about itself only what its own build has measured."""

import ast
import json
import re
from importlib.metadata import version

import pytest
import verdicts
from build_environment import stamp
from conftest import ROOT, SCRIPTS
from sphinx_gallery.py_source_parser import split_code_and_text_blocks

from dejabatch import FAILURE_MODES
from dejabatch.finders import found_by

CLAIMS = [script for script in SCRIPTS if script.parent.name == "evidence"]
EVERY_CLAIMS_PAGE = pytest.mark.parametrize(
    "page", CLAIMS, ids=[page.stem for page in CLAIMS]
)

PAGE = '''"""
Same for every index
====================

Text.
"""

import dejabatch
import torch
from torch.utils.data import DataLoader, Dataset
from dejabatch.lint import lint_source


class Stored(Dataset):
    def __init__(self, repeated):
        self.rows = torch.rand(16, 4)
        self.repeated = repeated

    def __len__(self):
        return 16

    def __getitem__(self, index):
        return self.rows[0 if self.repeated else index]


broken, fixed = DataLoader(Stored(True)), DataLoader(Stored(False))
VERDICTS = {"It is always right": "false"}
assert [f.slug for f in dejabatch.audit(broken).findings] == ["getitem-ignores-index"]
assert dejabatch.audit(fixed).ok
assert dejabatch.audit(DataLoader(Stored(True))).findings
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


# Notes of a build ------------------------------------------------------------------


@pytest.fixture
def evidence(project):
    """Give a small project with one page of the catalogue, and the verdicts of it."""
    section = project.gallery / "1_sample"
    section.mkdir()
    (section / "GALLERY_HEADER.rst").write_text("Section\n-------\n")
    (section / "plot_getitem_ignores_index.py").write_text(PAGE)
    (project.docs / "evidence").mkdir()
    parts = "".join(f"\n.. verdicts:: {part}\n" for part in verdicts.PARTS)
    (project.docs / "evidence" / "verdicts.rst").write_text(f"Seen\n====\n{parts}")
    with (project.docs / "index.rst").open("a") as index:
        index.write("   evidence/verdicts\n")
    with (project.docs / "conf.py").open("a") as configuration:
        configuration.write("""
extensions.append("verdicts")
sphinx_gallery_conf["image_scrapers"] = ("matplotlib", "verdict_notes.scrape")
sphinx_gallery_conf["reset_modules"] += ("verdict_notes.reset",)
""")
    return project


def page_of(build):
    content = json.loads(build.text(verdicts.FILE))
    assert content["schema"] == verdicts.SCHEMA
    (page,) = content["pages"]
    return page


def test_answers_are_kept_until_the_page_changes(evidence):
    first = evidence.build()
    assert first.status == 0, first.log
    page = page_of(first)
    assert page["state"] == "executed"
    assert [call["of"] for call in page["said"]] == ["broken", "fixed", None]
    assert [len(call["findings"]) for call in page["said"]] == [1, 0, 1]
    assert verdicts.named(page)["slug"] == "getitem-ignores-index"
    assert verdicts.wrong(page) == []
    assert page["claims"] == {"It is always right": "false"}
    assert page["asserts"] == 3
    html = first.text("evidence/verdicts.html")
    assert "1 of 1 pages were executed" in html
    assert "named the failure on 1 of 1 pages" in html

    again = evidence.build()
    assert "executed 0 out of" in again.log
    assert "0 added, 0 changed, 0 removed" in again.log
    assert page_of(again) == page

    script = evidence.gallery / "1_sample" / "plot_getitem_ignores_index.py"
    script.write_text(PAGE + "\nprint('changed')\n")
    unexecuted = evidence.build("-D", "plot_gallery=False")
    assert unexecuted.status == 0, unexecuted.log
    page = page_of(unexecuted)
    assert (page["state"], page["said"], page["claims"]) == ("not executed", [], {})
    html = unexecuted.text("evidence/verdicts.html")
    assert "This build has no verdicts" in html


def test_page_that_fails_has_no_verdict(evidence):
    script = evidence.gallery / "1_sample" / "plot_getitem_ignores_index.py"
    script.write_text(PAGE + "\nassert dejabatch.audit(broken).ok\n")
    build = evidence.build()
    assert build.status != 0
    assert not (build.html / verdicts.FILE).exists()
    html = build.text("evidence/verdicts.html")
    assert "0 of 1 pages were executed" in html
    assert "<p>failed</p>" in html


def test_unknown_part_is_named(evidence):
    with (evidence.docs / "evidence" / "verdicts.rst").open("a") as page:
        page.write("\n.. verdicts:: everything\n")
    build = evidence.build("-D", "plot_gallery=False")
    assert build.status != 0
    assert "verdicts: everything is not one of environment, summary" in build.log


def said(of, *slugs, tool="audit", severity="error"):
    findings = [{"slug": s, "severity": severity, "where": "dataset"} for s in slugs]
    return {"tool": tool, "of": of, "expect": None, "findings": findings}


def record(*calls):
    return {
        "slug": "a",
        "title": "A",
        "section": "1_sample",
        "url": f"{verdicts.SITE}a.html",
        "state": "executed",
        "asserts": 1,
        "found_by": ["audit"],
        "said": list(calls),
    }


@pytest.mark.parametrize(
    ("calls", "of_broken", "of_fixed"),
    [
        ([said("broken", "a"), said("fixed")], "audit: named, ``dataset``", "silent"),
        ([said("broken", "b"), said("fixed")], "**not named**", "silent"),
        ([said("fixed", "a")], "**not named**", "a"),
        (
            [said("broken", "a"), said("fixed", "b", severity="note")],
            "audit: named, ``dataset``",
            "silent",
        ),
        ([said("broken", "a")], "audit: named, ``dataset``", "not looked at"),
        ([said("script", "a", "b", tool="lint")], "lint: named, ``dataset``", "b"),
        ([said(None, "a")], "**not named**", "not looked at"),
    ],
)
def test_a_wrong_answer_shows_in_the_table(calls, of_broken, of_fixed):
    template = verdicts.TEMPLATES.get_template("verdicts-pages.rst")
    table = template.render(content={"pages": [record(*calls)]}, sections={})
    page, *cells = re.findall("^ {3}[* ] - (.+)$", table, flags=re.MULTILINE)[4:]
    assert page == ":doc:`/a`"
    assert cells == [of_broken, of_fixed, "1"]


# The site's own build ----------------------------------------------------------------


@pytest.fixture(scope="session")
def pages(site):
    return json.loads(site.text(verdicts.FILE))["pages"]


def test_every_script_was_executed(pages):
    names = {page["url"].rsplit("/", 1)[1].removesuffix(".html") for page in pages}
    assert names == {script.stem for script in SCRIPTS}
    assert {page["state"] for page in pages} == {"executed"}


def test_every_broken_loader_is_named_and_no_fixed_one_is(pages):
    by_slug = {page["slug"]: page for page in pages if page["slug"]}
    for mode in FAILURE_MODES.values():
        if mode.has_page and (tools := found_by(mode.slug)):
            page = by_slug[mode.slug]
            assert verdicts.named(page)["tool"] == tools[0], mode.slug
            assert verdicts.judged(page), mode.slug
            assert verdicts.wrong(page) == [], mode.slug


def test_every_claim_has_its_verdict(site, pages):
    claims = {c: v for page in pages for c, v in page["claims"].items()}
    assert list(claims) == [c for page in CLAIMS for c in judged_claims(page)]
    html = site.text("evidence/claims.html")
    for verdict in claims.values():
        assert re.match(r"(true|false|not run)\b", verdict)
        assert f"<p>{verdict}</p>" in html


def test_environment_is_that_of_the_build(site):
    content = json.loads(site.text(verdicts.FILE))
    libraries = {name: version(name) for name in ("torchvision", "dejabatch")}
    assert content["environment"] == {**stamp(), **libraries}
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
