"""An instance that begins with nothing, set up with the commands of the README, and who runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaigns.core.settings import CONTROL_DOOR, load_settings
from campaigns.demo.demo_instance import ACCOUNT
from campaigns.demo.processes import Processes, free_port
from campaigns.demo.sandbox_control import SandboxControl
from tests.browser.instance import PROFILE, TIME_ZONE

SLUG = "corridor"
#: How long the sandbox may take to come to rest, in seconds.
PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Founded:
    """Where the console of a new instance is, how its first member signs in, and what phones really got."""

    address: str
    first_password: str
    control: SandboxControl

    def delivered(self) -> list[str]:
        """Return the handles whose phones got a message, sorted, once the sandbox has come to rest."""
        deadline = time.monotonic() + PATIENCE
        while any(self.control.invariants()["pending"].values()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return sorted(each["to"] for each in self.control.accepted("sms"))


@contextmanager
def a_new_instance(folder: Path, *, first: str, first_name: str) -> Iterator[Founded]:
    """Set up an instance in `folder` as the README says, with one member, and run its parts until the block ends.

    Its keys are those that `setup` made; it is a demo only in that the sandbox stands in for the provider.
    """
    address, sandbox = (f"http://127.0.0.1:{free_port(0)}" for _ in range(2))
    environment = {
        "FINGERPOST_MODE": "demo",
        "FINGERPOST_DATABASE_URL": f"sqlite:///{folder / 'fingerpost.db'}",
        "FINGERPOST_PUBLIC_URL": address,
        "FINGERPOST_PORT": _port(address),
        "FINGERPOST_HOOKS_PORT": "0",
        "FINGERPOST_SANDBOX_URL": sandbox,
        "FINGERPOST_STARTS_SANDBOX": "false",
        "FINGERPOST_CLOCK_TICK_SECONDS": "1",
        # This story passes at night as well.
        "FINGERPOST_QUIET_HOURS": "false",
    }
    run_command(environment, "setup")
    settings = load_settings(os.environ | environment)
    environment["FINGERPOST_SECRET_TWILIO"] = f"{ACCOUNT}:{settings.sandbox_token()}"
    with Processes(environment, folder / "logs") as processes:
        processes.start(
            "sandbox", "sandbox", f"--port={_port(sandbox)}", f"--inbound-url={address}/hooks/twilio/inbound"
        )
        named = ("--name", "Corridor Watch", "--time-zone", TIME_ZONE)
        run_command(environment, "organisation", "add", SLUG, *named)
        roles = ("--role", "admin", "--role", "author")
        said = run_command(
            environment, "member", "add", first, "--organisation", SLUG, "--name", first_name, *roles
        )
        processes.start("web", "serve")
        processes.start("worker", "worker")
        processes.wait_for(settings.phones_url())
        control = SandboxControl(sandbox, settings.sandbox_token(CONTROL_DOOR))
        control.change_fixture(profile=PROFILE | {"outcomes": {}})
        processes.wait_for(f"{address}/health")
        yield Founded(address, said.split()[-1], control)
        processes.check()


def run_command(environment: Mapping[str, str], *arguments: str) -> str:
    """Run `fingerpost <arguments>` to its end and return what it said."""
    command = [sys.executable, "-m", "campaigns.cli", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _port(url: str) -> str:
    return url.rpartition(":")[2]
