"""An instance for the stages of a campaign: its database, settings and files, and a process for each stage."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from bench.harness import fresh_database
from bench.stages import CONTACTS_FILE, PLACES_FILE
from campaigns.core import clock
from tests.sandbox.process import DEFAULTS

PLACES = 40
#: Numbers that begin with 00 tell the sandbox to fail.
FIRST_NUMBER = 1_000_000
LANGUAGES = ("uk", "uk", "ru", "pl")
#: Where nothing listens: for what sends nothing.
NOBODY = "http://127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class StageInstance:
    """An instance whose database is new, with the files of its places and people."""

    database: Engine
    folder: Path
    environment: dict[str, str]

    def do(self, name: str, *, of: str = "bench.stages") -> dict[str, Any]:
        """Do a stage of a module in a process of its own and return its figures."""
        return self.run(of, name, str(self.folder))

    def run(self, module: str, *arguments: str) -> dict[str, Any]:
        """Run a module, and return the JSON that it prints last."""
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=True)
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures


@contextmanager
def stage_instance(
    kind: str, people: int, *, provider_url: str = NOBODY, **settings: str
) -> Iterator[StageInstance]:
    """Yield an instance on a new database of `kind` that may bring `people` in; all is removed after."""
    with (
        fresh_database(kind, build=_build_nothing) as engine,
        tempfile.TemporaryDirectory(prefix="fingerpost-bench-") as name,
    ):
        folder = Path(name)
        write_places(folder / PLACES_FILE)
        write_contacts(folder / CONTACTS_FILE, people)
        url = engine.url.render_as_string(hide_password=False)
        own = {"state_folder": str(folder / "state"), **settings}
        changes = {f"FINGERPOST_{name.upper()}": value for name, value in own.items()}
        yield StageInstance(engine, folder, environment_of(url, provider_url, people) | changes)


def _build_nothing(_: object) -> None:
    """Leave the tables to `fingerpost setup`."""


def write_places(path: Path) -> None:
    """Write the sheet of the hotspots that the audience is at, along a border."""
    with path.open("w") as file:
        file.write("id,name,lat,lon\n")
        for number in range(PLACES):
            file.write(f"place-{number},Place {number},{48.0 + number / 20:.4f},23.6000\n")


def write_contacts(path: Path, people: int) -> None:
    """Write a contact file of invented people, one number each, spread over the places."""
    today = clock.now().date() - timedelta(days=1)
    with path.open("w") as file:
        file.write("number,language,other_language,place,position_date,consent_date,consent_how\n")
        for number in range(people):
            language = LANGUAGES[number % len(LANGUAGES)]
            place = f"place-{number % PLACES}"
            file.write(f"+38067{FIRST_NUMBER + number:07},{language},,{place},{today},{today},form A\n")


def environment_of(database_url: str, sandbox_url: str, people: int) -> dict[str, str]:
    """Return the environment of a demo instance with keys of its own, that reads a file of `people`."""
    return {
        **os.environ,
        "FINGERPOST_MODE": "demo",
        "FINGERPOST_QUIET_HOURS": "false",
        # What is measured is the whole run, not how long its first messages are watched.
        "FINGERPOST_CANARY_PEOPLE": "0",
        "FINGERPOST_DATABASE_URL": database_url,
        "FINGERPOST_SANDBOX_URL": sandbox_url,
        "FINGERPOST_ENCRYPTION_KEYS": f"1:{_key()}",
        "FINGERPOST_LOOKUP_KEY": _key(),
        "FINGERPOST_SECRET_KEY": secrets.token_urlsafe(48),
        "FINGERPOST_SECRET_TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
        "FINGERPOST_LOG_LEVEL": "WARNING",
        "FINGERPOST_IMPORT_MAX_ROWS": str(people),
        "FINGERPOST_IMPORT_MAX_MEGABYTES": "4096",
    }


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
