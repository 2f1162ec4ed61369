"""After a silence, listen before speaking: the providers are asked what they took while nobody here was alive.

A snapshot of a machine takes the database and its mark back together, and nothing here can tell. The providers
can. What they list and our rows do not know latches the instance; where everything is known, a plain outage goes
on by itself. Where a provider keeps no list, or cannot be asked for long, a member starts what was moving.
What people wrote meanwhile is read first as well, for as long: a stop among it counts before anything is sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity.lifeline import Lifeline, Standing
from campaigns.core import clock
from campaigns.core.errors import FingerpostError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.threads import Runner
from campaigns.core.sentences import Count, Sentence
from campaigns.core.words import N_
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.gateways.base import Gateway, ProviderMessage
from campaigns.planning.lifecycle import MOVING
from campaigns.planning.models import Run, RunSender
from campaigns.planning.runs.firing import pause_run
from campaigns.restoring.listed import SLACK, Account, find_unexplained, find_unknown, load_accounts

#: A silence so long cannot be told from a restore where the provider keeps no list.
LONGEST_BLIND_GAP = timedelta(minutes=10)
#: Seconds between two tries to read a list, and after which its senders are treated as if there were none.
TRY_EVERY, TRY_FOR = 10.0, 300.0

#: What members read of a run that waits for them.
REASON = N_(
    "No sending engine was alive for %(minutes)s minutes, and its provider cannot be asked what it took "
    "meanwhile. "
    "Was this restored from a backup? If not, let it go on."
)

_log = logging.getLogger(__name__)


class Answer(StrEnum):
    """What the list of an account says after a silence."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    #: It cannot be read now.
    AWAY = "away"
    #: There is none, or its account cannot be opened.
    NO_LIST = "no_list"


class Listener:
    """Keeps a worker's lifeline, and asks the providers when there was a silence."""

    def __init__(
        self,
        lifeline: Lifeline | None,
        sessions: sessionmaker[Session],
        *,
        vault: Vault,
        open_gateway: Callable[[SenderFacts], Gateway],
        database: Runner,
        has_heard: Callable[[datetime], bool] = lambda since: True,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to listen; `has_heard` says whether what people wrote was read since a moment."""
        self._lifeline, self._sessions, self._vault = lifeline, sessions, vault
        self._open_gateway, self._database, self._seconds = open_gateway, database, seconds
        self._has_heard = has_heard
        self._try_at = self._tried_since = float("-inf")

    def may_call(self) -> bool:
        """Say whether anything may leave this instance: it may be a restored backup."""
        return self._lifeline is None or self._lifeline.is_open()

    async def tend(self) -> None:
        """Give a sign of life; after a silence, ask the providers before anything is claimed."""
        if self._lifeline is None:
            return
        standing = await self._database(self._lifeline.tend)
        if standing is not Standing.LISTENING:
            self._tried_since = float("-inf")
        elif self._seconds() >= self._try_at and self._lifeline.since is not None:
            await self._listen(self._lifeline, self._lifeline.since)

    def close(self) -> None:
        """Let the next worker of this machine go on from here."""
        if self._lifeline is not None:
            self._lifeline.close()

    async def _listen(self, lifeline: Lifeline, since: datetime) -> None:
        now = self._seconds()
        if self._tried_since == float("-inf"):
            self._tried_since = now
        answers: dict[Answer, list[int]] = {answer: [] for answer in Answer}
        for account in await self._database(self._load):
            answer = await self._ask(account, since)
            answers[answer] += [sender.sender_id for sender in account]
        if answers[Answer.UNKNOWN]:
            await self._database(lifeline.suspect)
        elif (answers[Answer.AWAY] or not self._has_heard(since)) and now - self._tried_since < TRY_FOR:
            self._try_at = now + TRY_EVERY
        else:
            gap = clock.now() - since
            blind = answers[Answer.AWAY] + (answers[Answer.NO_LIST] if gap > LONGEST_BLIND_GAP else [])
            await self._database(self._wait_for_member, blind, gap)
            await self._database(lifeline.heard)

    async def _ask(self, account: Account, since: datetime) -> Answer:
        """Read the list of one account until something unknown is in it."""
        try:
            gateway = self._open_gateway(account[0])
        except FingerpostError:
            _log.warning("the list of sender %s cannot be asked for", account[0].sender_id, exc_info=True)
            return Answer.NO_LIST
        try:
            if not gateway.keeps_list:
                return Answer.NO_LIST
            async for page in gateway.list_since(since - SLACK):
                if await self._database(self._count_unknown, account, page, since):
                    return Answer.UNKNOWN
        except UnavailableError:
            _log.warning("the list of sender %s cannot be read; nothing is sent until it is", account[0].sender_id)
            return Answer.AWAY
        finally:
            await gateway.close()
        return Answer.KNOWN

    def _load(self) -> list[Account]:
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            return load_accounts(session)

    def _count_unknown(self, account: Account, page: Sequence[ProviderMessage], since: datetime) -> int:
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            listed = find_unknown(session, account, page, vault=self._vault, since=since)
            # What others send over the same account to somebody of ours is no sign of a restore.
            unknown = [each for each in listed if each.is_from_us]
            unexplained = find_unexplained(session, unknown, since)
        if unexplained:
            _log.error("sender %s has sent %s messages unknown here", account[0].sender_id, len(unexplained))
        return len(unexplained)

    def _wait_for_member(self, sender_ids: Collection[int], gap: timedelta) -> None:
        """Pause what was moving over senders that could not be asked; one member may start it again."""
        moving = (
            select(Run)
            .where(Run.state.in_(MOVING), ~Run.is_rehearsal)
            .where(Run.id.in_(select(RunSender.run_id).where(RunSender.sender_id.in_(sender_ids))))
        )
        with self._sessions.begin() as session:
            for run in session.scalars(moving).all() if sender_ids else ():
                pause_run(
                    session, run, reason=Sentence(REASON, {"minutes": Count(int(gap.total_seconds() // 60))})
                )
                # It paused for a silence of ours, not for what it said.
                run.paused_by_itself = False
