"""An independent recount in plain SQL of a generated instance equals every figure on the pages.

The SQL here was written from the words of the pages, knows nothing of the code that counts, and reads deliveries
row by row; the pages are read as a steward reads them: their HTML, number by number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import bindparam, insert, text

from campaigns.audience.models import Channel
from campaigns.core.database import UTCDateTime
from campaigns.delivery.models import RunText
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.models import PlaceCell
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.reach.crowds import recount_crowds
from campaigns.reach.recount import recount_due
from campaigns.staff.models import Role
from tests.factories import NOON, a_campaign, a_member, a_place, a_region, a_run, a_sender, add
from tests.web.pages import Pages

REGIONS = ("Lubelskie", "Podkarpackie", "Mazowieckie", "Opolskie", "Lwow", "Suceava", "Cahul")
LANGUAGES = {"Ukrainian": "uk", "Russian": "ru", "Arabic": "ar"}
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

#: The words of the pages as conditions on a delivery.
CAME_BACK = "send_state IN ('accepted', 'unknown', 'unconfirmed', 'sending') AND receipt_state IS NOT NULL"
DELIVERED = f"({CAME_BACK} AND receipt_state IN ('delivered', 'read'))"
ACCEPTED = f"(send_state = 'accepted' OR {CAME_BACK})"
READ = f"({CAME_BACK} AND receipt_state = 'read')"
REACHED = f"(CASE delivery.channel WHEN 'telegram' THEN {ACCEPTED} ELSE {DELIVERED} END)"
SAYS = {"planned": "1 = 1", "accepted": ACCEPTED, "delivered": DELIVERED, "read": READ, "reached": REACHED}


class Instance:
    """A generated and counted instance, and its figures both ways."""

    def __init__(self, pages: Pages, *, people: int) -> None:
        self.pages = pages
        with pages.sessions.begin() as session:
            self.campaign: Campaign = a_campaign(
                session,
                pages.ours,
                a_member(session, pages.ours),
                senders=[a_sender(session, channel=one) for one in Channel],
            )
            over = {"state": RunState.DONE, "created_at": NOON, "finished_at": NOON}
            self.runs: list[Run] = [
                a_run(session, self.campaign, occurrence=NOON.replace(tzinfo=None, day=day), **over)
                for day in (1, 2, 3)
            ]
            countries = ("PL", "PL", "PL", "PL", "UA", "RO", "MD")
            given = enumerate(zip(REGIONS, countries, strict=True))
            ids = [a_region(session, code=f"{of}-9{at}", country=of, name=name).id for at, (name, of) in given]
            codes = LANGUAGES.values()
            texts = [add(session, RunText(run_id=self.runs[0].id, language=code, body="x")).id for code in codes]
            self.place = a_place(session, pages.ours, name="Hrebenne")
            session.execute(
                insert(PlaceCell), [{"cell": cell, "place_id": self.place.id, "leg": 0} for cell in (4, 5)]
            )
            numbers = NUMBERS[session.get_bind().dialect.name]
            values = {"people": people, "noon": NOON, "organisation": pages.ours.id}
            values |= {"region": ids[0], "text": texts[0], "sender": self.campaign.sender_id}
            session.execute(timed(CONTACTS.format(numbers=numbers)), values)
            for run in self.runs:
                session.execute(timed(DELIVERIES.format(numbers=numbers)), values | {"run": run.id})
            self._let_some_answer(session, people)
        recount_due(pages.sessions)
        recount_crowds(pages.sessions)
        self.client: FlaskClient = pages.client(pages.member(Role.STEWARD, Role.AUTHOR))

    def _let_some_answer(self, session: Any, people: int) -> None:
        same = {"gateway": "twilio", "channel": Channel.SMS, "lookup": b"l" * 32, "sealed_text": b""}
        kinds = (ReplyKind.TEXT, ReplyKind.TEXT, ReplyKind.STOP)
        replies = [
            same | {"provider_id": f"SM{n}-{at}", "contact_id": n, "kind": kind, "received_at": NOON}
            for n in range(1, people + 1, 97)
            for at, kind in enumerate(kinds)
        ]
        session.execute(insert(Reply), replies)

    def counted(self, sql: str, **values: Any) -> list[Any]:
        """Ask the database in plain words."""
        with self.pages.sessions() as session:
            return list(session.execute(text(sql), {"campaign": self.campaign.id} | values))

    def page(self, address: str) -> str:
        """Return a page as a steward gets it."""
        answer = self.client.get(address)
        assert answer.status_code == 200
        return answer.text


CONTACTS = """{numbers} INSERT INTO contact (id, organisation_id, language, cell, created_at)
    SELECT n, :organisation, 'uk', n % 40, :noon FROM numbers"""
#: Deliveries of the campaign.
MINE = "delivery.run_id IN (SELECT id FROM run WHERE campaign_id = :campaign)"


def timed(sql: str) -> Any:
    return text(sql).bindparams(bindparam("noon", type_=UTCDateTime()))


def rows_of(page: str, section: str) -> dict[str, list[int]]:
    """Return the numbers of each row of the first table after a heading, by the row's name."""
    table = page.split(f'id="{section}"', 1)[1].split("</tbody>", 1)[0].split("<tbody>", 1)[1]
    found = {}
    for row in table.split("</tr>")[:-1]:
        name = clean(re.sub(r'<span class="quiet small block">.*?</span>', "", row.split("</th>")[0]))
        figures = re.findall(r'<td class="is-number"[^>]*>(.*?)</td>', row, re.S)
        found[name] = [number_in(re.sub(r"<ul.*?</ul>", "", figure, flags=re.S)) for figure in figures]
    return found


