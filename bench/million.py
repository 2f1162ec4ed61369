"""A campaign from the contact file to its reach, stage by stage, and whether memory grows with its size.

Each stage runs in a process of its own, through the code that an instance runs: import (`fingerpost import
contacts`, the whole file in one transaction), plan (fan-out), send (a worker, over `bench.bare_provider`),
keep_receipts (the intake behind the door; three receipts a message in shuffled order, the last word twice;
`bench.receipts` measures the door itself), merge_receipts, roll_up (reach). Every stage is held against the
one before it: whoever is in the file is planned, accepted by the provider, told of by receipts and counted, once.

A small run comes first. `peak_mb` is the largest resident memory of the stage's process, `grown_mb` how much more
that is than in the small run, `most_grown_mb` the most of any stage. `provider_peak_mb` is the provider, which
remembers every reference; it is not part of what is compared.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from bench.bare_provider import BareProvider
from bench.harness import fresh_database, measures_each, megabytes_of, note
from bench.stages import (
    CONTACTS_FILE,
    MEASURED,
    PLACES_FILE,
    RECEIPTS_EACH,
    STAGES,
    resident_peak_megabytes,
)
from campaigns.core import clock
from tests.sandbox.process import DEFAULTS

#: A run that is large enough for every batch, chunk and group to be a full one.
SMALL = 10_000
#: What the memory of a large run may exceed that of the small one by, in MB.
MOST_GROWN_MB = 50.0
PLACES = 40
#: Numbers that begin with 00 tell the sandbox to fail.
FIRST_NUMBER = 1_000_000
LANGUAGES = ("uk", "uk", "ru", "pl")


def measure(kind: str, people: int) -> dict[str, Any]:
    """Return the figures of one database: those of the large run, and what it took more than the small one."""
    small = run_stages(kind, min(SMALL, people))
    large = small if people <= SMALL else run_stages(kind, people)
    stages = {name: _figures(large[name], small[name]) for name in MEASURED}
    grown = max(figures["grown_mb"] for figures in stages.values())
    return {
        "people": people,
        "compared_with": min(SMALL, people),
        "seconds": round(sum(figures["seconds"] for figures in stages.values()), 1),
        "most_grown_mb": grown,
        "is_within_limit": grown <= MOST_GROWN_MB,
        "provider_peak_mb": large["provider"]["peak_mb"],
        **stages,
    }


def run_stages(kind: str, people: int) -> dict[str, Any]:
    """Take `people` from a file to reach on a new database and return what each stage took."""
    found: dict[str, Any] = {}
    with (
        fresh_database(kind, build=build_nothing) as engine,
        tempfile.TemporaryDirectory(prefix="fingerpost-bench-") as folder,
        BareProvider() as provider,
    ):
        environment = environment_of(engine.url.render_as_string(hide_password=False), provider.url, people)
        write_places(Path(folder) / PLACES_FILE)
        write_contacts(Path(folder) / CONTACTS_FILE, people)
        for name in STAGES:
            found[name] = run_stage(name, folder, environment)
            note(f"{kind} {people:,}: {name} {found[name]}")
            if name == "send":
                invariants = provider.call("GET", "invariants")
                found["provider"] = {"peak_mb": resident_peak_megabytes(provider.process.pid)}
        _check(found, people, invariants)
        found["database_mb"] = megabytes_of(engine)
    return found


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


def build_nothing(_: object) -> None:
    """Leave the tables to `fingerpost setup`."""


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


def run_stage(name: str, folder: str, environment: dict[str, str]) -> dict[str, Any]:
    """Do a stage in a process of its own and return its figures."""
    command = [sys.executable, "-m", "bench.stages", name, folder]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def _check(found: dict[str, Any], people: int, invariants: dict[str, Any]) -> None:
    """Hold every stage against the one before it: nobody is lost on the way, and nobody counted twice."""
    for name in ("import", "plan", "send", "roll_up"):
        assert found[name]["count"] == people, (name, found[name])
    for name in ("write_callbacks", "keep_receipts", "merge_receipts"):
        assert found[name]["count"] == people * RECEIPTS_EACH, (name, found[name])
    assert (invariants["accepted"], invariants["intents"]) == (people, people), invariants


def _figures(large: dict[str, Any], small: dict[str, Any]) -> dict[str, float]:
    return {
        "seconds": large["seconds"],
        "per_second": round(large["count"] / large["seconds"]),
        "peak_mb": large["peak_mb"],
        "small_peak_mb": small["peak_mb"],
        "grown_mb": round(large["peak_mb"] - small["peak_mb"], 1),
    }


@click.command()
@click.option("--people", default=1_000_000, show_default=True)
@measures_each
def main(kind: str, people: int) -> dict[str, Any]:
    """Take people from a contact file to their reach: seconds and peak memory of each stage."""
    return measure(kind, people)


if __name__ == "__main__":
    main()
