"""Somebody opens pages of every kind, and fills in their forms; each time from another network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from campaigns.core import clock
from campaigns.inbox.unnamed.flood_limits import PER_NETWORK
from campaigns.inbox.unnamed.service import Told, begin_report
from campaigns.web.current import vault
from tests.moments import standing_at
from tests.web.pages import Pages
from tests.web.people.page_kinds import CODE, WRITTEN, PageKind, hidden_fields

#: A network that has sent as many reports as it may.
FULL = "203.0.113.1"


def a_code(pages: Pages) -> str:
    """Return the code of a new report to `ours`."""
    told = Told(pages.ours.id, WRITTEN, "uk", may_answer=True, country="PL")
    with pages.app.app_context(), pages.sessions.begin() as session:
        return begin_report(session, told, vault=vault())[1]


@dataclass
class Reader:
    """Whoever reads the pages; nobody stays the same."""

    pages: Pages
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def look(self, kind: PageKind, language: str) -> TestResponse:
        """Come to a page of a kind in a language."""
        client, address = self.pages.client(), kind.at(language)
        if kind.filled is None:
            return client.get(address)
        if kind.status == 429:
            for _ in range(PER_NETWORK):
                self._send(client, PageKind(address, {"text": WRITTEN}), FULL)
        return self._send(
            client, kind, FULL if kind.status == 429 else f"198.18.{next(self._numbers)}.1", language
        )

    def _send(self, client: FlaskClient, kind: PageKind, network: str, language: str = "") -> TestResponse:
        there: Mapping[str, Any] = {"REMOTE_ADDR": network}
        shown = hidden_fields(client.get(kind.at(language)).text)
        given = {
            name: a_code(self.pages) if value == CODE else value for name, value in (kind.filled or {}).items()
        }
        with standing_at(clock.now() + timedelta(seconds=5)):
            return client.post(kind.at(language), data=shown | given, environ_base=there)
