"""One more person joins from the page at Medyka: they write first, over Telegram, which shows no number."""

from __future__ import annotations

import re
import time

import requests
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core.errors import UnavailableError
from campaigns.core.settings import Settings
from campaigns.demo.sandbox_control import SandboxControl

#: The page on which people at Medyka join, in Ukrainian.
PAGE = "/uk/pl-18/b"
#: Chat of whoever joins; none of the invented people has it.
NEWCOMER = "7999999999"
#: Longest that joining may take, in seconds.
PATIENCE = 30.0
_LOOK_EVERY = 0.1


def join_from_page(web: str, sessions: sessionmaker[Session], settings: Settings, control: SandboxControl) -> str:
    """Press what the page shows for Telegram, and return the link once the person is a contact.

    Raises UnavailableError when the page has no such link, or nobody joined by it.
    """
    address = f"{web}{PAGE}"
    found = re.search(r'href="(https://t\.me/\w+\?start=([\w-]+))"', requests.get(address, timeout=20).text)
    if found is None:
        raise UnavailableError(f"{address} leads to no bot.")
    control.act(f"{Channel.TELEGRAM}:{NEWCOMER}", opt_out=False, start=found[2])
    lookup = settings.vault().lookup_hash(Channel.TELEGRAM, NEWCOMER)
    joined = select(Address.id).where(Address.lookup == lookup, Address.state == AddressState.ACTIVE)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with sessions() as session:
            session.connection(execution_options={"read_only": True})
            if session.scalar(joined) is not None:
                return found[1]
        time.sleep(_LOOK_EVERY)
    raise UnavailableError(f"Nobody joined by {found[1]}.")
