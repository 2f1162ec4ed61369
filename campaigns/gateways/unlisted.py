"""A gateway whose provider keeps no list of messages says so: a lost reply there stays unknown for good."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from campaigns.core.errors import UnavailableError
from campaigns.core.words import N_
from campaigns.gateways.base import ProviderMessage

_NO_LIST = N_("This provider keeps no list of messages that could be asked for.")


class Unlisted:
    """The part of a Gateway about lists, for providers that have none."""

    keeps_list = False
    account = ""

    async def list_to(self, to: str, since: datetime) -> list[ProviderMessage]:
        """Raise UnavailableError; see Gateway.list_to."""
        raise UnavailableError(_NO_LIST)

    def list_since(self, since: datetime) -> AsyncIterator[list[ProviderMessage]]:
        """Raise UnavailableError; see Gateway.list_since."""
        raise UnavailableError(_NO_LIST)
