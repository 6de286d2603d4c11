"""The summary at the end of a run, and the plan of a dry one."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from waypoint.embedding.providers import PROVIDERS, bills, known_model
from waypoint.errors import ExitCode
from waypoint.ingestion.chunk_setup import split_notice
from waypoint.ingestion.plan import Plan
from waypoint.ingestion.quota_plan import DAY, NO_QUOTA, TEXTS_A_DAY
from waypoint.observe.report import RunReport
from waypoint.observe.terminal import Terminal, duration

MOST_SHOWN = 10


def billed(cost_usd: float, provider: str) -> str:
    """What so much costs at that provider."""
    free = "" if bills(provider) else f", estimated; {PROVIDERS[provider].title} is free"
    return f"${cost_usd:.4f}{free}"


def print_summary(console: Terminal, report: RunReport, path: Path | None) -> None:
    """What was done, what it cost, and what is rejected; ``path``: None if none was written."""
    documents, chunks = report.documents, report.chunks
    began = any(documents.values()) or any(report.calls.values())
    if not report.collection or (report.message and not began):
        # It failed before there was anything to count.
        for notice in report.notices:
            console.tell(notice)
        return
    cost = billed(report.cost_usd, report.provider)
    rate = report.texts_embedded / report.seconds if report.seconds else 0.0
    lines = [
        f"{report.collection}: {documents['ingested']:,} documents ingested, "
        f"{documents['unchanged']:,} unchanged, {documents['removed']:,} removed, "
        f"{documents['rejected']:,} rejected, {documents['skipped']:,} left out",
        f"chunks: {chunks['added']:,} added, {chunks['updated']:,} updated, "
        f"{chunks['deleted']:,} deleted; vectors: {report.texts_embedded:,} embedded "
        f"({cost}), {chunks['from_ledger']:,} from the ledger, "
        f"{chunks['same_text']:,} from identical texts",
        f"calls: {report.calls['answered']:,} answered, {report.calls['retried']:,} retried "
        f"({report.calls['rate_limited']:,} rate-limited); {duration(report.seconds)}, "
        f"{rate:,.0f} texts/s",
    ]
    if chunks["split"]:
        lines.append(split_notice(chunks["split"], known_model(report.model, report.provider)))
    if report.in_flight_at_end:
        lines.append(
            f"{report.in_flight_at_end:,} texts were in flight at the end: at most these may "
            "be billed again"
        )
    if report.texts_lost:
        lines.append(_lost(report))
    if report.outdated:
        lines.append(_outdated(report.outdated))
    if report.left_out:
        lines.insert(1, f"left out: {_most_frequent(report.left_out)}")
    for line in (*lines, *report.notices):
        console.tell(line)
    _print_warnings(console, report.warnings, documents["with_warnings"])
    _print_rejects(console, report.rejects, report.documents["rejected"] + chunks["rejected"])
    _print_standing(console, report)
    verdict = "done" if report.exit_code == ExitCode.OK else f"exit code {report.exit_code:d}"
    where = f"; report: {path}" if path else ""
    console.tell(f"{verdict}{where}")


def _outdated(documents: int) -> str:
    what = "document was" if documents == 1 else "documents were"
    return (
        f"{documents:,} {what} made by an earlier version of their reader and stay as they are: "
        "--reread reads them anew"
    )


def _lost(report: RunReport) -> str:
    """What was billed in vain."""
    line = (
        f"{report.texts_lost:,} texts (${report.cost_lost_usd:.4f} of the cost) were answered "
        "but could not be saved: they will be sent, and billed, again"
    )
    if report.texts_lost_uncounted:
        line += (
            f"; {report.texts_lost_uncounted:,} of them are also missing from the ledger's "
            "count of the day"
        )
    return line


def _most_frequent(counts: dict[str, int]) -> str:
    """``12 hidden, 3 no reader for .png``: the reasons with the highest counts."""
    reasons = sorted(counts, key=lambda reason: -counts[reason])
    parts = [f"{counts[reason]:,} {reason}" for reason in reasons[:MOST_SHOWN]]
    if rest := sum(counts[reason] for reason in reasons[MOST_SHOWN:]):
        parts.append(f"{rest:,} for other reasons")
    return ", ".join(parts)


def print_plan(console: Terminal, plan: Plan) -> None:
    """What an ingestion would do."""
    before = f"{plan.texts_embedded_before:,} embedded before"
    if plan.texts_refused_before:
        before += (
            f", {plan.texts_refused_before:,} rejected before: --retry-rejects sends them again"
        )
    used_today = f"; {plan.texts_used_today:,} texts used today" if plan.texts_used_today else ""
    for line in (
        f"documents: {plan.documents:,} ({plan.rejected:,} rejected, {plan.skipped:,} left out)",
        *([f"left out: {_most_frequent(plan.left_out)}"] if plan.left_out else []),
        f"chunks: {plan.chunks:,}",
        f"texts to embed: {plan.texts_to_embed:,} ({before})",
        f"tokens: about {plan.tokens_to_embed:,}",
        *_for_ocr(plan),
        f"calls: {plan.calls:,} at least",
        f"cost: about ${plan.cost_usd:.4f}",
        f"time: at least {_least(plan.least_seconds, plan.least_days, plan.binding_quota)} "
        f"with these settings{used_today}",
    ):
        console.tell(line)
    if plan.texts_to_embed:
        console.print(_tiers(plan))
        if len(plan.modes) > 1:
            console.print(_modes(plan))
    outdated = [_outdated(plan.outdated)] if plan.outdated else []
    for line in (*_advice(plan), *outdated, *plan.notices):
        console.tell(line)
    _print_warnings(console, plan.warnings, plan.with_warnings)
    _print_rejects(console, plan.rejects, plan.rejected)
    console.print("nothing was written")


def _for_ocr(plan: Plan) -> list[str]:
    if not plan.pages_for_ocr:
        return []
    rate = 60 * plan.pages_for_ocr / max(plan.ocr_seconds, 0.001)
    return [
        f"OCR: {plan.pages_for_ocr:,} pages, about {duration(plan.ocr_seconds)} here "
        f"({rate:,.0f} pages a minute); their texts come on top"
    ]


def _least(seconds: float, days: int, binding: str) -> str:
    """A least time with the limit it is from; a day's limit is told in days."""
    if binding == NO_QUOTA:
        return "0s: no quota limits it"
    return f"{_span(seconds, days, binding)} (limited by {binding})"


