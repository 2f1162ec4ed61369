"""What some gateways need beside sending: to be told where people's answers are to be posted."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class Connectable(Protocol):
    """A gateway whose provider learns over its API where to post to; without it nothing people do arrives."""

    async def connect(self, public_url: str) -> bool:
        """Have what people do posted to the hooks of this instance, and say whether that had to be changed.

        Does nothing when it is set already, so it may be called as often as one likes. Raises UnavailableError,
        in words for a member, when the provider does not answer or refuses.
        """

    async def identify(self) -> str:
        """Return the name under which people find us there (a bot's user name, without @).

        Raises UnavailableError, in words for a member, when the provider does not answer or refuses.
        """
