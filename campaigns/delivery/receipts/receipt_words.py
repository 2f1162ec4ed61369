"""Each word of a receipt is one of our states; some end a message, and some ask for something to be done."""

from __future__ import annotations

from campaigns.delivery.states import RANKS, ReceiptState, SendState
from campaigns.gateways.base import Action

#: Words of providers that mean one of our receipt states.
WORDS: dict[str, ReceiptState] = {
    **{state.value: state for state in ReceiptState},
    "scheduled": ReceiptState.ACCEPTED,
    "canceled": ReceiptState.FAILED,
    "partially_delivered": ReceiptState.UNDELIVERED,
}
#: Words after which the message will not arrive.
FAILING = frozenset(word for word, state in WORDS.items() if RANKS[state] == RANKS[ReceiptState.FAILED])
#: Words of a message on its way: they tell nothing of one that arrived, or will not.
ON_ITS_WAY = sorted(word for word, state in WORDS.items() if RANKS[state] < RANKS[ReceiptState.FAILED])
#: States in which nothing more is expected.
ENDED = sorted(state for state, rank in RANKS.items() if rank >= RANKS[ReceiptState.FAILED])
#: States of a delivery that did not arrive.
FAILED = tuple(state for state, rank in RANKS.items() if rank == RANKS[ReceiptState.FAILED])
#: What a failing receipt can ask to be done with an address.
ADDRESS_ACTIONS = (Action.OPT_OUT, Action.INVALIDATE_ADDRESS)
#: What it can ask at all, beside going on over another sender.
BLAMING = frozenset({*ADDRESS_ACTIONS, Action.PAUSE_SENDER})
#: States out of which any receipt brings a delivery. One that is queued again was called before: its answer was
#: lost, and a member or the provider's list said that it may be sent again.
LOST = frozenset({SendState.UNKNOWN, SendState.UNCONFIRMED, SendState.QUEUED})
