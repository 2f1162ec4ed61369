"""An independent recount in plain SQL of a generated instance equals every figure on the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, text

from campaigns.audience.models import Channel
from campaigns.core.database import UTCDateTime
from campaigns.delivery.models import RunText
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.models import PlaceCell
from campaigns.planning.models import RunState
from campaigns.reach.counting.run_counts import recount_due
from campaigns.reach.counting.unique_counts import recount_crowds
from campaigns.staff.models import Role
from tests.factories import NOON, a_campaign, a_member, a_place, a_region, a_run, a_sender, add
from tests.reach.recounting import CHECKS, Books
from tests.web.pages import Pages

REGIONS = ("Lubelskie", "Podkarpackie", "Mazowieckie", "Opolskie", "Lwow", "Suceava", "Cahul")
LANGUAGES = ("uk", "ru", "ar")
NUMBERS = {
    "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :people)",
    "postgresql": "WITH numbers(n) AS (SELECT generate_series(1, :people))",
}
#: Every pair of states that the engine and receipts leave behind, mixed by primes so that none goes with another.
DELIVERIES = """{numbers} INSERT INTO delivery (run_id, contact_id, address_id, channel, sender_id, text_id,
    region_id, send_state, receipt_state, receipt_error, error, reference, attempts, due_at, expires_at, intent_at)
    SELECT :run, n, n, CASE n % 3 WHEN 0 THEN 'sms' WHEN 1 THEN 'whatsapp' ELSE 'telegram' END, :sender,
    :text + (n + :run) % 3, CASE WHEN n % 29 = 0 THEN 0 ELSE :region + (n + :run * 3) % 7 END,
    CASE (n * 7 + :run) % 23 WHEN 0 THEN 'queued' WHEN 1 THEN 'unknown' WHEN 2 THEN 'failed'
      WHEN 3 THEN 'suppressed' WHEN 4 THEN 'cancelled' WHEN 5 THEN 'expired' WHEN 6 THEN 'unconfirmed'
      ELSE 'accepted' END,
    CASE WHEN (n * 7 + :run) % 23 < 6 OR n % 3 = 2 THEN NULL
      ELSE CASE (n * 5 + :run) % 11 WHEN 0 THEN 'undelivered' WHEN 1 THEN 'failed' WHEN 2 THEN 'sent'
        WHEN 3 THEN NULL WHEN 4 THEN 'read' WHEN 5 THEN 'queued' ELSE 'delivered' END END,
    CASE WHEN (n * 5 + :run) % 11 < 2 THEN '30003' END, CASE WHEN (n * 7 + :run) % 23 = 2 THEN '21614' END,
    CAST(:run AS VARCHAR(20)) || '-' || CAST(n AS VARCHAR(20)), 1, :noon, :noon, :noon
    FROM numbers WHERE (n + :run) % 4 <> 0"""


class Instance:
    """A generated and counted instance."""

    def __init__(self, pages: Pages, *, people: int) -> None:
        with pages.sessions.begin() as session:
            campaign = a_campaign(
                session,
                pages.ours,
                a_member(session, pages.ours),
                senders=[a_sender(session, channel=one) for one in Channel],
            )
            over = {"state": RunState.DONE, "planned": people * 3 // 4, "created_at": NOON, "finished_at": NOON}
            runs = [
                a_run(session, campaign, occurrence=NOON.replace(tzinfo=None, day=day), **over)
                for day in (1, 2, 3)
            ]
            countries = ("PL", "PL", "PL", "PL", "UA", "RO", "MD")
            given = enumerate(zip(REGIONS, countries, strict=True))
            ids = [a_region(session, code=f"{of}-9{at}", country=of, name=name).id for at, (name, of) in given]
            texts = [add(session, RunText(run_id=runs[0].id, language=code, body="x")).id for code in LANGUAGES]
            place = a_place(session, pages.ours, name="Hrebenne")
            session.execute(insert(PlaceCell), [{"cell": cell, "place_id": place.id, "leg": 0} for cell in (4, 5)])
            numbers = NUMBERS[session.get_bind().dialect.name]
            values = {"people": people, "noon": NOON, "organisation": pages.ours.id}
            values |= {"region": ids[0], "text": texts[0], "sender": campaign.sender_id}
            session.execute(timed(CONTACTS.format(numbers=numbers)), values)
            for run in runs:
                session.execute(timed(DELIVERIES.format(numbers=numbers)), values | {"run": run.id})
            self._let_some_answer(session, people)
        recount_due(pages.sessions)
        recount_crowds(pages.sessions)
        client = pages.client(pages.member(Role.STEWARD, Role.AUTHOR))
        self.books = Books(pages.sessions, client, campaign.id)

    def _let_some_answer(self, session: Any, people: int) -> None:
        same = {"gateway": "twilio", "channel": Channel.SMS, "lookup": b"l" * 32, "sealed_text": b""}
        kinds = (ReplyKind.TEXT, ReplyKind.TEXT, ReplyKind.STOP)
        replies = [
            same | {"provider_id": f"SM{n}-{at}", "contact_id": n, "kind": kind, "received_at": NOON}
            for n in range(1, people + 1, 97)
            for at, kind in enumerate(kinds)
        ]
        session.execute(insert(Reply), replies)


CONTACTS = """{numbers} INSERT INTO contact (id, organisation_id, language, cell, created_at)
    SELECT n, :organisation, 'uk', n % 40, :noon FROM numbers"""


def timed(sql: str) -> Any:
    return text(sql).bindparams(bindparam("noon", type_=UTCDateTime()))


@pytest.fixture
def instance(pages: Pages) -> Instance:
    return Instance(pages, people=1200)


@pytest.fixture
def large(pages: Pages) -> Instance:
    """Each of three runs wrote to three quarters of the people: a million deliveries."""
    return Instance(pages, people=444_450)


@pytest.mark.one_database
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_recount_equals_the_pages(instance: Instance, check: Callable[[Books], None]) -> None:
    check(instance.books)


@pytest.mark.both_databases
@pytest.mark.slow
def test_recount_of_a_million_equals_the_pages(large: Instance) -> None:
    [[deliveries]] = large.books.counted("SELECT COUNT(*) FROM delivery")
    assert deliveries >= 1_000_000
    for check in CHECKS:
        check(large.books)
