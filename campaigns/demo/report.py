"""The demo prints its scene, its progress as it moves, and reach by region at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from campaigns.delivery.states import SendState
from campaigns.demo.tallies import SenderTally
from campaigns.reach.counting.queries import Counts, RegionCounts, RunTable


def say(text: str) -> None:
    """Print one line of the story."""
    click.echo(text)


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a plain table: the first column to the left, numbers to the right."""
    cells = [list(map(str, heads)), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = []
    for row in cells:
        first = row[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        lines.append("  ".join((first, *rest)).rstrip())
    lines.insert(1, "─" * len(lines[0]))
    return "\n".join(lines)


def progress_line(by_state: Mapping[SendState, int], planned: int) -> str:
    """Return one line that says how far a run is."""
    said = ", ".join(f"{count:,} {state}" for state, count in by_state.items() if count)
    return f"  {planned:,} planned: {said}" if planned else "  planning …"


def reach_table(reach: RunTable) -> str:
    """Return reach per region as text: exact, because the demo's members have the steward role."""
    heads = ("Region", "planned", "accepted", "delivered", "failed", "open", "left out")
    rows = [_row(_name(line), line.counts) for line in reach.regions]
    return table(heads, [*rows, _row("All regions", reach.total)])


def senders_table(senders: Sequence[SenderTally]) -> str:
    """Return what each sender did as text; a dash where the provider says nothing."""
    heads = ("Sender", "planned", "accepted", "delivered", "fell back")
    return table(heads, [_sender_row(sender) for sender in senders])


def reasons_lines(reach: RunTable) -> list[str]:
    """Return why people were left out and why messages failed, a line each."""
    left = [
        f"  left out, {reason.replace('_', ' ')}: {people:,}" for reason, people in reach.total.left_out.items()
    ]
    failed = [f"  failed, code {cause or 'none'}: {people:,}" for cause, people in reach.total.by_cause.items()]
    return left + failed


def _sender_row(sender: SenderTally) -> tuple[object, ...]:
    delivered = "–" if sender.delivered is None else f"{sender.delivered:,}"
    return (sender.name, f"{sender.planned:,}", f"{sender.accepted:,}", delivered, f"{sender.fell_back:,}")


def _name(line: RegionCounts) -> str:
    return "Region not known" if line.region is None else f"{line.region.name} ({line.region.country})"


def _row(name: str, counts: Counts) -> tuple[object, ...]:
    numbers = (counts.planned, counts.accepted, counts.delivered, counts.failed, counts.open, counts.all_left_out)
    return (name, *(f"{number:,}" for number in numbers))
