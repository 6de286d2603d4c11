"""``benchmark batch``: the plan of the modes at each tier, in virtual time."""

from __future__ import annotations

from typing import Annotated

import typer

from waypoint.observe.terminal import Terminal, duration

_DAY = 86_400.0


def batch(
    texts: Annotated[str, typer.Option(help="How many texts, side by side.")] = "10000,1000000",
    tokens: Annotated[int, typer.Option(min=1, help="Tokens of each.")] = 150,
) -> None:
    """Reckon price and time of calls, batch jobs, and both at once, without a service."""
    counts = [int(each) for each in texts.split(",") if each.strip().isdecimal()]
    if not counts:
        raise typer.BadParameter("must be whole numbers, as 10000,1000000", param_hint="--texts")
    console = Terminal()
    for line in mode_table(counts, tokens):
        console.tell(line)


def mode_table(counts: list[int], tokens: int) -> list[str]:
    """Lines of Markdown; ``tokens``: of each text."""
    from waypoint.embedding.providers import chosen_model
    from waypoint.embedding.rate_limit import TIERS
    from waypoint.ingestion.mode_plan import mode_times
    from waypoint.ingestion.quota_plan import Demand
    from waypoint.settings import QuotaTier, Settings

    model = chosen_model(Settings())
    lines = [
        "| texts | tier | mode | cost | about | at most | jobs | texts in jobs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for count in counts:
        demand = Demand(count, count * tokens, 0)
        for tier in (QuotaTier.ONE, QuotaTier.TWO, QuotaTier.THREE):
            for each in mode_times(demand, TIERS[tier], tier, model, None):
                figures = f"{each.jobs:,} | {each.texts_in_jobs:,}" if each.jobs else " | "
                lines.append(
                    f"| {count:,} | {tier.value} | {each.mode} | ${each.cost_usd:,.2f} | "
                    f"{_span(each.seconds)} | {_span(each.most_seconds)} | {figures} |"
                )
    return lines


def _span(seconds: float) -> str:
    return f"{seconds / _DAY:,.1f} days" if seconds >= 2 * _DAY else duration(seconds)
