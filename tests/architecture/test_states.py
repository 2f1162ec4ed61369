"""Every state a page can show has a name and a colour, and the stylesheet knows every colour."""

from __future__ import annotations

from enum import StrEnum

import pytest

from campaigns.audience.models import AddressState, ConsentKind, ImportState
from campaigns.core.settings import PROJECT_ROOT
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.inbox.models import ReplyKind
from campaigns.messages.models import TranslationState
from campaigns.messages.signposts import Trust
from campaigns.planning.models import CampaignState, Decision, RunState
from campaigns.web.states import STATES

KINDS: dict[str, type[StrEnum]] = {
    "campaign": CampaignState,
    "decision": Decision,
    "run": RunState,
    "send": SendState,
    "receipt": ReceiptState,
    "translation": TranslationState,
    "service": Trust,
    "address": AddressState,
    "consent": ConsentKind,
    "import": ImportState,
    "reply": ReplyKind,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_has_a_look(kind: str) -> None:
    assert set(STATES[kind]) == {str(state) for state in KINDS[kind]}


def test_every_tone_has_a_colour() -> None:
    stylesheet = (PROJECT_ROOT / "static" / "fingerpost.css").read_text(encoding="utf-8")
    tones = {look.tone for looks in STATES.values() for look in looks.values()}
    assert [tone for tone in sorted(tones) if f".badge.is-{tone}" not in stylesheet] == []
