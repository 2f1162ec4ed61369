"""The last judgement over a world at rest: our rows against what the oracle saw, both ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from campaigns.delivery.engine.queue.claims import DAMAGED
from campaigns.delivery.lanes.call_limits import MOST_ATTEMPTS
from campaigns.delivery.states import RANKS, ReceiptState, SendState
from campaigns.planning.models import RunState
from tests.simulation.oracle import Message

if TYPE_CHECKING:
    from tests.simulation.world import World

_ROWS = (
    "SELECT id, run_id, contact_id, address_id, send_state, provider_id, reference, receipt_state, receipt_id,"
    " error, token, attempts FROM delivery ORDER BY id"
)
_NOTED_REFUSALS = (
    "SELECT run_id, contact_id, count(*) FROM attempt JOIN delivery ON delivery.id = delivery_id"
    " WHERE outcome IN ('rejected', 'throttled') GROUP BY delivery_id"
)
_ACTIVE = "SELECT id FROM address WHERE state = 'active'"


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery as it ended."""

    id: int
    run_id: int
    contact_id: int
    address_id: int
    send_state: str
    provider_id: str | None
    reference: str
    receipt_state: str | None
    receipt_id: int | None
    error: str | None
    token: str | None
    attempts: int

    @property
    def of(self) -> str:
        """Whose it is, in words."""
        return f"run {self.run_id} person {self.contact_id} ({self.send_state})"


def check(world: World) -> None:
    """Blame what does not agree. Nothing moves any more."""
    rows = [Row(*row) for row in world.database.all(_ROWS)]
    _check_sums(world, rows)
    explained = _fallen_back(world)
    for row in rows:
        _check_state(world, row)
        _check_acceptance(world, row, explained[row.id])
    _check_receipts(world, rows)
    _check_acknowledged(world)
    _check_notes(world)


def lost(broken: Sequence[str]) -> int:
    """Return how many messages were lost: never settled, or settled as something that did not happen."""
    return sum(promise.startswith(("D3", "D4")) for promise in broken)


def _check_sums(world: World, rows: list[Row]) -> None:
    """D3: what was planned is the sum over the states; nobody vanished."""
    for run_id, planned in world.database.all("SELECT id, planned FROM run"):
        found = sum(row.run_id == run_id for row in rows)
        if found != planned:
            world.oracle.blame(f"D3: run {run_id} planned {planned} and holds {found}")


def _fallen_back(world: World) -> defaultdict[int, set[str]]:
    """Return the provider's ids of what failed on its channel before a delivery went on, by delivery."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    statement = "SELECT delivery_id, provider_id FROM attempt WHERE provider_id IS NOT NULL"
    for delivery_id, provider_id in world.database.all(statement):
        found[delivery_id].add(provider_id)
    return found


def _check_state(world: World, row: Row) -> None:
    """D3: every delivery is terminal, for a reason that is true."""
    oracle, person = world.oracle, (row.run_id, row.contact_id)
    state = row.send_state
    # A rehearsal is to people whom nobody is.
    is_invented = row.address_id < 0
    reasons: dict[str, Any] = {
        SendState.ACCEPTED: True,
        SendState.UNCONFIRMED: True,
        SendState.FAILED: (row.error is not None and (oracle.refusals[person] or row.attempts >= MOST_ATTEMPTS))
        or (row.error == DAMAGED and row.contact_id in world.plan.damaged),
        # By this row's own address: that another one of the person is closed is no reason.
        SendState.SUPPRESSED: not is_invented and oracle.book.of_address(row.address_id) in oracle.words.closed,
        # That it was time, the oracle saw when it expired.
        SendState.EXPIRED: True,
        SendState.CANCELLED: row.run_id in oracle.stopped_at,
    }
    if not reasons.get(state):
        oracle.blame(f"D3: {row.of} without a reason")


def _check_acceptance(world: World, row: Row, explained: set[str]) -> None:
    """D4: what we hold for accepted the provider has, and what it has we hold for accepted."""
    oracle = world.oracle
    held = oracle.by_person[row.run_id, row.contact_id]
    ours = [message for message in held if message.line.provider_id not in explained]
    if row.send_state == SendState.ACCEPTED:
        if row.provider_id not in {message.line.provider_id for message in ours}:
            oracle.blame(f"D4: {row.of} is not in the provider's list as {row.provider_id}")
        if len(ours) > 1 + oracle.resent[row.run_id, row.contact_id]:
            oracle.blame(f"D4: {row.of} is in the provider's list {len(ours)} times")
    elif ours and not _is_invisible(world, row, ours):
        oracle.blame(f"D4: {row.of} was accepted as {', '.join(message.line.provider_id for message in ours)}")


def _is_invisible(world: World, row: Row, held: list[Message]) -> bool:
    """Say whether nothing could tell us of an acceptance: no list that can be believed, and no receipt.

    Nor is one looked for of what was forgotten with a restore, and who said stop by then.
    """
    said = world.database.one("SELECT count(*) FROM receipt WHERE reference = ?", row.reference)
    provider = world.plan.provider
    is_forgotten = world.plan.restore is not None and row.send_state == SendState.SUPPRESSED
    cannot_tell = (
        not provider.keeps_list
        or provider.alters
        or provider.other_account_since < float("inf")
        or world.plan.restore
    )
    return is_forgotten or (row.send_state == SendState.UNCONFIRMED and bool(cannot_tell) and not said[0])


def _check_acknowledged(world: World) -> None:
    """D9: a stop and an opt-out that were answered are still there."""
    for run_id in world.oracle.stopped_at:
        state = world.database.one("SELECT state FROM run WHERE id = ?", run_id)[0]
        if state != RunState.STOPPED:
            world.oracle.blame(f"D9: run {run_id} was stopped and is {state}")
    for (address_id,) in world.database.all(_ACTIVE):
        channel, number = world.oracle.book.of_address(address_id)
        if (channel, number) in world.oracle.words.since:
            world.oracle.blame(f"D9: the opt-out of {number} is not kept on {channel}")


def _check_receipts(world: World, rows: list[Row]) -> None:
    """D8, D9: every receipt that tells something is kept and applied, and the best counts, whatever the order."""
    kept = world.database.all("SELECT reference, id, status, applied_at FROM receipt ORDER BY id")
    repeats = world.database.all("SELECT reference, status FROM repeat_of_receipt")
    if len(kept) + len(repeats) != world.told:
        world.oracle.blame(f"D9: {world.told} receipts were acknowledged and {len(kept)} kept")
    best: dict[str, tuple[int, int, str]] = {}
    for reference, receipt_id, status, _ in kept:
        told = (RANKS[ReceiptState(status)], receipt_id, status)
        best[reference] = max(best.get(reference, told), told)
    for reference, status in repeats:
        if best.get(reference, (0,))[0] < RANKS[ReceiptState(status)]:
            world.oracle.blame(f"D9: {status} of {reference} was removed, and nothing as good is kept")
    for row in rows:
        _, receipt_id, status = best.get(row.reference, (0, None, None))
        if (row.receipt_id, row.receipt_state) != (receipt_id, status):
            world.oracle.blame(f"D8: {row.of} ended as {row.receipt_state}, the receipts say {status}")


def _check_notes(world: World) -> None:
    """What members read of a delivery's calls is no more than happened, however often a result was written."""
    for run_id, contact_id, noted in world.database.all(_NOTED_REFUSALS):
        given = len(world.oracle.refusals[run_id, contact_id])
        if noted > given:
            world.oracle.blame(f"notes: run {run_id} person {contact_id} has {noted} refusals, {given} were given")
