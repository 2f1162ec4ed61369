"""By these verbs WhatsApp is asked to approve a text; each leaves one audit entry, none commits.

Nothing here calls the provider: sync.py does, from the rows that are written here.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import InputError, PlaceholderError, TransitionError
from campaigns.core.words import N_
from campaigns.core.written_text import digest_of
from campaigns.messages.models import Message
from campaigns.messages.queries import current_texts, current_wordings
from campaigns.messages.text.how_to_stop import with_stop_said
from campaigns.planning import queries
from campaigns.planning.campaign_content import Content
from campaigns.planning.correcting import find_correction
from campaigns.planning.estimates.sender_choices import load_asked
from campaigns.planning.models import Campaign, Sender, TemplateCategory, TemplateState, WhatsAppTemplate
from campaigns.planning.whatsapp.template_text import template_name, template_of, version_in
from campaigns.staff import audit
from campaigns.staff.credentials import Credentials

#: States in which the provider lets a template through no more by itself: its text may be asked for anew.
OVER = frozenset({TemplateState.REJECTED, TemplateState.DISABLED})


def ask_for_template(
    session: Session,
    message: Message,
    *,
    language: str,
    sender: Sender,
    category: TemplateCategory,
    by: int,
    credentials: Credentials,
) -> WhatsAppTemplate:
    """Ask for the current reviewed text of `message` in one language; one that is over is asked for anew.

    Raises InputError without such a text or for one that WhatsApp does not take, TransitionError when it was asked
    for already, ForeignCredentialError when the account is not the organisation's.
    """
    credentials.check(sender.secret_name, message.organisation_id)
    texts = current_texts(message)
    text = current_wordings(message, texts).get(language, {}).get(Channel.WHATSAPP) or texts.get(language)
    if text is None:
        raise InputError(N_("There is no reviewed text in this language to ask for."))
    template = _want(session, message, language, text=text, sender=sender, category=category, by=by)
    audit.record(
        session,
        "template.ask",
        subject=template,
        organisation_id=message.organisation_id,
        member_id=by,
        language=language,
        category=str(category),
    )
    return template


def ask_for_missing(
    session: Session, campaign: Campaign, *, category: TemplateCategory, by: int, credentials: Credentials
) -> int:
    """Ask for every text of a campaign and its correction that is missing; return how many there were.

    Missing is what was never asked for, or was disabled since. Texts that WhatsApp does not take are left alone:
    the page names their faults. Raises InputError when there is nothing to ask for, ForeignCredentialError when
    the account is not the organisation's.
    """
    content = queries.load_content(session, campaign)
    sender = next(
        (row for row in queries.load_senders(session, campaign) if row.channel == Channel.WHATSAPP), None
    )
    if sender is None:
        raise InputError(N_("This campaign has no WhatsApp sender."))
    credentials.check(sender.secret_name, campaign.organisation_id)
    asked = 0
    missing = [*_missing(session, campaign.message, content), *_missing_corrections(session, campaign, content)]
    for message, language, text in missing:
        with suppress(PlaceholderError):
            _want(session, message, language, text=text, sender=sender, category=category, by=by)
            asked += 1
    if not asked:
        raise InputError(N_("There is no text left that can be asked for."))
    audit.record(
        session,
        "template.ask",
        subject=campaign,
        organisation_id=campaign.organisation_id,
        member_id=by,
        templates=asked,
        category=str(category),
    )
    return asked


def count_missing_corrections(session: Session, campaign: Campaign, content: Content) -> int:
    """Count the texts of the correction that are missing at WhatsApp; without them it cannot go out there."""
    return len(_missing_corrections(session, campaign, content))


def _missing_corrections(session: Session, campaign: Campaign, content: Content) -> list[tuple[Message, str, str]]:
    correction = find_correction(session, campaign, content.texts)
    return [] if correction is None else _missing(session, correction, content.of_correction(correction.id))


def _missing(session: Session, message: Message, content: Content) -> list[tuple[Message, str, str]]:
    """Return the texts of a message, with it and their languages, that are missing at WhatsApp."""
    texts = content.texts_on(Channel.WHATSAPP)
    asked = load_asked(session, content)
    return [
        (message, language, texts[language])
        for language in sorted(content.texts)
        if is_missing(asked.get(language))
    ]


def is_missing(template: WhatsAppTemplate | None) -> bool:
    """Say whether a text was never asked for, or was disabled since; a rejected one was answered."""
    return template is None or template.state == TemplateState.DISABLED


def _want(
    session: Session,
    message: Message,
    language: str,
    *,
    text: str,
    sender: Sender,
    category: TemplateCategory,
    by: int,
) -> WhatsAppTemplate:
    if sender.channel != Channel.WHATSAPP:
        raise InputError(N_("Only WhatsApp asks for templates."))
    made, key = template_of(with_stop_said(text, language)), _key_of(sender, message, language, text)
    template = session.scalar(select(WhatsAppTemplate).filter_by(**key).with_for_update())
    version = 1
    if template is None:
        template = WhatsAppTemplate(**key, organisation_id=message.organisation_id, name="")
        session.add(template)
    elif template.state not in OVER:
        raise TransitionError(N_("This text was asked for already."))
    else:
        # A name that was used once cannot be used again.
        version = version_in(template.name) + 1
    template.gateway, template.body, template.slots = sender.gateway, made.body, list(made.slots)
    template.category, template.state, template.reason = category, TemplateState.WANTED, ""
    template.content_sid = template.synced_at = None
    template.asked_by_id, template.asked_at = by, clock.now()
    session.flush()
    template.name = template_name(language, template.id, text_digest=template.text_digest, version=version)
    session.flush()
    return template


def _key_of(sender: Sender, message: Message, language: str, text: str) -> dict[str, Any]:
    """Return what an account has one template of."""
    account = {"secret_name": sender.secret_name, "message_id": message.id}
    return account | {"language": language, "text_digest": digest_of(text)}
