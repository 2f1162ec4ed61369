"""A campaign's senders and their templates are offered as the walk of the audience sees them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.audience.rules import SenderChoice
from campaigns.core.written_text import digest_of
from campaigns.planning.campaign_content import Content
from campaigns.planning.models import Sender, TemplateState, WhatsAppTemplate


def load_choices(session: Session, content: Content) -> tuple[SenderChoice, ...]:
    """Return the senders of `content` in their order, with what decides on whom each may write to now.

    Where all of them are switched off they count as if they were on: their gate is closed then, and the other
    gates still speak of everybody.
    """
    ids = [sender["id"] for sender in content.senders]
    active = set(session.scalars(select(Sender.id).where(Sender.id.in_(ids), Sender.active)))
    templates = tuple(sorted(load_templates(session, content)))
    return tuple(
        SenderChoice(
            id=sender["id"],
            channel=Channel(sender["channel"]),
            countries=tuple(sender["countries"]),
            template_languages=templates if sender["channel"] == Channel.WHATSAPP else None,
            active=sender["id"] in active or not active,
        )
        for sender in content.senders
    )


def load_templates(session: Session, content: Content) -> dict[str, dict[str, Any]]:
    """Return the approved WhatsApp templates that say exactly the texts of `content`, as FrozenRun keeps them."""
    return {
        language: {"content_sid": template.content_sid, "slots": template.slots}
        for language, template in load_asked(session, content).items()
        if template.state == TemplateState.APPROVED and template.content_sid
    }


def find_unapproved(session: Session, content: Content) -> tuple[str, ...]:
    """Return the languages in which WhatsApp has not approved what `content` says; none without a sender there."""
    if not content.uses(Channel.WHATSAPP):
        return ()
    return tuple(sorted(content.texts.keys() - load_templates(session, content).keys()))


def load_asked(session: Session, content: Content) -> dict[str, WhatsAppTemplate]:
    """Return the templates that were asked for the texts of `content` as they are, by language.

    All WhatsApp senders of a campaign belong to one account, which holds them.
    """
    account = next((each["secret_name"] for each in content.senders if each["channel"] == Channel.WHATSAPP), None)
    if account is None:
        return {}
    found = session.scalars(
        select(WhatsAppTemplate).where(
            WhatsAppTemplate.secret_name == account, WhatsAppTemplate.message_id == content.message_id
        )
    )
    current = {language: digest_of(text) for language, text in content.texts_on(Channel.WHATSAPP).items()}
    return {each.language: each for each in found if each.text_digest == current.get(each.language)}
