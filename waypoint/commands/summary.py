"""The summary at the end of a run, and the plan of a dry one."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from waypoint.app.planning import Plan
from waypoint.errors import ExitCode
from waypoint.telemetry.report import RunReport
from waypoint.telemetry.run_state import duration

MOST_SHOWN = 10


def print_summary(console: Console, report: RunReport, path: Path) -> None:
    """What was done, what it cost, and what stands rejected."""
    if not report.collection:
        return
    documents, chunks = report.documents, report.chunks
    # A simulator bills nobody: then it is what Gemini would have cost.
    cost = f"${report.cost_usd:.4f}" + ("" if report.provider == "gemini" else " if it were Gemini")
    rate = report.texts_paid / report.seconds if report.seconds else 0.0
    lines = [
        f"{report.collection}: {documents['ingested']:,} documents ingested, "
        f"{documents['unchanged']:,} unchanged, {documents['removed']:,} removed, "
        f"{documents['rejected']:,} rejected, {documents['skipped']:,} left out",
        f"chunks: {chunks['added']:,} added, {chunks['updated']:,} updated, "
        f"{chunks['deleted']:,} deleted; vectors: {report.texts_paid:,} paid for "
        f"({cost}), {chunks['from_ledger']:,} from the ledger, "
        f"{chunks['same_text']:,} from the same text elsewhere",
        f"calls: {report.calls['answered']:,} answered, {report.calls['retried']:,} retried "
        f"({report.calls['rate_limited']:,} for quota); {duration(report.seconds)}, "
        f"{rate:,.0f} texts/s",
    ]
    if report.in_flight_at_end:
        lines.append(
            f"{report.in_flight_at_end:,} texts were in flight at the end: at most these may "
            "be paid for again"
        )
    for line in (*lines, *report.notices):
        console.print(Text(line), soft_wrap=True)
    _print_rejects(console, report.rejects, report.documents["rejected"] + chunks["rejected"])
    _print_standing(console, report)
    verdict = "done" if report.exit_code == ExitCode.OK else f"exit code {report.exit_code:d}"
    console.print(Text(f"{verdict}; report: {path}"), soft_wrap=True)


def print_plan(console: Console, plan: Plan) -> None:
    """What an ingestion would do."""
    limit = "" if plan.binding_quota == "none" else f" (bound by {plan.binding_quota})"
    time = duration(plan.least_seconds) if plan.binding_quota != "none" else "none"
    for line in (
        f"documents: {plan.documents:,} ({plan.rejected:,} rejected, {plan.skipped:,} left out)",
        f"chunks: {plan.chunks:,}",
        f"texts to pay for: {plan.texts_to_pay:,} ({plan.texts_paid_before:,} paid for before)",
        f"tokens: about {plan.tokens_to_pay:,}",
        f"calls: {plan.calls:,} at least",
        f"cost: about ${plan.cost_usd:.4f}",
        f"least time the quota allows: {time}{limit}",
        *plan.notices,
    ):
        console.print(Text(line), soft_wrap=True)
    _print_rejects(console, plan.rejects, plan.rejected)
    console.print("nothing was written")


def _print_standing(console: Console, report: RunReport) -> None:
    """What earlier runs rejected and still stands, and where all of it is listed."""
    if not report.standing_rejects:
        return
    met = {_place(reject) for reject in report.rejects}
    earlier = [reject for reject in report.standing if _place(reject) not in met]
    for reject in earlier[:MOST_SHOWN]:
        console.print(
            Text(f"still rejected: {_name(reject)}: {reject['reason']}", style="yellow"),
            soft_wrap=True,
        )
    where = f": all are listed in {report.rejects_file}" if report.rejects_file else ""
    console.print(
        Text(
            f"{report.standing_rejects:,} documents and chunks stand rejected{where}; mend them, "
            "or have the service asked again with --retry-rejects"
        ),
        soft_wrap=True,
    )


def _place(reject: dict[str, str]) -> tuple[str, str]:
    return reject["source"], reject.get("chunk", "")


def _name(reject: dict[str, str]) -> str:
    return f"{reject['chunk']} of {reject['source']}" if reject.get("chunk") else reject["source"]


def _print_rejects(console: Console, rejects: list[dict[str, str]], total: int) -> None:
    for reject in rejects[:MOST_SHOWN]:
        hint = f" ({reject['hint']})" if reject.get("hint") else ""
        console.print(
            Text(f"rejected {_name(reject)}: {reject['reason']}{hint}", style="yellow"),
            soft_wrap=True,
        )
    if total > MOST_SHOWN:
        console.print(f"and {total - MOST_SHOWN:,} more: see the report")
