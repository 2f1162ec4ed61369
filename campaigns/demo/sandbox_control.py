"""The demo tells the sandbox over its control API how chance treats the run, and who says stop."""

from __future__ import annotations

from typing import Any

import requests

from campaigns.core.errors import UnavailableError

TIMEOUT_SECONDS = 30
PAGE = 5000


class SandboxControl:
    """The control API of one sandbox on this machine."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = requests.Session()
        # A proxy of the environment would be asked for loopback, too.
        self._session.trust_env = False
        self._session.headers["X-Sandbox-Token"] = token
        self._acted: set[str] = set()

    def change_fixture(self, **fields: Any) -> None:
        """Replace the given fields of the sandbox's fixture."""
        self._ask("/_sandbox/fixture", fields)

    def act(self, person: str, *, opt_out: bool, **act: Any) -> None:
        """Let a person (`+380…`, `telegram:7…`) do what `act` says; `opt_out` tells that they mean a stop."""
        self._ask("/_sandbox/inbound", {"from": person, "opt_out": opt_out, **act})
        self._acted.add(person)

    def readers(self, channel: str, opening: str) -> list[str]:
        """Return who got a text that opens so and did nothing yet: whoever blocked a bot cannot write to it."""
        arrived = ("sent", "delivered", "read")
        return [
            message["to"]
            for message in self.accepted(channel)
            if message["body"].startswith(opening) and message["status"] in arrived
            if message["to"] not in self._acted
        ]

    def invariants(self) -> dict[str, Any]:
        """Return what the sandbox's own log says must hold."""
        return self._ask("/_sandbox/invariants", None)

    def accepted(self, channel: str) -> list[dict[str, Any]]:
        """Return the truth about every message of a channel that the sandbox accepted, oldest first."""
        accepted: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self._ask(f"/_sandbox/messages?after={after}&limit={PAGE}", None)
            accepted += [
                message
                for message in page["messages"]
                if message["channel"] == channel and message["direction"] == "outbound-api"
            ]
            after = page["next_after"]
        return accepted

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        method = "GET" if body is None else "POST"
        try:
            answer = self._session.request(method, self._base_url + path, json=body, timeout=TIMEOUT_SECONDS)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except requests.RequestException as error:
            raise UnavailableError(f"The sandbox did not answer {path}: {error}.") from error
        return found
