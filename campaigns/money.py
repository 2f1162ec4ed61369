"""A worker keeps the books: what runs cost, what providers say that messages cost, and what is left with them.

A provider is asked for whole days (UTC) once an hour, until each was read half a day after its end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.handles import country_of_handle
from campaigns.core import clock
from campaigns.core.errors import FingerpostError
from campaigns.core.mail.smtp import Mailer
from campaigns.core.processes.chores import Chore
from campaigns.core.settings import Settings
from campaigns.example.queries import may_have_provider
from campaigns.gateways.connecting import Balance, Charging
from campaigns.gateways.factory import open_gateway
from campaigns.planning.models import Sender
from campaigns.planning.spending.models import ToldDay
from campaigns.planning.spending.spending_mails import send_spending_mails
from campaigns.planning.spending.told import ToldSums, keep_balance, replace_day
from campaigns.reach.counting.run_costs import recount_costs
from campaigns.staff.credentials import load_credentials

#: Seconds between two looks for runs whose cost has moved, and for providers that are to be asked.
COSTS_EVERY, LOOK_EVERY = 5.0, 30.0
#: How often a provider is asked, in seconds; a long list is read as many times more seldom as it takes time.
ASK_EVERY, RESTS = 3_600.0, 20
#: How long after its end a day is read for the last time, and how many days back are read at first.
SETTLES_AFTER, FIRST_DAYS = timedelta(hours=12), 31

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Account:
    """An account at a provider, with whose its senders are."""

    gateway: str
    secret_name: str
    channel: str
    owner_by_sender: dict[str, int | None]
    sole_owner: int | None
    #: When each of its days was read last.
    read_at: dict[date, datetime]


class Money:
    """What is spent on this instance, looked after by one worker."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        settings: Settings,
        mailer: Mailer,
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to look; `seconds` is a clock that nobody sets."""
        self._mailer = mailer
        self._sessions, self._settings, self._seconds = sessions, settings, seconds
        self._ask_at: dict[str, float] = {}

    def chores(self) -> list[Chore]:
        """Return what a worker does again and again for the books."""
        return [
            Chore("counting costs", COSTS_EVERY, self.count_costs),
            Chore("telling of money that runs out", LOOK_EVERY, self.tell, is_outward=True),
            Chore("asking what messages cost", LOOK_EVERY, self.ask_providers, is_outward=True),
        ]

    async def count_costs(self) -> None:
        """Count what runs cost that moved since the last look."""
        await asyncio.to_thread(recount_costs, self._sessions)

    async def tell(self) -> None:
        """Tell administrators by mail of a limit or a balance that runs out."""
        await asyncio.to_thread(send_spending_mails, self._sessions, self._settings, self._mailer)

    async def ask_providers(self) -> None:
        """Ask each account whose turn it is; one that does not answer holds up no other."""
        for account in await asyncio.to_thread(self._load_accounts):
            began = self._seconds()
            if self._ask_at.get(account.secret_name, began) > began:
                continue
            try:
                await self._ask(account)
            except FingerpostError as error:
                _log.warning("%s does not tell what messages cost: %s", account.secret_name, error)
            took = self._seconds() - began
            self._ask_at[account.secret_name] = self._seconds() + max(ASK_EVERY, RESTS * took)

    async def _ask(self, account: _Account) -> None:
        gateway = open_gateway(
            account.gateway,
            settings=self._settings,
            secret_name=account.secret_name,
            channel=account.channel,
        )
        try:
            if isinstance(gateway, Charging):
                await self._read(account, gateway)
        finally:
            await gateway.close()

    async def _read(self, account: _Account, gateway: Charging) -> None:
        now = clock.now()
        balance = await gateway.ask_balance()
        await asyncio.to_thread(self._keep_balance, account, balance, now)
        for day in _days_to_read(account.read_at, now):
            since = datetime(day.year, day.month, day.day, tzinfo=UTC)
            sums = ToldSums(account.owner_by_sender, account.sole_owner)
            async for page in gateway.list_charges(since, since + timedelta(days=1)):
                sums.add((charge, country_of_handle(charge.person) or "") for charge in page)
            await asyncio.to_thread(self._replace_day, account, day, sums, now)

    def _keep_balance(self, account: _Account, balance: Balance, now: datetime) -> None:
        with self._sessions.begin() as session:
            keep_balance(session, account.secret_name, account.gateway, balance, told_at=now)

    def _replace_day(self, account: _Account, day: date, sums: ToldSums, now: datetime) -> None:
        with self._sessions.begin() as session:
            replace_day(session, account.secret_name, day, sums, read_at=now)

    def _load_accounts(self) -> list[_Account]:
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            credentials = load_credentials(session, self._settings)
            senders = session.scalars(select(Sender).where(may_have_provider(self._settings.secrets))).all()
            told = select(ToldDay.secret_name, ToldDay.day, ToldDay.read_at)
            days = session.execute(told.where(ToldDay.day >= _days_back(clock.now())[-1])).all()
        accounts: dict[str, _Account] = {}
        for sender in senders:
            name = sender.secret_name
            owners = credentials.owners_of(name)
            account = accounts.setdefault(
                name,
                _Account(
                    sender.gateway,
                    name,
                    str(sender.channel),
                    {},
                    next(iter(owners)) if len(owners) == 1 else None,
                    {row.day: row.read_at for row in days if row.secret_name == name},
                ),
            )
            account.owner_by_sender[sender.identity] = sender.organisation_id
        return list(accounts.values())


def _days_to_read(read_at: dict[date, datetime], now: datetime) -> list[date]:
    """Return the days whose prices may still be told or moved, the latest first."""
    return [day for day in _days_back(now) if day not in read_at or read_at[day] < _end_of(day) + SETTLES_AFTER]


def _days_back(now: datetime) -> list[date]:
    """Return the days that are ever asked for, the latest first."""
    return [(now - timedelta(days=back)).date() for back in range(FIRST_DAYS)]


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
