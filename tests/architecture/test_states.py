"""Every state that a page can show has a name of its own and a tone that the stylesheet colours."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from campaigns.audience.models import AddressState, ConsentKind, ImportState
from campaigns.audience.rules import LeftOut
from campaigns.core.settings import PROJECT_ROOT
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.directory.signposting.freshness import Trust
from campaigns.inbox.conversations.models import ConversationState
from campaigns.inbox.handing_over.models import OfferState
from campaigns.inbox.models import ReplyKind
from campaigns.inbox.urgency.levels import Urgency
from campaigns.messages.models import TranslationState
from campaigns.planning.models import Decision, Health, RunState, TemplateState
from campaigns.planning.standing import Standing
from campaigns.proposals.models import ProposalState
from campaigns.reach.counting.ladder import Rung
from campaigns.reach.imported.models import FileState
from campaigns.web.state_names import STATES

KINDS: dict[str, Iterable[str]] = {
    "campaign": Standing,
    "decision": Decision,
    "proposal": ProposalState,
    "run": RunState,
    "send": SendState,
    "receipt": ReceiptState,
    "translation": TranslationState,
    "service": Trust,
    "address": AddressState,
    "consent": ConsentKind,
    "import": ImportState,
    "opt_outs": ImportState,
    "reach_file": FileState,
    "left_out": LeftOut,
    "rung": Rung,
    "reply": ReplyKind,
    "health": Health,
    "template": TemplateState,
    "conversation": ConversationState,
    "hand_over": OfferState,
    "urgency": [level.word for level in Urgency],
}
STYLES = (PROJECT_ROOT / "static" / "fingerpost.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_has_name_and_colour(kind: str) -> None:
    looks = STATES[kind]
    assert set(looks) == set(KINDS[kind])
    for look in looks.values():
        context, name = look.name._args
        assert context == kind, "a state is translated by the kind of thing that it is of, for its gender"
        assert name
        assert f".badge.is-{look.tone}" in STYLES


def test_every_kind_shown_is_checked() -> None:
    assert set(STATES) == set(KINDS)
