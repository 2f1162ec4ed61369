"""What the demo tells the sandbox over its control API: how chance treats the run, and who says stop."""

from __future__ import annotations

from typing import Any

import requests

from campaigns.core.errors import UnavailableError

TIMEOUT_SECONDS = 30


class SandboxControl:
    """The control API of one sandbox on this machine."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._session = requests.Session()
        # A proxy of the environment would be asked for loopback, too.
        self._session.trust_env = False
        self._session.headers["X-Sandbox-Token"] = token

    def change_fixture(self, **fields: Any) -> None:
        """Replace the given fields of the sandbox's fixture."""
        self._ask("/_sandbox/fixture", fields)

    def say(self, *, sender: str, to: str, text: str, opt_out: bool) -> None:
        """Let the person with number `sender` write `text` to one of our numbers."""
        self._ask("/_sandbox/inbound", {"from": sender, "to": to, "text": text, "opt_out": opt_out})

    def invariants(self) -> dict[str, Any]:
        """Return what the sandbox's own log says must hold."""
        return self._ask("/_sandbox/invariants", None)

    def accepted_numbers(self, limit: int) -> list[str]:
        """Return the numbers of the first `limit` messages the sandbox accepted."""
        found = self._ask(f"/_sandbox/messages?limit={limit}", None)
        return [str(message["to"]) for message in found["messages"]]

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        method = "GET" if body is None else "POST"
        try:
            answer = self._session.request(method, self._base_url + path, json=body, timeout=TIMEOUT_SECONDS)
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except requests.RequestException as error:
            raise UnavailableError(f"The sandbox did not answer {path}: {error}.") from error
        return found
