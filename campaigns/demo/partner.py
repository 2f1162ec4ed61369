"""One of those who asked is handed over to a second organisation, which confirms that it helped."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyrage
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import DamagedDataError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings
from campaigns.demo import scenario
from campaigns.demo.stage import Cast
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import Conversation, ConversationState, Outcome
from campaigns.inbox.handing_over import service
from campaigns.inbox.handing_over.exporting import export_keys, exports
from campaigns.inbox.handing_over.exporting.exports import Format
from campaigns.inbox.handing_over.models import HandOver
from campaigns.inbox.handing_over.service import Confirmed, Extract, Field
from campaigns.staff.models import Role
from campaigns.staff.queries import owned
from campaigns.staff.service import create_member, create_organisation
from campaigns.staff.sign_in.passwords import hash_password, make_one_time_password

#: What is told of the person, and what they said when they were asked.
SUMMARY = "A parent with a child looks for a place to sleep tonight."
CONSENT = "Yes, please tell them that we come."


@dataclass(frozen=True, slots=True)
class Partner:
    """The second organisation, and its case worker."""

    organisation_id: int
    member_id: int


def hand_one_over(sessions: sessionmaker[Session], settings: Settings, cast: Cast) -> str:
    """Offer one conversation, let the partner accept, export and confirm it; return the name of the partner."""
    slug, name = scenario.PARTNER
    with sessions.begin() as session:
        partner = _found(session, slug, name)
        chosen = _answered(session, cast)
        extract = Extract(partner.organisation_id, SUMMARY, CONSENT, list(Field))
        handed = service.offer(session, chosen, extract, by=cast.author_id, vault=settings.vault())
        service.accept(session, handed, by=partner.member_id)
        _export(session, handed, settings.vault(), by=partner.member_id)
        for what in (Confirmed.CAME, Confirmed.HELPED):
            service.confirm(session, partner.organisation_id, handed.code, what, by=partner.member_id)
        seen = conversations.seen_now(session, chosen)
        conversations.close(session, chosen, Outcome.HANDED_OVER, by=cast.author_id, seen=seen)
    return name


def _export(session: Session, handed: HandOver, vault: Vault, *, by: int) -> None:
    """Let the partner confirm a key of its own, take the hand-over along, and open the file."""
    own = pyrage.x25519.Identity.generate()
    key = export_keys.add_key(session, handed.receiver_id, str(own.to_public()), by=by, vault=vault)
    word = pyrage.decrypt(key.encrypted_word.encode(), [own]).decode()
    export_keys.confirm_key(session, key, word, by=by, vault=vault)
    plain = exports.read_for_export(session, handed, vault=vault).to_json()
    file = exports.export(session, handed, plain, Format.JSON, by=by)
    if json.loads(pyrage.decrypt(file, [own]))["summary"] != SUMMARY:
        raise DamagedDataError("What the partner takes along is not what it was told.")


def _found(session: Session, slug: str, name: str) -> Partner:
    organisation = create_organisation(session, slug, name=name, time_zone=scenario.TIME_ZONE)
    worker = create_member(
        session,
        organisation,
        email="case-worker@example.org",
        name="Case worker (invented)",
        password_hash=hash_password(make_one_time_password()),
        roles=(Role.RESPONDER,),
    )
    return Partner(organisation.id, worker.id)


def _answered(session: Session, cast: Cast) -> Conversation:
    answered = owned(select(Conversation), Conversation, cast.organisation_id)
    theirs = answered.where(
        Conversation.state == ConversationState.ANSWERED, Conversation.owner_id == cast.author_id
    )
    return session.scalars(theirs.order_by(Conversation.id).limit(1)).one()
