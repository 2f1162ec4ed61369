"""Texts go out to translators as a PO file, and come back checked entry by entry, all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError, RowProblem, RowsError
from campaigns.core.lists import listed
from campaigns.core.words import N_
from campaigns.core.written_text import TEXT_LIMIT
from campaigns.messages import queries
from campaigns.messages.models import Message, Origin, Translation, TranslationState
from campaigns.messages.text.placeholders import names_in
from campaigns.messages.translations.service import (
    add_version,
    as_written,
    check_language,
    check_text,
    check_wordings,
    hold_message,
    rewords,
    source_digest,
    write_text,
)
from campaigns.messages.translators.po_file import Entry, Returned, write_catalogue
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.queries import get_owned

_STATES = (TranslationState.DRAFT, TranslationState.STALE)


@dataclass(frozen=True, slots=True)
class ImportedTexts:
    """What a file changed."""

    #: Messages whose translation is new or another one now.
    changed: int
    #: Entries that said what was there already.
    unchanged: int
    #: Texts that the file marks as unfinished.
    drafts: int


@dataclass(slots=True)
class _Change:
    """What a file says about one message."""

    text: str
    #: By channel; "" for what says the same as the text.
    wordings: dict[str, str] = field(default_factory=dict)
    is_draft: bool = False


def export_texts(
    session: Session, organisation_id: int, *, language: str, message: Message | None = None
) -> bytes:
    """Return the source texts of all messages, or of one, with what there is of their translation, as a PO file.

    Raises InputError for a language that is not known.
    """
    check_language(language)
    found = [message] if message else session.scalars(queries.select_messages(organisation_id)).all()
    entries = [entry for each in found if each.base_language != language for entry in _entries(each, language)]
    return write_catalogue(entries, language=language, at=clock.now())


def import_texts(
    session: Session, organisation_id: int, returned: list[Returned], *, language: str, by: int
) -> ImportedTexts:
    """Write the translations that a PO file holds; each raises its message's version once and must be reviewed.

    An entry marked fuzzy becomes a draft. Raises InputError for a language that is not known and RowsError, which
    names the entries that cannot be kept; nothing is changed then.
    """
    check_language(language)
    changes: dict[int, _Change] = {}
    messages: dict[int, Message] = {}
    problems: list[RowProblem] = []
    for entry in _texts_first(returned):
        try:
            message, channel = _find(session, organisation_id, entry, messages)
            _read(message, channel, entry, language, changes)
        except (InputError, NotFoundError) as error:
            problems.append(RowProblem(entry.line, entry.key, error.template, error.values))
    if problems:
        raise RowsError(sorted(problems, key=lambda problem: problem.line))
    written = [
        message_id
        for message_id, change in changes.items()
        if _write(session, messages[message_id], language, change, by=by)
    ]
    drafts = sum(changes[message_id].is_draft for message_id in written)
    done = ImportedTexts(len(written), len(changes) - len(written), drafts)
    audit.record(
        session,
        "message.import",
        subject=session.get_one(Organisation, organisation_id),
        organisation_id=organisation_id,
        member_id=by,
        language=language,
        messages=written,
    )
    return done


def _entries(message: Message, language: str) -> Iterator[Entry]:
    base = queries.find_translation(message, message.base_language)
    if base is None or not base.text:
        return
    present = queries.find_translation(message, language)
    is_fuzzy = present is not None and queries.state_of(message, present) in _STATES
    comments = _comments(message, base)
    yield Entry(_key(message), base.text, present.text if present else "", is_fuzzy, comments)
    for channel, words in base.wordings.items():
        known = present.wordings.get(channel, "") if present else ""
        yield Entry(_key(message, channel), words, known, is_fuzzy, (*comments, f"Only for {channel}."))


def _comments(message: Message, base: Translation) -> tuple[str, ...]:
    names = sorted(names_in(base.text))
    return (
        f"{message.title} (theme {message.theme}, version {message.version})",
        f"Keep as it is: {listed(as_written(names))}" if names else "No placeholders.",
        f"At most {TEXT_LIMIT} characters. Two SMS hold 306 in plain Latin letters, 134 in other scripts.",
    )


def _key(message: Message, channel: str = "") -> str:
    return f"message-{message.id}" + (f"-{channel}" if channel else "")


def _texts_first(returned: list[Returned]) -> list[Returned]:
    """Return the texts before the words for single channels, which are checked against them."""
    return sorted(returned, key=lambda entry: (entry.key.count("-"), entry.line))


def _find(
    session: Session, organisation_id: int, entry: Returned, messages: dict[int, Message]
) -> tuple[Message, str]:
    """Return the message of an entry, held, and the channel. Raises NotFoundError."""
    _, _, rest = entry.key.partition("message-")
    number, _, channel = rest.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) < 18):
        raise NotFoundError(N_("is no entry of a file from here"))
    if int(number) not in messages:
        message = get_owned(session, Message, int(number), organisation_id)
        hold_message(session, message)
        messages[message.id] = message
    return messages[int(number)], channel


def _read(message: Message, channel: str, entry: Returned, language: str, changes: dict[int, _Change]) -> None:
    """Add what an entry says to the changes. Raises InputError or NotFoundError for what cannot be kept."""
    if language == message.base_language:
        raise InputError(N_("is in the source language, which is written in the composer"))
    base = queries.get_base(message)
    source = base.wordings.get(channel) if channel else base.text
    if source is None:
        raise NotFoundError(N_("has no words of its own for this channel"))
    if source != entry.source:
        raise InputError(N_("was made from another source text than there is now: send the file out again"))
    present = queries.find_translation(message, language)
    if channel:
        # A text that was made from another source is not one of today's by that of its words alone.
        known = present.text if present and (entry.is_fuzzy or _fits(message, present)) else ""
        change = changes.get(message.id) or _Change(known, is_draft=entry.is_fuzzy)
        if not change.text:
            raise InputError(N_("has words for one channel, but no text for all"))
        checked = check_wordings(change.text, {channel: entry.translation})
        # Words that say the same as the text are none of their own any more.
        change.wordings[channel] = checked.get(channel, "")
    else:
        change = _Change(check_text(message, language, entry.translation, is_draft=entry.is_fuzzy))
    change.is_draft |= entry.is_fuzzy
    changes[message.id] = change


def _write(session: Session, message: Message, language: str, change: _Change, *, by: int) -> bool:
    """Write a change, unless it says what is there already and still fits; say whether it was written."""
    present = queries.find_translation(message, language)
    state = TranslationState.DRAFT if change.is_draft else TranslationState.TRANSLATED
    # What was made from another source and did not come back with the text is no translation of today's.
    kept = present.wordings if present and (change.is_draft or _fits(message, present)) else {}
    wordings = {channel: words for channel, words in (kept | change.wordings).items() if words}
    if present is not None and (present.text, present.wordings) == (change.text, wordings):
        is_finished = present.state != TranslationState.DRAFT
        # An unfinished text that nobody touched is no news, even if it no longer fits the source text.
        if change.is_draft or (is_finished and _fits(message, present)):
            return False
    is_reworded = rewords(message, present, change.text, wordings)
    write_text(message, language, change.text, by=by, wordings=wordings, state=state)
    add_version(session, message, by=by, origin=Origin.FILE, is_reworded=is_reworded)
    return True


def _fits(message: Message, present: Translation) -> bool:
    """Say whether a translation was made from the source text as it is."""
    return present.source_digest == source_digest(message, present)
