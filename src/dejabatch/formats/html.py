"""HTML, for notebooks and browsers."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from dejabatch import figures
from dejabatch.formats.text import scope

if TYPE_CHECKING:
    from dejabatch.report import Report


def report_as_html(report: Report) -> str:
    """Return the report as one ``section`` element, with its picture."""
    parts = [f"<p><strong>dejabatch: {escape(report.verdict)}</strong></p>"]
    for finding in report.findings:
        # Notebooks change the colour of text for their dark theme, and not of links.
        style = 'style="color:inherit"'
        link = f'<a {style} href="{escape(finding.url)}">{escape(finding.title)}</a>'
        rows = {
            "where": f"<code>{escape(finding.where)}</code>",
            "evidence": escape(finding.evidence).replace("\n", "<br>"),
            "fix": escape(finding.fix),
        }
        terms = "".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in rows.items())
        parts.append(f"<p>{finding.severity}: {link}</p><dl>{terms}</dl>")
    parts += [_picture(report), f"<pre>{escape(scope(report))}</pre>"]
    return f"<section>{''.join(parts)}</section>"


def _picture(report: Report) -> str:
    """Return the picture as HTML; nothing without matplotlib or batches."""
    if not report.observation.fetches:
        return ""
    generator = figures.generator_of(report)
    try:
        picture = figures.as_svg(report.observation, generator=generator)
    except ImportError:
        return ""
    text = "The batches of each worker over time; the same colour is the same content."
    return f'<div role="img" aria-label="{text}">{picture}</div>'
