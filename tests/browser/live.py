"""A live instance in an empty folder, and a stand-in of the provider that it takes for the real one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from twilio.rest import Client

from campaigns.demo.processes import Processes, free_port
from tests.delivery.secured import secured, write_certificate
from tests.sandbox.process import DEFAULTS, SandboxProcess

#: A name of this machine that is no loopback address: a live instance sends nothing to one.
PROVIDER = "provider.localhost"
#: How long a server may take to say something, in seconds.
PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Empty:
    """A folder with nothing in it, and what runs there."""

    address: str
    sandbox: str
    log: Path
    processes: Processes

    def code(self) -> str:
        """Return the code that the server prints once it listens."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.processes.check()
            printed = re.search(r"/set-up and enter the code (\S+)", self.log.read_text(encoding="utf-8"))
            if printed:
                return printed[1]
            time.sleep(0.1)
        raise AssertionError("no code was printed")


@contextmanager
def a_live_instance(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[tuple[Empty, Client]]:
    """Start `fingerpost serve` in `folder`, with a key of the provider; Twilio's own client asks the stand-in."""
    outside, web, hooks, sandbox, provider = (free_port(0) for _ in range(5))
    certificate = write_certificate(folder, PROVIDER)
    # The stand-in posts receipts to the instance, and each believes the other's certificate.
    patch.setenv("SSL_CERT_FILE", str(certificate))
    address = f"https://127.0.0.1:{outside}"
    environment = {
        "DATABASE_URL": f"sqlite:///{folder / 'var' / 'fingerpost.db'}",
        "PUBLIC_URL": address,
        "PORT": str(web),
        "HOOKS_PORT": str(hooks),
        "SANDBOX_URL": f"http://127.0.0.1:{sandbox}",
        "SECRET_TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
        "ORIGIN_TWILIO": f"https://{PROVIDER}:{provider}",
        "CLOCK_TICK_SECONDS": "1",
    }
    logs = folder / "logs"
    with (
        SandboxProcess("--inbound-url", f"{address}/hooks/twilio/inbound") as stand_in,
        secured(provider, int(stand_in.url.rpartition(":")[2]), certificate),
        secured(outside, web, certificate),
        Processes({f"FINGERPOST_{name}": value for name, value in environment.items()}, logs) as processes,
    ):
        processes.start("web", "serve")
        yield Empty(address, f"http://127.0.0.1:{sandbox}", logs / "web.log", processes), stand_in.client()
        processes.check()
