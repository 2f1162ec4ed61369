"""A worker fetches what people sent as soon as it is told of it, and has the provider delete it then.

Two workers never do the same: whoever takes a file has it for a while. Whatever fails is tried again, later and
later; what was erased or closed meanwhile is not kept any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import FingerpostError, NotFoundError, TooLargeError, UnavailableError
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.gateways.base import Gateway
from campaigns.gateways.connecting import MediaSource
from campaigns.gateways.factory import open_gateway
from campaigns.inbox.media.models import Media, MediaState
from campaigns.inbox.media.service import keep, remove_kept_until
from campaigns.staff.credentials import load_credentials

#: Whoever takes a file has it for so long.
LEASE = timedelta(minutes=3)
#: The pause before the second try; each is four times as long as the one before, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=15), timedelta(hours=6)
#: A provider may tell of a file before it has it: so often it may say that there is none.
TRIES_IN_VAIN = 5
#: A provider that does not answer is asked this often, for some three days; to delete it is asked for ever.
TRIES_WITHOUT_ANSWER = 20
#: Files that are taken at once; each is whole in memory for a moment.
_AT_ONCE = 4
_TOLD_BY_NOBODY = N_("No provider key opens the account that this file came over.")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Task:
    """One file at a provider."""

    media_id: int
    state: MediaState
    gateway: str
    channel: str
    account: str
    source: str
    tries: int


class MediaFetching:
    """Fetches and deletes, for one worker, the files that providers have."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        settings: Settings,
        *,
        open_gateway: Callable[..., Gateway] = open_gateway,
    ) -> None:
        """Prepare to fetch; `open_gateway` as the factory's."""
        self._sessions, self._settings, self._vault = sessions, settings, settings.vault()
        self._open_gateway = open_gateway

    async def look(self) -> None:
        """Do what is due: fetch, delete at the provider, and remove what was kept as long as anything is."""
        while tasks := await asyncio.to_thread(self._take):
            # Side by side: a provider that is slow with one must not keep the others waiting.
            await asyncio.gather(*map(self._do, tasks))

    async def _do(self, task: _Task) -> None:
        """Fetch a file that waits, and delete it at the provider."""
        try:
            gateway = await asyncio.to_thread(self._open, task)
            try:
                if task.state is MediaState.WAITING:
                    await self._fetch(gateway, task)
                await gateway.delete_media(task.source)
            finally:
                await gateway.close()
        except NotFoundError:
            await asyncio.to_thread(self._put_off, task, TRIES_IN_VAIN)
        except FingerpostError as error:
            _log.warning("file %s cannot be had from its provider yet: %s", task.media_id, error)
            await asyncio.to_thread(self._put_off, task, TRIES_WITHOUT_ANSWER)
        else:
            await asyncio.to_thread(self._forget_source, task)

    async def _fetch(self, gateway: MediaSource, task: _Task) -> None:
        most = self._settings.media_max_megabytes * 1024**2
        try:
            content = await gateway.fetch_media(task.source, most_bytes=most)
        except TooLargeError:
            await asyncio.to_thread(self._settle, task, MediaState.TOO_LARGE)
        else:
            await asyncio.to_thread(self._keep, task, content)

    def _take(self) -> Sequence[_Task]:
        """Take what is due, for nobody else to do it meanwhile; what has no source any more is settled here."""
        due = select(Media).where(Media.due_at <= clock.now()).order_by(Media.due_at).limit(_AT_ONCE)
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            if session.scalar(due.with_only_columns(Media.id).limit(1)) is None:
                return []
        with self._sessions.begin() as session:
            remove_kept_until(session, clock.now())
            tasks = []
            # Whoever waited for a row asks it again whether it is due: another one may have taken it meanwhile.
            for media in session.scalars(due.with_for_update(skip_locked=True)).all():
                source = self._source_of(media)
                if source is None:
                    _end(session, media)
                    continue
                media.due_at, media.tries = clock.now() + LEASE, media.tries + 1
                facts = (MediaState(media.state), media.gateway, media.channel, media.account, source, media.tries)
                tasks.append(_Task(media.id, *facts))
            return tasks

    def _source_of(self, media: Media) -> str | None:
        sealed, row_id = media.sealed_source, media.id
        return self._vault.open_or_none(sealed, table="media", column="sealed_source", row_id=row_id)

    def _open(self, task: _Task) -> MediaSource:
        """Open the account that a file came over; raise UnavailableError where no credential does."""
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            names = load_credentials(session, self._settings).opening(task.account)
        if not names:
            raise UnavailableError(_TOLD_BY_NOBODY)
        gateway = self._open_gateway(
            task.gateway, settings=self._settings, secret_name=names[0], channel=task.channel
        )
        if not isinstance(gateway, MediaSource):
            raise UnavailableError(_TOLD_BY_NOBODY)
        return gateway

    def _keep(self, task: _Task, content: bytes) -> None:
        with self._sessions.begin() as session:
            media = _hold(session, task)
            if media is not None and media.state == MediaState.WAITING:
                keep(media, content, vault=self._vault)

    def _settle(self, task: _Task, state: MediaState) -> None:
        with self._sessions.begin() as session:
            media = _hold(session, task)
            if media is not None and media.state == MediaState.WAITING:
                media.state = state

    def _put_off(self, task: _Task, most_tries: int) -> None:
        """Try again later; a file that waits is given up after so many tries."""
        pause = min(FIRST_PAUSE * 4 ** min(task.tries - 1, 8), LONGEST_PAUSE)
        with self._sessions.begin() as session:
            media = _hold(session, task)
            if media is None:
                return
            media.due_at = clock.now() + pause
            if media.state == MediaState.WAITING and task.tries >= most_tries:
                media.state = MediaState.GONE
                _log.warning("file %s is given up: its provider never gave it", media.id)

    def _forget_source(self, task: _Task) -> None:
        """Note that the provider has a file no more."""
        with self._sessions.begin() as session:
            media = _hold(session, task)
            if media is None:
                return
            media.sealed_source, media.tries = None, 0
            if media.state == MediaState.KEPT:
                media.due_at = clock.now() + timedelta(days=self._settings.media_kept_days)
            else:
                _end(session, media)


def _hold(session: Session, task: _Task) -> Media | None:
    return session.get(Media, task.media_id, with_for_update=True)


def _end(session: Session, media: Media) -> None:
    """Let a file be that nothing is to be done with; of an erased person nothing stays."""
    media.due_at = None
    if media.reply_id is None:
        session.delete(media)
