"""The verdict on a terminal: a table of checks, one of tiers, and what to do."""

from __future__ import annotations

from rich.table import Table

from waypoint.cli.command_names import as_typed
from waypoint.observe.terminal import Terminal, Text
from waypoint.verification.checks import CheckResult, Status
from waypoint.verification.retrieval import QuestionResult, TierResult
from waypoint.verification.verdict import Verdict

_STYLES = {
    Status.PASS: "green",
    Status.FAIL: "bold red",
    Status.SKIP: "yellow",
    Status.INFO: "cyan",
}


def print_verdict(console: Terminal, verdict: Verdict) -> None:
    """Every check with its figure; then what failed, with examples and what to do."""
    about = [verdict.collection]
    if verdict.model:
        about.append(f"{verdict.model}, {verdict.dimensions:,} dimensions, {verdict.provider}")
    if verdict.knowledge_base:
        about.append(verdict.knowledge_base)
    console.tell("; ".join(about))
    console.print(_checks(verdict))
    if verdict.tiers:
        console.print(_tiers(verdict))
    for tier in verdict.tiers:
        _print_misses(console, tier)
    for check in verdict.checks:
        if check.status is Status.FAIL:
            _print_failure(console, check)
    for notice in verdict.notices:
        console.tell(notice)
    word = Text("PASS" if verdict.passed else "FAIL")
    word.stylize(_STYLES[Status.PASS if verdict.passed else Status.FAIL])
    skips = sum(check.status is Status.SKIP for check in verdict.checks)
    said = f": {len(verdict.failing()):,} of {len(verdict.checks):,} checks failed"
    more = f", {skips:,} skipped" if skips else ""
    console.tell(word + Text(f"{said}{more}; {verdict.seconds:.1f} s"))


def _checks(verdict: Verdict) -> Table:
    table = Table()
    table.add_column("check", no_wrap=True)
    table.add_column("")
    table.add_column("figure", overflow="fold")
    for check in verdict.checks:
        status = Text(check.status, style=_STYLES[check.status])
        table.add_row(check.name, status, Text(check.figure))
    return table


def _tiers(verdict: Verdict) -> Table:
    table = Table()
    table.add_column("tier", overflow="fold")
    table.add_column("")
    for name in ("hits", "pass mark", "hit@k", "MRR"):
        table.add_column(name, justify="right")
    for tier in verdict.tiers:
        table.add_row(
            Text(tier.name),
            Text(tier.status, style=_STYLES[tier.status]),
            f"{tier.hits} of {len(tier.questions)}",
            str(tier.pass_mark),
            f"{tier.hit_rate:.2f} @{tier.top_k}",
            f"{tier.mrr:.2f}",
        )
    return table


def _print_misses(console: Terminal, tier: TierResult) -> None:
    for question in tier.questions:
        if not question.rank:
            console.tell(_told(tier, question))


def _told(tier: TierResult, question: QuestionResult) -> str:
    came = "; ".join(f"{found.source} ({found.score:.2f})" for found in question.found[:3])
    return (
        f"not found ({tier.name}): {question.text!r} expected {question.expected}; "
        f"found instead: {came or 'nothing'}"
    )


def _print_failure(console: Terminal, check: CheckResult) -> None:
    line = Text("FAIL ", style=_STYLES[Status.FAIL])
    line.append(f"{check.name}: {check.title}: {check.figure}", style="default")
    console.tell(line)
    for example in check.examples:
        console.tell(f"  {example}")
    if check.found > len(check.examples) > 0:
        console.print(f"  and {check.found - len(check.examples):,} more")
    if check.advice:
        console.tell(f"  what to do: {as_typed(check.advice)}")
