"""Reads on the files that people sent: those of replies, one of an organisation's, and what is locked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from campaigns.core.errors import DamagedDataError, NotFoundError
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import MediaKind
from campaigns.inbox.media.models import Media, MediaState
from campaigns.inbox.models import Reply
from campaigns.staff.queries import load_member_names, owned

#: Pictures with more pixels may be too much for the browser of a phone.
LARGE_PIXELS = 25_000_000
#: Types that hardly any browser plays.
RARELY_PLAYED = frozenset({"audio/amr"})
#: So many locked files are shown, the latest.
MOST_LOCKED = 100


@dataclass(frozen=True, slots=True)
class OpenedMedia:
    """A file as its thread tells of it, without its content."""

    id: int
    kind: MediaKind
    state: MediaState
    content_type: str
    size: int | None
    seconds: int | None
    is_locked: bool
    #: May be too much for the browser of a phone.
    is_large: bool
    #: Hardly any browser plays it.
    is_rarely_played: bool
    #: What a member heard in it; '' where nobody wrote it down, None when it cannot be opened.
    transcript: str | None
    #: Who wrote it down.
    transcribed_by: str = ""


@dataclass(frozen=True, slots=True)
class LockedMedia:
    """A locked file as data managers are told of it."""

    media: OpenedMedia
    contact_id: int | None
    received_at: datetime
    locked_at: datetime | None
    locked_by: str
    sha256: str


def load_media(session: Session, reply_ids: Collection[int], *, vault: Vault) -> dict[int, list[OpenedMedia]]:
    """Return the files of replies, by reply and in their order."""
    found = select(Media).where(Media.reply_id.in_(reply_ids)).order_by(Media.reply_id, Media.number)
    rows = session.scalars(found).all()
    names = load_member_names(session, [row.transcribed_by for row in rows if row.transcribed_by is not None])
    media: dict[int, list[OpenedMedia]] = {}
    for row in rows:
        media.setdefault(row.reply_id or 0, []).append(_opened(row, names, vault))
    return media


def load_kinds(session: Session, reply_ids: Collection[int]) -> dict[int, list[MediaKind]]:
    """Return what kinds of files came with replies, each kind once."""
    found = select(Media.reply_id, Media.kind).where(Media.reply_id.in_(reply_ids)).order_by(Media.id)
    kinds: dict[int, list[MediaKind]] = {}
    for reply_id, kind in session.execute(found.where(Media.reply_id.is_not(None))):
        if MediaKind(kind) not in kinds.setdefault(reply_id or 0, []):
            kinds[reply_id or 0].append(MediaKind(kind))
    return kinds


def get_media(session: Session, organisation_id: int, media_id: int, *, locked: bool = False) -> Media:
    """Return a file of an organisation's, `locked` until the transaction ends; raise NotFoundError for another."""
    ours = owned(select(Media).join(Reply, Reply.id == Media.reply_id), Reply, organisation_id)
    ours = ours.where(Media.id == media_id)
    if locked:
        ours = ours.with_for_update(of=Media).execution_options(populate_existing=True)
    media = session.scalar(ours)
    if media is None:
        raise NotFoundError
    return media


def read_content(media: Media, vault: Vault) -> bytes | None:
    """Return what is kept of a file; None when nothing is, or when it cannot be opened."""
    if media.sealed_content is None:
        return None
    try:
        return vault.open_bytes(media.sealed_content, table="media", column="sealed_content", row_id=media.id)
    except DamagedDataError:
        return None


def find_locked(
    session: Session, organisation_id: int, *, but: Select[int], vault: Vault
) -> Sequence[LockedMedia]:
    """Return what is locked and still kept, the latest first; nothing of the contacts that `but` selects."""
    found = _locked(select(Media, Reply), organisation_id).order_by(Media.id.desc())
    found = found.where(or_(Reply.contact_id.is_(None), Reply.contact_id.not_in(but)))
    rows = session.execute(found.limit(MOST_LOCKED)).all()
    names = load_member_names(session, [row.Media.locked_by for row in rows if row.Media.locked_by is not None])
    return [
        LockedMedia(
            _opened(media, {}, vault),
            reply.contact_id,
            reply.received_at,
            media.locked_at,
            names.get(media.locked_by or 0, ""),
            (media.sha256 or b"").hex(),
        )
        for media, reply in rows
    ]


def count_locked(session: Session, organisation_id: int) -> int:
    """Count what is locked and still kept."""
    return session.scalar(_locked(select(func.count(Media.id)), organisation_id)) or 0


def _locked(statement: Select[*tuple[Any, ...]], organisation_id: int) -> Select[Any]:
    found = owned(statement.select_from(Media).join(Reply, Reply.id == Media.reply_id), Reply, organisation_id)
    return found.where(Media.locked_at.is_not(None), Media.state.in_((MediaState.KEPT, MediaState.WAITING)))


def _opened(row: Media, names: dict[int, str], vault: Vault) -> OpenedMedia:
    return OpenedMedia(
        row.id,
        MediaKind(row.kind),
        MediaState(row.state),
        row.content_type,
        row.size,
        row.seconds,
        row.locked_at is not None,
        (row.pixels or 0) > LARGE_PIXELS,
        row.content_type in RARELY_PLAYED,
        _transcript_of(row, vault),
        names.get(row.transcribed_by or 0, ""),
    )


def _transcript_of(row: Media, vault: Vault) -> str | None:
    if row.sealed_transcript is None:
        return ""
    return vault.open_or_none(row.sealed_transcript, table="media", column="sealed_transcript", row_id=row.id)