def _span(seconds: float, days: int, binding: str) -> str:
    if binding == TEXTS_A_DAY:
        return f"{days:,} days"
    return f"{seconds / DAY:,.1f} days" if seconds >= 2 * DAY else duration(seconds)


def _tiers(plan: Plan) -> Table:
    table = Table(title="time at each tier")
    table.add_column("tier")
    table.add_column("at least", justify="right")
    table.add_column("limited by")
    for tier in plan.tiers:
        time = _span(tier.seconds, tier.days, tier.binding_quota)
        table.add_row(tier.tier, time, tier.binding_quota)
    return table


def _modes(plan: Plan) -> Table:
    table = Table(title="price and time with these settings (--mode)")
    table.add_column("mode")
    for name in ("cost", "about", "at most", "texts in jobs"):
        table.add_column(name, justify="right")
    for each in plan.modes:
        table.add_row(
            each.mode,
            f"${each.cost_usd:.4f}",
            _span(each.seconds, 0, ""),
            _span(each.most_seconds, 0, "") if each.jobs else "",
            f"{each.texts_in_jobs:,} ({each.jobs:,} jobs)" if each.jobs else "",
        )
    return table


def _advice(plan: Plan) -> list[str]:
    advice = plan.chunk_size_advice
    if advice is None:
        return []
    return [
        f"chunk size: texts are the bottleneck, and tokens are left over. At "
        f"{advice.tokens_per_text:,.0f} tokens a text "
        f"(about {advice.characters_per_text:,} characters; now "
        f"{advice.present_tokens_per_text:,.0f}) both limits would be used: if sections are "
        f"long enough, --chunk-size {advice.chunk_size} takes "
        f"{_span(advice.seconds, advice.days, advice.binding_quota)}. It needs a new "
        "collection, or --clear, and larger chunks make search coarser"
    ]


def _print_standing(console: Terminal, report: RunReport) -> None:
    """What earlier runs rejected, if it still is, and where all of it is listed."""
    if not report.standing_rejects:
        return
    met = {_place(reject) for reject in report.rejects}
    # Of very many the report lists the first: then which of the others were met isn't known.
    whole = len(report.rejects) == report.documents["rejected"] + report.chunks["rejected"]
    earlier = [each for each in report.standing if whole and _place(each) not in met]
    for reject in earlier[:MOST_SHOWN]:
        console.tell(f"still rejected: {_name(reject)}: {reject['reason']}", style="yellow")
    where = f", all listed in {report.rejects_file}" if report.rejects_file else ""
    console.tell(
        f"rejected documents and chunks: {report.standing_rejects:,}{where}; "
        "fix them, or send them again with --retry-rejects"
    )


def _place(reject: dict[str, str]) -> tuple[str, str]:
    return reject["source"], reject.get("chunk", "")


def _name(reject: dict[str, str]) -> str:
    return f"{reject['chunk']} of {reject['source']}" if reject.get("chunk") else reject["source"]


def _print_warnings(console: Terminal, warnings: list[dict[str, str]], documents: int) -> None:
    """What documents lost; a run's list may also have warnings that are about names alone."""
    for each in warnings[:MOST_SHOWN]:
        line = f"warning {each['source']}: {each['warning']}"
        console.tell(line, style="yellow")
    if len(warnings) > MOST_SHOWN:
        console.print(f"and {len(warnings) - MOST_SHOWN:,} more warnings: see the report")
    if documents:
        console.print(
            f"{documents:,} {'document' if documents == 1 else 'documents'} with warnings"
        )


def _print_rejects(console: Terminal, rejects: list[dict[str, str]], total: int) -> None:
    for reject in rejects[:MOST_SHOWN]:
        hint = f" ({reject['hint']})" if reject.get("hint") else ""
        console.tell(f"rejected {_name(reject)}: {reject['reason']}{hint}", style="yellow")
    if total > MOST_SHOWN:
        console.print(f"and {total - MOST_SHOWN:,} more: see the report")
