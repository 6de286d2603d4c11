"""The verdict as a page of its own: one file, no network, for light and dark screens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from waypoint.sanitize import as_html
from waypoint.verify.checks import CheckResult, Status
from waypoint.verify.page_parts import SCRIPT, STYLE
from waypoint.verify.picture import Picture, Point
from waypoint.verify.retrieval import TierResult
from waypoint.verify.verdict import Verdict

COLOURS = 8
"""Categories that have a colour of their own; all others share the last one."""

_WIDTH, _HEIGHT, _MARGIN = 900, 560, 16
"""Of the picture, in its own units."""

# Nothing is fetched, whatever a document's title may hold.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def make_page(verdict: Verdict, picture: Picture | None) -> str:
    """The page. Every text from outside is escaped."""
    word = "PASS" if verdict.passed else "FAIL"
    title = f"{word}: {verdict.collection}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{as_html(title)}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>{_badge(word)} {as_html(verdict.collection)}</h1>",
        *_facts(verdict),
        *_checks(verdict.checks),
        *_tiers(verdict.tiers),
        *(_picture(picture) if picture is not None and picture.points else ()),
        f"</main><script>{SCRIPT}</script></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _badge(status: str) -> str:
    return f'<span class="badge {status.lower()}">{status}</span>'


def _facts(verdict: Verdict) -> Iterator[str]:
    model = f"{verdict.model}, {verdict.dimensions:,} dimensions, {verdict.provider}"
    facts = {
        "Chunks": f"{verdict.chunks:,}",
        "Model": model if verdict.model else "not known",
        "Knowledge base": verdict.knowledge_base or "not known",
        "Questions": verdict.queries or "none asked",
        "Verified": f"{verdict.time}, in {verdict.seconds:.1f} s",
        "Verification": verdict.verify_id,
    }
    yield "<dl>"
    for name, value in facts.items():
        yield f"<div><dt>{name}</dt><dd>{as_html(value)}</dd></div>"
    yield "</dl>"
    for notice in verdict.notices:
        yield f"<p>{as_html(notice)}</p>"


def _checks(checks: Sequence[CheckResult]) -> Iterator[str]:
    yield "<h2>Checks</h2><div class=scroll><table><thead><tr><th>Check<th>Result<th>Figure</tr>"
    yield "</thead><tbody>"
    for check in checks:
        yield (
            f"<tr><th scope=row>{as_html(check.name)}<small>{as_html(check.title)}</small>"
            f"<td>{_badge(check.status)}<td>{as_html(check.figure)}{_wrong(check)}</tr>"
        )
    yield "</tbody></table></div>"


def _wrong(check: CheckResult) -> str:
    if check.status is not Status.FAIL:
        return ""
    items = "".join(f"<li><code>{as_html(example)}</code>" for example in check.examples)
    advice = f"<p><strong>What to do:</strong> {as_html(check.advice)}</p>" if check.advice else ""
    return (f"<ul>{items}</ul>" if items else "") + advice


def _tiers(tiers: Sequence[TierResult]) -> Iterator[str]:
    if not tiers:
        return
    yield "<h2>Questions</h2>"
    for tier in tiers:
        yield (
            f"<h3>{as_html(tier.name)} {_badge(tier.status)}</h3><p>{tier.hits} of "
            f"{len(tier.questions)} found (pass mark {tier.pass_mark}); hit@{tier.top_k} "
            f"{tier.hit_rate:.2f}, MRR {tier.mrr:.2f}</p><div class=scroll><table><thead>"
            "<tr><th>Question<th>Wanted<th class=number>Rank<th>What came</tr></thead><tbody>"
        )
        for question in tier.questions:
            came = "".join(
                f"<li>{as_html(found.source)} <small>{found.score:.2f}</small>"
                for found in question.found[:3]
            )
            rank = str(question.rank) if question.rank else _badge(Status.FAIL)
            yield (
                f"<tr><th scope=row>{as_html(question.text)}<td>{as_html(question.expected)}"
                f"<td class=number>{rank}<td><ol>{came}</ol></tr>"
            )
        yield "</tbody></table></div>"


def _picture(picture: Picture) -> Iterator[str]:
    counts = Counter(point.category for point in picture.points)
    colours = {
        category: min(number, COLOURS - 1)
        for number, (category, _) in enumerate(sorted(counts.items(), key=lambda c: (-c[1], c[0])))
    }
    drawn = f"{len(picture.points):,} of {picture.chunks:,}"
    yield (
        "<h2>The collection in two dimensions</h2><p>The first two principal components of "
        f"{drawn} chunks, {picture.shown:.0%} of their variance. Points far apart have "
        "vectors far apart; near ones may differ in what two dimensions cannot show. "
        "Point at one, or focus the picture and use the arrow keys, for its name.</p>"
    )
    yield '<div class=legend role=group aria-label="Categories, to be shown or hidden">'
    for category, colour in colours.items():
        name = as_html(category or "(no category)")
        yield (
            f'<button type=button aria-pressed=true data-category="{as_html(category)}">'
            f"<i class=c{colour}></i>{name} <small>{counts[category]:,}</small></button>"
        )
    yield "</div>"
    yield (
        f'<svg id=picture viewBox="0 0 {_WIDTH} {_HEIGHT}" role=group '
        'aria-label="Chunks by their first two principal components">'
    )
    # From left to right, so that the arrow keys go the way the eye does.
    ordered = sorted(picture.points, key=lambda point: (point.x, point.y))
    for number, point in enumerate(ordered):
        yield _dot(point, colours[point.category], focusable=number == 0)
    yield "</svg><p id=named aria-live=polite>&nbsp;</p>"


def _dot(point: Point, colour: int, *, focusable: bool) -> str:
    x = _MARGIN + point.x * (_WIDTH - 2 * _MARGIN)
    y = _HEIGHT - _MARGIN - point.y * (_HEIGHT - 2 * _MARGIN)
    name = point.source + (f": {point.heading}" if point.heading else "")
    return (
        f'<circle class=c{colour} cx="{x:.1f}" cy="{y:.1f}" r="5" role=img '
        f'tabindex="{0 if focusable else -1}" data-category="{as_html(point.category)}" '
        f'aria-label="{as_html(name)}"><title>{as_html(name)}</title></circle>'
    )