def clean(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def number_in(html: str) -> int:
    return int(clean(re.sub(r'<span class="quiet small">.*?</span>', "", html)).replace(",", ""))


def ladder_of(page: str) -> dict[str, int]:
    """Return the number of each rung of a page."""
    rungs = (re.match(r'"(\w+)".*?ladder-number">([\d,]+)', each, re.S) for each in page.split("data-rung=")[1:])
    return {found[1]: int(found[2].replace(",", "")) for found in rungs if found}


@pytest.fixture
def instance(pages: Pages) -> Instance:
    return Instance(pages, people=1200)


@pytest.fixture
def large(pages: Pages) -> Instance:
    """Each of three runs wrote to three quarters of the people: a million deliveries."""
    return Instance(pages, people=444_450)


def check_ladder(instance: Instance) -> None:
    """People of the campaign, each once, at every step."""
    sums = ", ".join(f"COUNT(DISTINCT CASE WHEN {says} THEN contact_id END)" for says in SAYS.values())
    [row] = instance.counted(f"SELECT {sums} FROM delivery WHERE {MINE}")  # noqa: S608 - constants
    wanted = dict(zip(SAYS, row, strict=True))
    shown = ladder_of(instance.page(f"/reach/campaigns/{instance.campaign.id}"))
    assert {step: shown[step] for step in ("accepted", "delivered", "read")} == {
        step: wanted[step] for step in ("accepted", "delivered", "read")
    }
    compared = instance.page("/reach/compare")
    [line] = rows_of(compared, "content").values()
    assert line[:2] == [wanted["planned"], wanted["reached"]]
    [month] = rows_of(instance.page("/reach"), "months-title").values()
    assert month == [wanted["planned"], wanted["reached"]]


def check_engaged(instance: Instance) -> None:
    """People who wrote back to a message that was taken."""
    sql = f"""SELECT COUNT(DISTINCT reply.contact_id) FROM reply
        JOIN delivery ON delivery.contact_id = reply.contact_id
        WHERE {MINE} AND reply.kind = 'text' AND {ACCEPTED}"""  # noqa: S608 - constants
    [[wanted]] = instance.counted(sql)
    assert ladder_of(instance.page(f"/reach/campaigns/{instance.campaign.id}"))["engaged"] == wanted


def check_regions(instance: Instance) -> None:
    """Each person once, where the first delivery that reached them found them, else the first delivery."""
    sql = f"""SELECT COALESCE(region.name, 'Unknown region'), COUNT(*), SUM(accepted), SUM(reached) FROM
        (SELECT contact_id, MAX(CASE WHEN {ACCEPTED} THEN 1 ELSE 0 END) AS accepted,
            MAX(CASE WHEN {REACHED} THEN 1 ELSE 0 END) AS reached,
            COALESCE(MIN(CASE WHEN {REACHED} THEN delivery.id END), MIN(delivery.id)) AS first
         FROM delivery WHERE {MINE} GROUP BY contact_id) AS person
        JOIN delivery ON delivery.id = person.first LEFT JOIN region ON region.id = delivery.region_id
        GROUP BY 1"""  # noqa: S608 - constants
    wanted = {name: [int(figure) for figure in figures] for name, *figures in instance.counted(sql)}
    shown = rows_of(instance.page(f"/reach/campaigns/{instance.campaign.id}"), "regions-title")
    assert {name: figures[:3] for name, figures in shown.items()} == wanted


def check_parts(instance: Instance) -> None:
    """Once within a channel, a language and a place."""
    page = instance.page(f"/reach/campaigns/{instance.campaign.id}")
    both = f"COUNT(DISTINCT contact_id), COUNT(DISTINCT CASE WHEN {REACHED} THEN contact_id END)"
    channels = instance.counted(f"SELECT channel, {both} FROM delivery WHERE {MINE} GROUP BY channel")  # noqa: S608 - constants
    names = {"sms": "SMS", "whatsapp": "WhatsApp", "telegram": "Telegram"}
    assert rows_of(page, "channels-title") == {names[key]: figures for key, *figures in channels}
    texts = f"""SELECT language, {both} FROM delivery JOIN run_text ON run_text.id = text_id
        WHERE {MINE} GROUP BY language"""  # noqa: S608 - constants
    named = {code: name for name, code in LANGUAGES.items()}
    assert rows_of(page, "languages-title") == {named[key]: figures for key, *figures in instance.counted(texts)}
    here = f"SELECT {both} FROM delivery JOIN contact ON contact.id = contact_id WHERE {MINE} AND cell IN (4, 5)"  # noqa: S608 - constants
    assert rows_of(page, "hotspots-title") == {"Hrebenne": list(instance.counted(here)[0])}


def check_run(instance: Instance) -> None:
    """One run: its ladder, its regions and why messages failed."""
    run_id = instance.runs[1].id
    sums = ", ".join(f"SUM(CASE WHEN {says} THEN 1 ELSE 0 END)" for says in SAYS.values())
    of_run = "FROM delivery WHERE run_id = :run"
    [row] = instance.counted(f"SELECT {sums} {of_run}", run=run_id)
    wanted = {step: int(figure) for step, figure in zip(SAYS, row, strict=True)}
    page = instance.page(f"/reach/runs/{run_id}")
    shown = ladder_of(page)
    assert shown == {step: wanted[step] for step in shown}
    trend = rows_of(instance.page(f"/reach/campaigns/{instance.campaign.id}"), "trend-title")
    assert [wanted["planned"], wanted["reached"]] in trend.values()
    regions = instance.counted(
        "SELECT COALESCE(region.name, 'Unknown region'), COUNT(*) FROM delivery LEFT JOIN region "
        "ON region.id = region_id WHERE run_id = :run GROUP BY 1",
        run=run_id,
    )
    assert {name: line[0] for name, line in rows_of(page, "regions-title").items()} == dict(map(tuple, regions))
    failed = f"SELECT COUNT(*) {of_run} AND (error IS NOT NULL OR ({CAME_BACK} AND receipt_error IS NOT NULL))"
    [[count]] = instance.counted(failed, run=run_id)
    assert sum(line[0] for line in rows_of(page, "causes-title").values()) == count


CHECKS = (check_ladder, check_engaged, check_regions, check_parts, check_run)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_recount_equals_the_pages(instance: Instance, check: Callable[[Instance], None]) -> None:
    check(instance)


@pytest.mark.slow(issue=6)
def test_recount_of_a_million_equals_the_pages(large: Instance) -> None:
    [[deliveries]] = large.counted("SELECT COUNT(*) FROM delivery")
    assert deliveries >= 1_000_000
    for check in CHECKS:
        check(large)
