"""Somebody who writes to an organisation that answers by itself, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Contact
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.sealed_texts import open_body
from campaigns.inbox.automatic.chosen_texts import choose
from campaigns.inbox.conversations.models import Answer, Conversation, Occasion
from campaigns.inbox.models import Reply
from campaigns.planning.models import Sender
from campaigns.planning.policy import USUAL
from campaigns.staff.models import Member, Organisation, Role
from tests.factories import a_member, a_message, a_sender, an_organisation
from tests.inbox.builders import OURS, write

#: What is said by itself, in the two languages of these tests.
TEXTS: Mapping[Occasion, Mapping[str, str]] = {
    Occasion.WELCOME: {"en": "Welcome. ((stop))", "uk": "Вітаємо. ((stop))"},
    Occasion.HELP: {"en": "In danger call 112.", "uk": "У небезпеці телефонуйте 112."},
    Occasion.INFO: {"en": "We tell you where it is safe.", "uk": "Ми кажемо, де безпечно."},
    Occasion.MOVED: {"en": "You are in ((place)).", "uk": "Ви тут: ((place))."},
    Occasion.WHICH_PLACE: {"en": "Which place?", "uk": "Яке місце?"},
    Occasion.UNKNOWN_PLACE: {"en": "Which town is near?", "uk": "Яке місто поруч?"},
}


@dataclass
class Person:
    """One phone, and the organisation that it writes to."""

    session: Session
    vault: Vault
    organisation: Organisation
    sender: Sender
    member: Member

    def writes(self, text: str, **changes: Any) -> Reply:
        options = {"policy": USUAL} | {
            key: changes.pop(key) for key in ("received_at", "policy") if key in changes
        }
        reply = write(self.session, self.vault, self.organisation.id, text, options=options, **changes)
        assert reply is not None
        self.session.flush()
        self.session.expire_all()
        return reply

    def reads(self) -> list[str]:
        """Everything that was queued for this phone, in its order."""
        rows = self.session.scalars(
            select(RunText).join(Delivery, Delivery.text_id == RunText.id).order_by(Delivery.id)
        )
        return [open_body(row.body, row.sealed_body, row.id, self.vault) or "" for row in rows]

    def occasions(self) -> list[Occasion | None]:
        return list(self.session.scalars(select(Answer.occasion).order_by(Answer.id)))

    @property
    def conversation(self) -> Conversation | None:
        return self.session.scalars(select(Conversation)).one_or_none()

    @property
    def waits(self) -> bool:
        conversation = self.conversation
        return conversation is not None and conversation.waiting_since is not None

    @property
    def contact(self) -> Contact:
        return self.session.scalars(select(Contact)).one()


def a_person(session: Session, vault: Vault, *, occasions: Mapping[Occasion, Mapping[str, str]] = TEXTS) -> Person:
    organisation = an_organisation(session)
    sender = a_sender(session, organisation_id=organisation.id, identity=OURS)
    member = a_member(session, organisation, Role.RESPONDER)
    chosen = {
        occasion: a_message(session, organisation, dict(texts), title=occasion.value).id
        for occasion, texts in occasions.items()
    }
    choose(session, organisation, chosen, by=member.id)
    return Person(session, vault, organisation, sender, member)
