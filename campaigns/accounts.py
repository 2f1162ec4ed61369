"""A worker keeps two things in step at providers: templates that wait for approval, and the addresses of bots."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import FingerpostError
from campaigns.core.processes.chores import Chore
from campaigns.core.settings import Settings
from campaigns.example.queries import may_have_provider
from campaigns.gateways.connecting import Connectable
from campaigns.gateways.factory import open_gateway, open_templates
from campaigns.planning.models import Sender
from campaigns.planning.whatsapp.sync import sync_templates
from campaigns.staff.credentials import Credentials, load_credentials

#: Seconds between two looks for something to do.
LOOK_EVERY = 2.0
#: Pauses between two looks into a provider's book while the same templates wait: doubled each time, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
#: How often an account is told our address again, and after a failure, in seconds.
CONNECTED_FOR, TRY_AGAIN_AFTER = 3600.0, 60.0

_log = logging.getLogger(__name__)

#: Gateway, name of the credential and channel.
Account = tuple[str, str, str]


class Accounts:
    """The instance's accounts at providers, looked after by one worker."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        settings: Settings,
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._settings = settings
        self._seconds = seconds
        self._look_at, self._pause, self._seen = 0.0, FIRST_PAUSE, 0
        self._connect_at: dict[Account, float] = {}

    def chores(self) -> list[Chore]:
        """Return what a worker does again and again for the accounts."""
        works = {"reading templates": self.sync_templates, "connecting accounts": self.connect}
        return [Chore(name, LOOK_EVERY, work, needs_clock=False, is_outward=True) for name, work in works.items()]

    async def sync_templates(self) -> None:
        """Hand in templates and read what became of them, ever less often while nothing comes or goes."""
        if self._seconds() < self._look_at:
            return
        credentials = await asyncio.to_thread(self._load_credentials)
        seen = await sync_templates(
            self._sessions,
            may_use=credentials.belongs_to,
            open_templates=lambda gateway, secret_name: open_templates(
                gateway, settings=self._settings, secret_name=secret_name
            ),
        )
        is_same = seen and seen == self._seen
        self._pause = min(self._pause * 2, LONGEST_PAUSE) if is_same else FIRST_PAUSE
        self._seen, self._look_at = seen, self._seconds() + self._pause

    def _load_credentials(self) -> Credentials:
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            return load_credentials(session, self._settings)

    async def connect(self) -> None:
        """Tell providers where to post what people do, where they have to be told; once an hour to be sure."""
        for account in await asyncio.to_thread(self._load_accounts):
            now = self._seconds()
            if self._connect_at.get(account, now) > now:
                continue
            try:
                await self._connect(account)
                self._connect_at[account] = now + CONNECTED_FOR
            except FingerpostError as error:
                _log.warning("the account %s of %s is not connected: %s", account[1], account[0], error)
                self._connect_at[account] = now + TRY_AGAIN_AFTER

    async def _connect(self, account: Account) -> None:
        name, secret_name, channel = account
        gateway = open_gateway(name, settings=self._settings, secret_name=secret_name, channel=channel)
        try:
            if isinstance(gateway, Connectable) and await gateway.connect(self._settings.hooks_address):
                _log.info("the account %s of %s knows our address now", secret_name, name)
        finally:
            await gateway.close()

    def _load_accounts(self) -> list[Account]:
        accounts = select(Sender.gateway, Sender.secret_name, Sender.channel)
        accounts = accounts.where(Sender.active, may_have_provider(self._settings.secrets)).distinct()
        with self._sessions() as session:
            session.connection(execution_options={"read_only": True})
            return [(row.gateway, row.secret_name, str(row.channel)) for row in session.execute(accounts)]
