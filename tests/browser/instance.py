"""A whole instance in processes of its own: console, worker and sandbox, prepared as an organisation would be."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.audience.service import import_file
from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.settings import Settings, load_settings
from campaigns.demo.demo_instance import Addresses, environment_of
from campaigns.demo.processes import Processes, free_port
from campaigns.directory.opening_hours import read_hours
from campaigns.directory.service import create_service, verify_service
from campaigns.places.service import load_regions
from campaigns.planning.models import Sender
from campaigns.schema import migrate
from campaigns.staff.models import Organisation, Role
from campaigns.staff.service import create_member, create_organisation
from campaigns.staff.sign_in.passwords import hash_password
from tests.sandbox.process import DEFAULTS, SandboxProcess

AUTHOR, APPROVER = "author@example.org", "approver@example.org"
PASSWORD = "seven wooden signposts"
TIME_ZONE = "Europe/Warsaw"
#: In the middle of Podkarpackie in Poland: longitude and latitude.
SPOT = (22.16, 49.92)
#: How many people of each language are around the spot; nobody writes a Russian text in these tests.
PEOPLE = {"uk": 28, "en": 12, "ar": 12, "ru": 8}
#: Slow enough that a run of all these people can be watched, in SMS parts a second.
PACE = 6.0
SENDER = "+447700900100"
#: One in eight phones cannot be reached, always the same ones; stages are quick.
PROFILE = {"stage": {"p50": 0.02, "p99": 0.1}, "outcomes": {"undelivered": {"30003": 0.12}}}


@dataclass(frozen=True, slots=True)
class Instance:
    """Where the console is, the sandbox that knows what phones really got, and the settings of both."""

    address: str
    sandbox: SandboxProcess
    settings: Settings

    def truth(self) -> dict[str, int]:
        """Return how many messages the sandbox's own log has in each final status, once it has come to rest."""
        self.sandbox.settle()
        found: dict[str, int] = {}
        for message in self.sandbox.truth():
            found[message["status"]] = found.get(message["status"], 0) + 1
        return found


@contextmanager
def an_instance(folder: Path) -> Iterator[Instance]:
    """Prepare an instance in `folder` and run its parts until the block is left."""
    with SandboxProcess() as sandbox:
        sandbox.fixture(profile=PROFILE)
        web = f"http://127.0.0.1:{free_port(0)}"
        environment = environment_of(folder, Addresses(web, sandbox.url)) | {
            "FINGERPOST_SECRET_TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
            "FINGERPOST_CLOCK_TICK_SECONDS": "1",
            # These tests pass at night as well.
            "FINGERPOST_QUIET_HOURS": "false",
        }
        settings = load_settings(os.environ | environment)
        _prepare(settings)
        with Processes(environment, folder / "logs") as processes:
            processes.start("web", "serve")
            processes.start("worker", "worker")
            processes.wait_for(f"{web}/health")
            yield Instance(web, sandbox, settings)
            processes.check()


def _prepare(settings: Settings) -> None:
    engine = make_engine(settings.database_url)
    migrate(engine)
    with make_sessions(engine).begin() as session:
        load_regions(session)
        organisation = create_organisation(session, "test", name="Signal Fire (invented)", time_zone=TIME_ZONE)
        author = _hire(session, organisation, AUTHOR, "Olena", Role.AUTHOR, Role.STEWARD)
        approver = _hire(session, organisation, APPROVER, "Marek", Role.APPROVER)
        _list_service(session, organisation.id, by=author, verified_by=approver)
        session.add(
            Sender(
                name="Sandbox",
                channel=Channel.SMS,
                gateway="twilio",
                identity=SENDER,
                secret_name="twilio",
                pace=PACE,
            )
        )
        import_file(
            session,
            organisation.id,
            "people.csv",
            people_file().encode(),
            by=author,
            vault=settings.vault(),
            settings=settings,
        )
    engine.dispose()


def _hire(session: Session, organisation: Organisation, email: str, name: str, *roles: Role) -> int:
    secret = hash_password(PASSWORD)
    return create_member(session, organisation, email=email, name=name, password_hash=secret, roles=roles).id


def _list_service(session: Session, organisation_id: int, *, by: int, verified_by: int) -> None:
    """Add a helpline for Poland that has been tried a moment ago."""
    facts = {
        "name": "Helpline (invented)",
        "kind": "trafficking",
        "country": "PL",
        "region_codes": [],
        "number_national": "+48 22 000 00 00",
        "number_from_abroad": "+48 22 000 00 00",
        "works_from_foreign_sim": "yes",
        "languages": ["uk", "en", "ar", "ru"],
        "hours": read_hours("24/7"),
        "time_zone": TIME_ZONE,
        "operator_type": "ngo",
        "source": "invented for a test",
        "source_status": "sourced",
    }
    service = create_service(session, organisation_id, facts=facts, by=by)
    verify_service(session, service, by=verified_by, on=clock.now().date(), how="test call, local SIM")


def people_file() -> str:
    """Return a contact file: invented people within 3 km of the spot."""
    today = clock.now().date()
    lines = ["number,language,latitude,longitude,position_date,consent_date,consent_how"]
    languages = [language for language, count in PEOPLE.items() for _ in range(count)]
    for index, language in enumerate(languages):
        longitude, latitude = SPOT[0] + (index % 8 - 4) * 0.006, SPOT[1] + (index // 8 - 4) * 0.004
        said = today - timedelta(days=index % 7)
        lines.append(f"+38067{5_100_000 + index},{language},{latitude:.4f},{longitude:.4f},{said},{said},form")
    return "\n".join(lines)
