"""The library shared between organisations: a message is shown to partners, who copy it with its lineage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import Session, selectinload

from campaigns.core import clock
from campaigns.core.errors import NotFoundError, RefusedError
from campaigns.core.words import N_
from campaigns.messages.models import Message, Origin, Translation, TranslationState, TranslationWriter
from campaigns.messages.queries import current_texts, find_translation, order_translations, state_of
from campaigns.messages.translations.service import add_version, hold_message, put_back, write_text, writers_of
from campaigns.messages.translations.withdrawals import find_withdrawal, is_withdrawn
from campaigns.messages.translations.withdrawn_copies import find_still_saying, find_suspect, says_withdrawn
from campaigns.staff import audit
from campaigns.staff.models import Organisation

#: What of a title is kept before the number of its copy.
TITLE_ROOM = 198


@dataclass(frozen=True, slots=True)
class SharedMessage:
    """A partner's message as it is shown: what is reviewed now, and nothing else of it."""

    message: Message
    #: Name of the organisation whose it is.
    organisation: str
    #: Reviewed texts by language, the base language first.
    texts: dict[str, str]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a copied message comes from."""

    organisation: str
    version: int
    #: It is a copy of the organisation's own message.
    is_own: bool
    #: The message that was copied, while it may be seen; None: the partner shares it no more.
    source_id: int | None
    #: Its version now, while it may be seen.
    version_now: int | None
    #: Name of the organisation that withdrew what was copied; None: it stands.
    withdrawn_by: str | None


def select_shared(session: Session, organisation_id: int) -> Select[Message, str]:
    """Select the messages that other organisations share, with their names, by theme and title.

    A version that was withdrawn is shown to nobody, nor is a copy that still says what was withdrawn elsewhere;
    what is changed is shown again. Nor is one whose source text is not reviewed.
    """
    return (
        select(Message, Organisation.name)
        .join(Organisation, Organisation.id == Message.organisation_id)
        .where(_is_shared_with(session, organisation_id))
        .options(selectinload(Message.translations))
        .order_by(Message.theme, Message.title, Message.id)
    )


def load_shared_titles(session: Session, organisation_id: int) -> list[tuple[int, str]]:
    """Return the ids of what partners share, with the titles."""
    rows = session.execute(select(Message.id, Message.title).where(_is_shared_with(session, organisation_id)))
    return [(each.id, each.title) for each in rows]


def _is_shared_with(session: Session, organisation_id: int) -> ColumnElement[bool]:
    base = select(Translation.id).where(
        Translation.message_id == Message.id,
        Translation.language == Message.base_language,
        Translation.state == TranslationState.REVIEWED,
    )
    is_shared = and_(Message.is_shared, Message.organisation_id != organisation_id)
    stands = Message.id.not_in(find_still_saying(session, is_shared))
    return and_(is_shared, stands, ~is_withdrawn(), base.exists())


def shown_to_partners(rows: Iterable[tuple[Message, str]]) -> list[SharedMessage]:
    """Return what is shown of rows of `select_shared`, by theme and title."""
    shown = [_shown(*row) for row in rows]
    readable = [each for each in shown if each.message.base_language in each.texts]
    return sorted(readable, key=lambda each: (each.message.theme, each.message.title, each.message.id))


def get_shared(session: Session, message_id: int, organisation_id: int) -> SharedMessage:
    """Return a message that a partner shares. Raises NotFoundError alike for a missing and an unshared one."""
    row = session.execute(select_shared(session, organisation_id).where(Message.id == message_id)).first()
    shared = _shown(*row) if row else None
    if shared is None or shared.message.base_language not in shared.texts:
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    return shared


def share_message(session: Session, message: Message, *, is_shared: bool, by: int) -> None:
    """Show a message to the other organisations of this instance, or no longer.

    Raises RefusedError for a message whose source text is not reviewed.
    """
    hold_message(session, message)
    if is_shared and message.base_language not in current_texts(message):
        raise RefusedError(N_("Only a message whose source text is reviewed can be shared."))
    message.is_shared = is_shared
    session.flush()
    _record(session, "message.share" if is_shared else "message.unshare", message, by)


def copy_message(session: Session, organisation_id: int, shared: SharedMessage, *, by: int) -> Message:
    """Copy a partner's reviewed texts into a message of one's own, where each must be reviewed again."""
    source, now = shared.message, clock.now()
    copy = Message(
        organisation_id=organisation_id,
        title=source.title,
        theme=source.theme,
        base_language=source.base_language,
        copied_from_id=source.id,
        copied_from_version=source.version,
        created_at=now,
        updated_at=now,
    )
    for language, text in shared.texts.items():
        original = find_translation(source, language)
        write_text(copy, language, text, by=by, wordings=original.wordings if original else {})
    session.add(copy)
    add_version(session, copy, by=by, origin=Origin.COPIED, number=1)
    lineage = {"source_id": source.id, "source_version": source.version, "source_of": source.organisation_id}
    _record(session, "message.copy", copy, by, **lineage)
    return copy


def duplicate_message(session: Session, message: Message, *, by: int) -> Message:
    """Copy a message of one's own with all its texts, where each must be reviewed again.

    Whoever wrote words of the original reviews none of them in the copy either. What is out of date there is a
    draft here. Raises RefusedError for a text that was withdrawn, here or by the partner it was copied from.
    """
    if says_withdrawn(session, message):
        raise RefusedError(
            N_("This text was withdrawn because something in it is wrong. Change it first, then copy it.")
        )
    now = clock.now()
    copy = Message(
        organisation_id=message.organisation_id,
        title=f"{message.title[:TITLE_ROOM]} 2",
        theme=message.theme,
        base_language=message.base_language,
        copied_from_id=message.id,
        copied_from_version=message.version,
        created_at=now,
        updated_at=now,
    )
    for original in order_translations(message):
        is_finished = state_of(message, original) in (TranslationState.TRANSLATED, TranslationState.REVIEWED)
        state = TranslationState.TRANSLATED if is_finished else TranslationState.DRAFT
        written = write_text(
            copy, original.language, original.text, by=by, wordings=original.wordings, state=state
        )
        put_back(written, original.back_translation)
        others = writers_of(original) - {by}
        written.writers.extend(TranslationWriter(member_id=each) for each in sorted(others))
    session.add(copy)
    add_version(session, copy, by=by, origin=Origin.COPIED, number=1)
    _record(session, "message.duplicate", copy, by, original_id=message.id)
    return copy


def find_lineage(session: Session, message: Message) -> Lineage | None:
    """Return where a message was copied from, or None for one that was written here."""
    if message.copied_from_id is None or message.copied_from_version is None:
        return None
    source, version = session.get_one(Message, message.copied_from_id), message.copied_from_version
    name = session.get_one(Organisation, source.organisation_id).name
    is_own = source.organisation_id == message.organisation_id
    # What stands in the source may have come from farther away, and been withdrawn there.
    suspect = find_suspect(session, message.id)
    withdrawn_by = name if find_withdrawal(session, source.id, version) else suspect.partner if suspect else None
    is_shown = source.is_shared and find_withdrawal(session, source.id, source.version) is None
    if not (is_own or is_shown):
        return Lineage(name, version, is_own, None, None, withdrawn_by)
    return Lineage(name, version, is_own, source.id, source.version, withdrawn_by)


def _shown(message: Message, organisation: str) -> SharedMessage:
    base = find_translation(message, message.base_language)
    current = current_texts(message) if base and base.text.strip() else {}
    ordered = sorted(current.items(), key=lambda pair: (pair[0] != message.base_language, pair[0]))
    return SharedMessage(message, organisation, dict(ordered))


def _record(session: Session, action: str, message: Message, by: int, **detail: int) -> None:
    audit.record(session, action, subject=message, organisation_id=message.organisation_id, member_id=by, **detail)
