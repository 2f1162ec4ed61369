"""Templates and the provider's book in step: made once, adopted after a crash, never sent on a wrong word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import RefusedError, UnavailableError
from campaigns.delivery.engine.queue.store import everybody_may
from campaigns.gateways.template_book import TemplateStanding
from campaigns.planning.models import TemplateCategory, TemplateState, WhatsAppTemplate
from campaigns.planning.whatsapp.requests import ask_for_template
from campaigns.planning.whatsapp.sync import LEASE, SETTLED_FOR, sync_templates
from tests.factories import NOON, a_member, a_message, a_sender, an_organisation, credentials

pytestmark = pytest.mark.one_database


class CrashError(Exception):
    """The worker dies here."""


@dataclass
class Book:
    """A book in memory; `dies` names the call after which the worker dies, `fails` is what a call raises."""

    held: dict[str, TemplateStanding] = field(default_factory=dict)
    bodies: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    dies: str = ""
    fails: Exception | None = None

    async def create(self, name: str, *, language: str, body: str, samples: Mapping[str, str]) -> str:
        if self.fails:
            raise self.fails
        assert set(samples) == {"1"}
        sid = f"HX{len(self.held) + 1:032}"
        self.held[sid] = TemplateStanding(sid, name, language, "unsubmitted")
        self.bodies.append(body)
        if self.dies == "create":
            raise CrashError
        return sid

    async def submit(self, template_id: str, *, name: str, category: str) -> str:
        self.rule(template_id, "received")
        self.categories.append(category)
        if self.dies == "submit":
            raise CrashError
        return "received"

    async def states(self) -> AsyncIterator[list[TemplateStanding]]:
        for standing in reversed(self.held.values()):
            yield [standing]

    async def close(self) -> None:
        """Nothing is open."""

    def rule(self, template_id: str, state: str, reason: str = "") -> None:
        self.held[template_id] = replace(self.held[template_id], state=state, reason=reason)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture(autouse=True)
def noon() -> Iterator[list[timedelta]]:
    """A clock that stands at noon plus what a test adds to the list."""
    passed: list[timedelta] = []
    with clock.running_on(lambda: NOON + sum(passed, timedelta())):
        yield passed


@pytest.fixture
def asked(sessions: sessionmaker[Session]) -> int:
    """A template that a member asked for."""
    with sessions.begin() as session:
        organisation = an_organisation(session)
        member = a_member(session, organisation)
        message = a_message(session, organisation, {"en": "Keep it. Call ((hotline)) now."})
        return ask_for_template(
            session,
            message,
            language="en",
            sender=a_sender(session, channel=Channel.WHATSAPP),
            category=TemplateCategory.UTILITY,
            by=member.id,
            credentials=credentials(session),
        ).id


def a_round(sessions: sessionmaker[Session], book: Book) -> None:
    asyncio.run(sync_templates(sessions, open_templates=lambda gateway, secret: book, may_use=everybody_may))


def row(sessions: sessionmaker[Session], template_id: int) -> WhatsAppTemplate:
    with sessions() as session:
        return session.get_one(WhatsAppTemplate, template_id)


def test_wish_is_made_submitted_and_approved(sessions: sessionmaker[Session], book: Book, asked: int) -> None:
    a_round(sessions, book)
    made = row(sessions, asked)
    assert (made.state, book.bodies, book.categories) == (
        TemplateState.RECEIVED,
        ["Keep it. Call {{1}} now."],
        ["UTILITY"],
    )
    assert made.content_sid in book.held
    for word in ("pending", "approved"):
        book.rule(str(made.content_sid), word)
        a_round(sessions, book)
        assert row(sessions, asked).state == word


def test_rejection_keeps_the_providers_words(sessions: sessionmaker[Session], book: Book, asked: int) -> None:
    a_round(sessions, book)
    book.rule(next(iter(book.held)), "rejected", "Too promotional.")
    a_round(sessions, book)
    assert (row(sessions, asked).state, row(sessions, asked).reason) == ("rejected", "Too promotional.")


@pytest.mark.parametrize("dies", ["create", "submit"])
def test_crash_makes_nothing_twice(
    sessions: sessionmaker[Session], book: Book, asked: int, noon: list[timedelta], dies: str
) -> None:
    """The next round waits until the dead worker's call is surely over, then takes over what it finds."""
    book.dies = dies
    with pytest.raises(CrashError):
        a_round(sessions, book)
    book.dies = ""
    a_round(sessions, book)
    noon.append(LEASE + timedelta(seconds=1))
    a_round(sessions, book)
    assert len(book.held) == 1
    assert len(book.categories) == 1
    assert (row(sessions, asked).state, row(sessions, asked).content_sid) == ("received", next(iter(book.held)))


@pytest.mark.both_databases
def test_two_workers_make_one(sessions: sessionmaker[Session], book: Book, asked: int) -> None:
    async def both() -> None:
        await asyncio.gather(
            *(sync_templates(sessions, open_templates=lambda *_: book, may_use=everybody_may) for _ in range(2))
        )

    asyncio.run(both())
    assert len(book.held) == 1


def test_refused_text_is_rejected_with_words(sessions: sessionmaker[Session], book: Book, asked: int) -> None:
    book.fails = RefusedError("Twilio refused the template: bad language")
    a_round(sessions, book)
    assert row(sessions, asked).state == TemplateState.REJECTED
    assert "bad language" in row(sessions, asked).reason


def test_silent_provider_is_asked_again(
    sessions: sessionmaker[Session], book: Book, asked: int, noon: list[timedelta]
) -> None:
    book.fails = UnavailableError("It does not answer.")
    a_round(sessions, book)
    assert row(sessions, asked).state == TemplateState.WANTED
    book.fails = None
    noon.append(LEASE + timedelta(seconds=1))
    a_round(sessions, book)
    assert row(sessions, asked).state == TemplateState.RECEIVED


def test_approved_one_is_looked_at_again(
    sessions: sessionmaker[Session], book: Book, asked: int, noon: list[timedelta]
) -> None:
    a_round(sessions, book)
    sid = next(iter(book.held))
    book.rule(sid, "approved")
    a_round(sessions, book)
    for word, told in (("paused", "paused"), ("a new word", "paused"), ("approved", "approved")):
        book.rule(sid, word)
        noon.append(SETTLED_FOR + timedelta(seconds=1))
        a_round(sessions, book)
        assert row(sessions, asked).state == told
    del book.held[sid]
    noon.append(SETTLED_FOR + timedelta(seconds=1))
    a_round(sessions, book)
    assert row(sessions, asked).state == TemplateState.DISABLED


def test_gateway_without_a_book_is_passed_over(sessions: sessionmaker[Session], asked: int) -> None:
    assert asyncio.run(sync_templates(sessions, open_templates=lambda *_: None, may_use=everybody_may)) == 0
    assert row(sessions, asked).state == TemplateState.WANTED


def test_texts_of_others_are_not_handed_in(sessions: sessionmaker[Session], book: Book, asked: int) -> None:
    """The credential was taken away since its organisation asked."""

    def nobody_may(secret_name: str, organisation_id: int) -> bool:
        return False

    done = sync_templates(sessions, open_templates=lambda gateway, secret: book, may_use=nobody_may)
    assert asyncio.run(done) == 0
    assert (book.held, row(sessions, asked).state) == ({}, TemplateState.WANTED)
