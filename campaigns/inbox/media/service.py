"""Files that people send are noted with their reply, kept, locked, put into words and removed by these verbs.

None commits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import ColumnElement, case, delete, select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, reserve_ids
from campaigns.core.errors import FileFormatError, InputError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.gateways.callbacks import InboundMedia, MediaKind
from campaigns.inbox.media.file_types import type_of
from campaigns.inbox.media.metadata import without_metadata
from campaigns.inbox.media.models import Media, MediaState
from campaigns.inbox.models import Reply
from campaigns.staff import audit
from campaigns.staff.queries import owned

#: Longest text of what was heard.
LONGEST_TRANSCRIPT = 10_000
#: What is still on its way to members, or with them.
_OPEN = (MediaState.WAITING, MediaState.KEPT)


def note_media(
    session: Session, reply: Reply, media: Sequence[InboundMedia], *, account: str, vault: Vault
) -> None:
    """Note the files of a reply, which the worker fetches at once."""
    if not media:
        return
    for number, (row_id, one) in enumerate(zip(reserve_ids(session, Media, len(media)), media, strict=True)):
        is_there = bool(one.source)
        row = Media(
            id=row_id,
            reply_id=reply.id,
            number=number,
            kind=one.kind,
            state=MediaState.WAITING if is_there else MediaState.GONE,
            gateway=reply.gateway,
            channel=reply.channel,
            account=account[:64],
            seconds=one.seconds,
            due_at=clock.now() if is_there else None,
        )
        if is_there:
            row.sealed_source = vault.seal(one.source, table="media", column="sealed_source", row_id=row_id)
        session.add(row)
    session.flush()


def keep(media: Media, content: bytes, *, vault: Vault) -> None:
    """Keep the file that the provider gave, without what it tells of device and place; its bytes say what it is.

    What no browser shows is not kept: nobody should have to open it on a computer of their own.
    """
    media.size, media.sha256 = len(content), sha256(content).digest()
    found = type_of(content, MediaKind(media.kind))
    try:
        clean = without_metadata(content, found.content_type) if found else None
    except FileFormatError:
        clean = None
    if found is None or clean is None:
        media.kind, media.state = MediaKind.FILE, MediaState.UNKNOWN
        return
    media.kind, media.content_type, media.pixels = found.kind, found.content_type, found.pixels
    media.seconds = media.seconds if found.seconds is None else found.seconds
    media.sealed_content = vault.seal_bytes(clean, table="media", column="sealed_content", row_id=media.id)
    media.state = MediaState.KEPT


def remove_from_closed(session: Session, contact_ids: Collection[int], *, organisation_id: int) -> None:
    """Remove the files of people whose conversations were closed; what is locked waits for a data manager."""
    replies = owned(select(Reply.id).where(Reply.contact_id.in_(contact_ids)), Reply, organisation_id)
    _remove(session, Media.reply_id.in_(replies), Media.locked_at.is_(None), Media.state.in_(_OPEN))


def remove_kept_until(session: Session, now: datetime) -> None:
    """Remove what was kept as long as anything is (UTC), locked or not."""
    is_over = (Media.state == MediaState.KEPT, Media.sealed_source.is_(None), Media.due_at <= now)
    _remove(session, *is_over)


def erase(session: Session, reply_ids: Collection[int]) -> None:
    """Remove all that is known of the files of replies, but where a provider has one that is to be deleted."""
    theirs = Media.reply_id.in_(reply_ids)
    session.execute(delete(Media).where(theirs, Media.sealed_source.is_(None)), execution_options=PAST_MEMORY)
    _remove(session, theirs)
    told = ["reply_id", "sealed_transcript", "transcribed_by", "locked_by", "locked_at"]
    told += ["size", "sha256", "seconds", "pixels"]
    wiped = update(Media).where(theirs).values(content_type="", **dict.fromkeys(told))
    session.execute(wiped, execution_options=PAST_MEMORY)


def lock(session: Session, media: Media, *, by: int, organisation_id: int) -> None:
    """Let data managers alone see a file in which a member suspects a child or sexual content."""
    _demand_open(media)
    if media.locked_at is not None:
        raise TransitionError(N_("It is locked already."))
    media.locked_at, media.locked_by = clock.now(), by
    _record(session, media, "lock", by=by, organisation_id=organisation_id)


def unlock(session: Session, media: Media, *, by: int, organisation_id: int) -> None:
    """Let everybody who answers see a file again, because a data manager found nothing of the kind in it."""
    _demand_locked(media)
    media.locked_at = media.locked_by = None
    _record(session, media, "unlock", by=by, organisation_id=organisation_id)


def remove_locked(session: Session, media: Media, *, by: int, organisation_id: int) -> None:
    """Remove a locked file for good, here and at the provider; its hash, size and time stay."""
    _demand_locked(media)
    _remove(session, Media.id == media.id)
    _record(session, media, "remove", by=by, organisation_id=organisation_id)


def note_seen(session: Session, media: Media, *, by: int, organisation_id: int) -> None:
    """Note that a data manager looked at a locked file."""
    _record(session, media, "open", by=by, organisation_id=organisation_id)


def transcribe(session: Session, media: Media, words: str, *, by: int, organisation_id: int, vault: Vault) -> None:
    """Keep what a member heard in a file, or saw.

    Raises what `check_heard` does, and TransitionError for a file that nobody can hear any more.
    """
    words = check_heard(words)
    _demand_open(media)
    media.sealed_transcript = vault.seal(words, table="media", column="sealed_transcript", row_id=media.id)
    media.transcribed_by = by
    _record(session, media, "transcribe", by=by, organisation_id=organisation_id)


def check_heard(words: str) -> str:
    """Return what a member heard as it is kept; raise InputError for nothing, or for too much."""
    words = words.strip()
    if not words:
        raise InputError(N_("Write down what you heard first."))
    if len(words) > LONGEST_TRANSCRIPT:
        raise InputError(N_("Use at most %(limit)s characters."), limit=LONGEST_TRANSCRIPT)
    return words


def _remove(session: Session, *which: ColumnElement[bool]) -> None:
    """Remove content; what a provider still has is deleted there next."""
    is_there = Media.sealed_source.is_not(None)
    gone = {"state": MediaState.REMOVED, "sealed_content": None, "tries": 0}
    due_at = case((is_there, clock.now()), else_=None)
    session.execute(update(Media).where(*which).values(**gone, due_at=due_at))


def _demand_open(media: Media) -> None:
    if media.state not in _OPEN:
        raise TransitionError(N_("This file is not here any more."))


def _demand_locked(media: Media) -> None:
    _demand_open(media)
    if media.locked_at is None:
        raise TransitionError(N_("It is not locked."))


def _record(session: Session, media: Media, verb: str, *, by: int, organisation_id: int) -> None:
    session.flush()
    owner = {"organisation_id": organisation_id, "member_id": by}
    audit.record(session, f"media.{verb}", subject=media, **owner)
