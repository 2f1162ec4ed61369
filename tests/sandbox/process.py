"""A sandbox as a real process, its control API and Twilio's own client pointed at it."""

from __future__ import annotations

import subprocess
import sys
import time
from types import TracebackType
from typing import Any

import requests
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from campaigns.sandbox.world.config import SandboxConfig
from campaigns.sandbox.world.fixture import DEFAULT_SERVICE_SID

DEFAULTS = SandboxConfig()
SERVICE = DEFAULT_SERVICE_SID
SENDER = "FINGERPOST"
QUICK = {"stage": {"p50": 0.003, "p99": 0.006}}


class SandboxProcess:
    """Starts `python -m campaigns.sandbox.server` on a free port and stops it on leaving."""

    #: What is started; it prints its address as the last word of its first line.
    module = "campaigns.sandbox.server"

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", self.module, "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> SandboxProcess:
        assert self.process.stdout
        self.url = self.process.stdout.readline().split()[-1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
        self.process.terminate()
        self.process.communicate(timeout=30)

    def client(self, account: str = DEFAULTS.account_sid, token: str = DEFAULTS.auth_token) -> Client:
        """Return an unmodified client pointed at this process."""
        return self.point(Client(account, token, http_client=TwilioHttpClient(timeout=2)))

    def point(self, client: Client) -> Client:
        """Point a client, synchronous or not, at this process with everything it can ask for."""
        for domain in ("api", "content", "lookups", "messaging", "pricing"):
            getattr(client, domain).base_url = self.url
        return client

    def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Make a control call that must succeed and return its JSON."""
        answer = self.request(method, f"/_sandbox/{path}", json=body)
        assert answer.ok, answer.text
        result: dict[str, Any] = answer.json()
        return result

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Make any request, with the control token."""
        headers = {"X-Sandbox-Token": DEFAULTS.control_token, **options.pop("headers", {})}
        return self._session.request(method, self.url + path, headers=headers, timeout=30, **options)

    def fixture(self, **changes: Any) -> None:
        """Replace fields of the fixture; stages stay quick unless a profile is given."""
        self.call("POST", "fixture", {"profile": QUICK, **changes})

    def reset(self, seed: str = "tests") -> None:
        """Forget everything, make stages quick, and answers that come too late come soon."""
        self.call("POST", "reset", {"seed": seed})
        self.fixture(late_s=0.4)

    def truth(self, **query: str) -> list[dict[str, Any]]:
        """Return the oracle's messages."""
        answer = self.request("GET", "/_sandbox/messages", params=query)
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    def whole_truth(self) -> list[dict[str, Any]]:
        """Return every message of the oracle, however many; it gives some thousands at a time."""
        messages: list[dict[str, Any]] = []
        while page := self.truth(after=str(messages[-1]["seq"] if messages else 0), limit="5000"):
            messages += page
        return messages

    def invariants(self) -> dict[str, Any]:
        """Return what the oracle says must hold, and what is on its way."""
        return self.call("GET", "invariants")

    def settle(self) -> dict[str, Any]:
        """Wait until nothing is on its way any more and return the invariants."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            invariants = self.invariants()
            if not any(invariants["pending"].values()):
                return invariants
            time.sleep(0.01)
        raise AssertionError(f"The sandbox does not come to rest: {invariants['pending']}")
