"""What the benches' providers say of each message: three words, in an order of its own, the last one twice."""

from __future__ import annotations

#: Receipts of a message. The last word comes twice, as providers repeat themselves.
RECEIPTS_EACH = 3
LOST = "30003"


def word_of(reference: str, turn: int) -> str:
    """Return the word for a turn and its error, a tab between: one message in sixteen is lost."""
    return "sent\t" if int(reference[-2], 16) % RECEIPTS_EACH == turn else last_word_of(reference)


def last_word_of(reference: str) -> str:
    """Return what a message ends with, and its error, a tab between."""
    return f"undelivered\t{LOST}" if reference.endswith("0") else "delivered\t"
