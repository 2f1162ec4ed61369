"""An organisation that is there for people on the move, and the phone of one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.demo.answering import choose_automatic
from campaigns.demo.stage import Cast
from campaigns.directory.opening_hours import ALWAYS
from campaigns.planning.models import Run, RunState, Sender
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Member, Organisation, Role
from campaigns.staff.service import create_member
from campaigns.staff.sign_in.passwords import hash_password
from tests.browser.instance import APPROVER, AUTHOR, PASSWORD, PROFILE, SENDER, Instance
from tests.delivery.builders import a_planned_run, frozen
from tests.factories import a_service
from tests.sandbox.process import SandboxProcess

RESPONDER = "responder@example.org"
#: Longest that a text may take to a phone, in seconds.
PATIENCE = 30
_LOOK_EVERY = 0.1
#: A region, and the number for help that is for it alone.
REGION, HELPLINE = "pl-18", "+48 22 000 00 11"
#: Texts of a campaign by language; the others are nobody's here.
CAMPAIGNS = {
    "before": {"en": "Keep your passport.", "uk": "Тримайте паспорт при собі.", "ar": "احتفظ بجواز سفرك معك."},
    "after": {"en": "Help is free.", "uk": "Допомога безкоштовна.", "ar": "المساعدة مجانية."},
}


@dataclass
class Phone:
    """A phone that gets text messages of the sandbox."""

    sandbox: SandboxProcess
    number: str
    #: Texts that its person has read.
    _read: int = field(default=0)

    def tap(self, link: str) -> None:
        """Open a link that an app for text messages takes, and send what it holds as it is."""
        url = urlsplit(link)
        assert url.scheme == "sms"
        self.write(parse_qs(url.query)["body"][0], to=url.path)

    def write(self, text: str, *, to: str = SENDER) -> None:
        said = {"from": self.number, "to": to, "text": text, "opt_out": text == "STOP"}
        self.sandbox.call("POST", "inbound", said)

    def all(self) -> list[str]:
        """Return the texts that have come, the oldest first."""
        came = self.sandbox.truth(to=self.number)
        return [each["body"] for each in came if each["direction"] == "outbound-api"]

    def next(self) -> str:
        """Wait for the text that comes next, and read it."""
        wait_until(lambda: len(self.all()) > self._read)
        self._read += 1
        return self.all()[self._read - 1]

    @property
    def is_quiet(self) -> bool:
        """Whether nothing came that was not read."""
        return len(self.all()) == self._read


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return once something is so; fail when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(_LOOK_EVERY)


def open_to_people(instance: Instance) -> None:
    """Open the pages, let people join and be answered by themselves, and hire somebody who answers them."""
    hears = f"{instance.address}/hooks/twilio/inbound"
    instance.sandbox.call("POST", "fixture", {"inbound_url": hears, "profile": PROFILE | {"outcomes": {}}})
    with _database(instance) as sessions, sessions.begin() as session:
        ours = session.scalars(select(Organisation)).one()
        author, approver = (
            session.scalars(select(Member.id).where(Member.email == email)).one() for email in (AUTHOR, APPROVER)
        )
        near = {"name": "Help near the border (invented)", "region_codes": [REGION.upper()], "hours": ALWAYS}
        numbers = dict.fromkeys(("number_national", "number_from_abroad"), HELPLINE)
        facts = {"languages": ["uk", "ar"], "works_from_foreign_sim": "yes", "verified_on": clock.now().date()}
        a_service(session, ours, **near, **numbers, **facts)
        set_profile(session, ours.id, Profile(is_open=True, contact="info@example.org"), by=author)
        create_entry_point(session, ours.id, name="Pages for everybody", by=author)
        choose_automatic(session, Cast(ours.id, author, approver, ()))
        session.execute(update(Sender).values(organisation_id=ours.id, pace=100.0))
        secret = hash_password(PASSWORD)
        create_member(session, ours, email=RESPONDER, name="Iryna", password_hash=secret, roles=(Role.RESPONDER,))


def send_campaign(instance: Instance, which: str) -> None:
    """Let a campaign go to everybody who agreed, and wait until it is done."""
    with _database(instance) as sessions:
        with sessions.begin() as session:
            ours, sender = session.scalars(select(Organisation)).one(), session.scalars(select(Sender)).one()
            run = a_planned_run(session, organisation=ours, sender=sender, frozen=frozen(CAMPAIGNS[which]))
        wait_until(lambda: _is_done(sessions, run.id))
    instance.sandbox.settle()


def _is_done(sessions: sessionmaker[Session], run_id: int) -> bool:
    with sessions() as session:
        return session.get_one(Run, run_id).state == RunState.DONE


@contextmanager
def _database(instance: Instance) -> Iterator[sessionmaker[Session]]:
    engine = make_engine(instance.settings.database_url)
    yield make_sessions(engine)
    engine.dispose()
