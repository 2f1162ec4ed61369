"""A delivery has two states, which may make only these moves; no database is asked here.

`send_state` is written by the engine (and the few writers named below), `receipt_state` by receipts alone.
What a page shows is derived from both by `outcome_of`.
"""

from __future__ import annotations

from enum import StrEnum


class SendState(StrEnum):
    """What we did."""

    QUEUED = "queued"
    SENDING = "sending"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNCONFIRMED = "unconfirmed"


class ReceiptState(StrEnum):
    """What the provider says became of it (Twilio's words)."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"


#: Who may make each move of send_state.
MOVES: dict[tuple[SendState, SendState], str] = {
    (SendState.QUEUED, SendState.SENDING): "claim",
    (SendState.QUEUED, SendState.CANCELLED): "stop",
    (SendState.QUEUED, SendState.SUPPRESSED): "opt-out or danger, when it is said or at the claim",
    (SendState.QUEUED, SendState.EXPIRED): "claim, or the sweep where a sender rests",
    (
        SendState.QUEUED,
        SendState.ACCEPTED,
    ): "receipt, or claim: a receipt of an earlier call came; or release after a restore: the list has it",
    (SendState.QUEUED, SendState.UNKNOWN): "release after a restore: it may have been sent",
    (SendState.CANCELLED, SendState.ACCEPTED): "release after a restore: the list has it",
    (SendState.SUPPRESSED, SendState.ACCEPTED): "release after a restore: the list has it",
    (SendState.CANCELLED, SendState.UNKNOWN): "release after a restore: it may have been sent",
    (SendState.SENDING, SendState.QUEUED): "record: provably not sent, or refused and the next sender may try",
    (SendState.SENDING, SendState.ACCEPTED): "record, or reap: a receipt came",
    (SendState.SENDING, SendState.FAILED): "record, or claim: the row is damaged",
    (SendState.SENDING, SendState.UNKNOWN): "record or reap",
    (SendState.SENDING, SendState.SUPPRESSED): "fence: opted out, nothing written to the socket",
    (SendState.SENDING, SendState.CANCELLED): "fence: stopped, nothing written to the socket",
    (SendState.UNKNOWN, SendState.ACCEPTED): "receipt, reconcile, or record: the reply came late",
    (
        SendState.UNKNOWN,
        SendState.QUEUED,
    ): "reconcile: the provider never had it, policy is resend; or record: never called",
    (SendState.UNKNOWN, SendState.FAILED): "record: the refusal came late",
    (SendState.UNKNOWN, SendState.SUPPRESSED): "record: never called, because they opted out",
    (SendState.UNKNOWN, SendState.UNCONFIRMED): "reconcile: after 24 h; or the person is erased",
    (SendState.UNCONFIRMED, SendState.QUEUED): "a member resends, audited",
    (SendState.UNCONFIRMED, SendState.ACCEPTED): "receipt",
    (SendState.CANCELLED, SendState.QUEUED): "resume",
    (SendState.ACCEPTED, SendState.QUEUED): "fall-back: a receipt says failed, and the next sender may try",
}

#: States in which nothing is left to do; only a receipt that fails on its channel may still move one, to the next
#: sender.
TERMINAL = frozenset(
    {
        SendState.ACCEPTED,
        SendState.FAILED,
        SendState.SUPPRESSED,
        SendState.CANCELLED,
        SendState.EXPIRED,
        SendState.UNCONFIRMED,
    }
)

#: Rank of each receipt: the higher one wins, whatever the order of arrival.
RANKS: dict[ReceiptState, int] = {
    ReceiptState.ACCEPTED: 1,
    ReceiptState.QUEUED: 2,
    ReceiptState.SENDING: 3,
    ReceiptState.SENT: 4,
    ReceiptState.UNDELIVERED: 5,
    ReceiptState.FAILED: 5,
    ReceiptState.DELIVERED: 6,
    ReceiptState.READ: 7,
}


def may_move(before: SendState, after: SendState) -> bool:
    """Say whether `send_state` may go from `before` to `after`."""
    return (before, after) in MOVES


def merge(current: tuple[ReceiptState, int] | None, arrived: tuple[ReceiptState, int]) -> tuple[ReceiptState, int]:
    """Merge a receipt (state, receipt id) into the current one: the maximum by (rank, id).

    Commutative, associative and idempotent, so receipts may come early, late, twice or out of order.
    """
    if current is None:
        return arrived
    return max(current, arrived, key=lambda receipt: (RANKS[receipt[0]], receipt[1]))
