"""What people wrote while nobody here answered their provider is read from its own list, and done all the same.

A provider calls us again for a minute at most. A stop that came while the console was updated, or while the
database stood still for an hour, is in the provider's list and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity.lifeline import GAP_SECONDS
from campaigns.core import clock
from campaigns.core.errors import FingerpostError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.outages import cause_of
from campaigns.core.settings import Settings
from campaigns.example.queries import may_have_provider
from campaigns.gateways.base import Gateway
from campaigns.gateways.connecting import InboundList, KeptInbound
from campaigns.gateways.factory import open_gateway
from campaigns.inbox.incoming.receivers import Account, load_account
from campaigns.inbox.models import InboundLook
from campaigns.inbox.queries import find_kept
from campaigns.inbox.service import LATE, note_looked, receive_inbound
from campaigns.planning.models import Sender

#: How far back the list of a sender is read the first time.
FIRST_LOOK = timedelta(days=1)
#: What was read is read again for so long, because a provider's list may show a message late.
OVERLAP = timedelta(minutes=5)
#: The longest stretch that is read and done at once; messages of one are in memory together.
STRETCH = timedelta(hours=1)
#: Seconds between two looks, and before the next try when the list could not be read.
LOOK_EVERY, TRY_AGAIN_AFTER = 300.0, 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Receiver:
    """A sender that people can answer, and how far its list was read."""

    sender_id: int
    gateway: str
    secret_name: str
    channel: str
    identity: str
    through: datetime | None


class MissedInbound:
    """Reads, for one worker, what the providers have kept of what people wrote."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        settings: Settings,
        *,
        seconds: Callable[[], float] = time.monotonic,
        open_gateway: Callable[..., Gateway] = open_gateway,
    ) -> None:
        """Prepare to read; `seconds` is a clock that nobody sets, `open_gateway` as the factory's."""
        self._sessions = sessions
        self._settings = settings
        self._vault: Vault = settings.vault()
        self._seconds = seconds
        self._open_gateway = open_gateway
        self._look_at: dict[int, float] = {}
        #: Through when each list was read, or could not be for a reason that stays; None before the first look.
        self._heard: dict[int, datetime | None] | None = None

    async def look(self) -> None:
        """Read the list of each sender whose turn it is; one that cannot be read holds up no other."""
        receivers, heard = await asyncio.to_thread(self._load_receivers), self._heard or {}
        self._heard = heard = {each.sender_id: heard.get(each.sender_id) for each in receivers}
        for receiver in receivers:
            now, until = self._seconds(), clock.now()
            if self._look_at.get(receiver.sender_id, now) > now:
                continue
            try:
                await self._catch_up(receiver)
                self._look_at[receiver.sender_id] = now + LOOK_EVERY
                heard[receiver.sender_id] = until
            except FingerpostError as error:
                if not isinstance(error, UnavailableError):
                    heard[receiver.sender_id] = until
                _log.warning("what people wrote to sender %s is not asked for: %s", receiver.sender_id, error)
                self._look_at[receiver.sender_id] = now + TRY_AGAIN_AFTER

    def has_heard_since(self, moment: datetime) -> bool:
        """Say whether each list was read since the silence that began then; what was not is read next."""
        if self._heard is None:
            return False
        ended = moment + timedelta(seconds=GAP_SECONDS)
        late = [sender_id for sender_id, through in self._heard.items() if through is None or through < ended]
        for sender_id in late:
            # One that could not be read is tried again when it is its turn.
            if self._heard[sender_id] is not None:
                self._look_at.pop(sender_id, None)
        return not late

    async def look_once(self) -> list[int]:
        """Read every list now, and return the ids of the senders whose list could not be read."""
        failed = []
        for receiver in await asyncio.to_thread(self._load_receivers):
            try:
                await self._catch_up(receiver)
            except FingerpostError as error:
                _log.warning("what people wrote to sender %s is not asked for: %s", receiver.sender_id, error)
                failed.append(receiver.sender_id)
        return failed

    async def _catch_up(self, receiver: _Receiver) -> None:
        gateway = self._open_gateway(
            receiver.gateway,
            settings=self._settings,
            secret_name=receiver.secret_name,
            channel=receiver.channel,
        )
        try:
            if not isinstance(gateway, InboundList):
                return
            until = clock.now()
            # What is noted for a time to come was noted by a wrong clock, and tells nothing.
            read = receiver.through if receiver.through is not None and receiver.through <= until else None
            since = until - FIRST_LOOK if read is None else read - OVERLAP
            lost = 0
            while since < until:
                end = min(since + STRETCH, until)
                kept = await gateway.list_inbound(receiver.identity, since, end)
                lost += await asyncio.to_thread(self._take_in, receiver, kept)
                if not lost:
                    # From where something could not be kept it is read again.
                    await asyncio.to_thread(self._note, receiver, end)
                since = end
        finally:
            await gateway.close()
        if lost:
            raise UnavailableError(f"{lost} messages cannot be kept.")

    def _take_in(self, receiver: _Receiver, kept: Sequence[KeptInbound]) -> int:
        """Keep what was never heard, and put in order what was posted late; return how many could not be kept."""
        name, _ = self._settings.secret(receiver.secret_name)
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            known = find_kept(session, receiver.gateway, [each.inbound.provider_id for each in kept])
            account = load_account(session, self._settings, gateway=receiver.gateway, name=name)
        missed = [each for each in kept if each.inbound.provider_id not in known]
        if missed:
            _log.warning("%s messages to sender %s had never reached us", len(missed), receiver.sender_id)
        late = [
            each
            for each in kept
            if known.get(each.inbound.provider_id, each.received_at) - each.received_at > LATE
        ]
        return sum(
            not self._receive(account, each) for each in sorted(missed + late, key=attrgetter("received_at"))
        )

    def _receive(self, account: Account, each: KeptInbound) -> bool:
        """Keep one message as if it had been posted; say whether that went well: its failure costs no other."""
        try:
            with self._sessions.begin() as session:
                # Nothing is answered by itself: what was missed may have been answered before a restore.
                receive_inbound(session, each.inbound, self._vault, account=account, received_at=each.received_at)
        except Exception as error:
            if isinstance(error, SQLAlchemyError) and cause_of(error) is not None:
                # The database is away: nothing of this list can be kept now.
                raise
            _log.exception("message %s cannot be kept", each.inbound.provider_id)
            return False
        return True

    def _note(self, receiver: _Receiver, through: datetime) -> None:
        with self._sessions.begin() as session:
            note_looked(session, receiver.sender_id, through)

    def _load_receivers(self) -> list[_Receiver]:
        # Also of a sender that is switched off: people still answer what it sent.
        receivers = (
            select(
                Sender.id, Sender.gateway, Sender.secret_name, Sender.channel, Sender.identity, InboundLook.through
            )
            .outerjoin(InboundLook, InboundLook.sender_id == Sender.id)
            .where(Sender.two_way, may_have_provider(self._settings.secrets))
            .order_by(Sender.id)
        )
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            return [_Receiver(*row) for row in session.execute(receivers)]
