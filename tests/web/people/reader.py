"""Somebody opens pages of every kind, and fills in their forms; each time from another network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from werkzeug.test import TestResponse

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import token_of
from campaigns.inbox.unnamed.flood_limits import PER_NETWORK
from campaigns.inbox.unnamed.service import Told, begin_report
from tests.factories import a_contact, an_address
from tests.moments import standing_at
from tests.web.pages import Pages
from tests.web.people.page_kinds import CODE, FULL, WRITTEN, PageKind, hidden_fields

#: Of the keys in `tests.web.pages`.
VAULT = Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)


def a_code(pages: Pages) -> str:
    """Return the code of a new report to `ours`."""
    told = Told(pages.ours.id, WRITTEN, "uk", may_answer=True, country="PL")
    with pages.sessions.begin() as session:
        return begin_report(session, told, vault=VAULT)[1]


@dataclass
class Reader:
    """Whoever reads the pages; nobody stays the same."""

    pages: Pages
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def look(self, kind: PageKind, language: str) -> TestResponse:
        """Come to a page of a kind in a language."""
        address = kind.at(language, self._token)
        if kind.filled is None:
            return self.pages.client().get(address)
        if kind.status == 429:
            for _ in range(PER_NETWORK):
                self._send(address, {"text": WRITTEN}, FULL)
        return self._send(address, kind.filled, FULL if kind.status == 429 else f"198.18.{next(self._numbers)}.1")

    def _send(self, address: str, filled: Mapping[str, str], network: str) -> TestResponse:
        client = self.pages.client()
        shown = hidden_fields(client.get(address).text)
        given = {name: a_code(self.pages) if value == CODE else value for name, value in filled.items()}
        with standing_at(clock.now() + timedelta(seconds=5)):
            return client.post(address, data=shown | given, environ_base={"REMOTE_ADDR": network})

    def _token(self) -> str:
        """Return what the link to leave of somebody new names."""
        number = f"+38050{next(self._numbers):07}"
        with self.pages.sessions.begin() as session:
            address = an_address(session, a_contact(session, self.pages.ours), VAULT, number=number)
            return token_of(address.id, address.lookup, VAULT)
