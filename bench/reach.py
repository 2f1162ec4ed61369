"""What pages and files of reach cost at 100 thousand and at 10 million deliveries, which should be the same.

Deliveries are made by SQL, counted by the code that a worker runs, and pages are asked for as a steward asks: in
turns, so that both sizes see the same machine. `ratio` compares medians of all rounds, the larger size to the
smaller; the limit is LIMIT. Seconds of making and counting are told beside it and are part of no ratio.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import click
from flask.testing import FlaskClient
from sqlalchemy import Engine, bindparam, insert, text

from bench.harness import DATABASES, fresh_database, note, report
from bench.people import CELLS_PER_PLACE, FIRST_CELL, NUMBERS, PLACES
from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.delivery.models import RunText
from campaigns.places.models import PlaceCell
from campaigns.planning.models import Campaign, RunState
from campaigns.reach.counting.service import count_crowd, recount_run, replace_crowd
from campaigns.reach.counting.unique_people import Crowd, Part
from campaigns.reach.models import Scope
from campaigns.staff.models import Role
from tests.factories import a_campaign, a_member, a_place, a_region, a_run, add
from tests.web.pages import Pages, make_pages

SMALL, LARGE = 100_000, 10_000_000
#: Every campaign of the bench wrote to the same people so often.
RUNS = 10
REGIONS, LANGUAGES = 60, ("uk", "ru", "pl", "ar")
ROUNDS = 21
LIMIT = 1.5

PAGES = (
    "/reach",
    "/reach/compare",
    "/reach/campaigns/{campaign}",
    "/reach/campaigns/{campaign}/provenance",
    "/reach/campaigns/{campaign}/report",
    "/reach/runs/{run}",
)
FILES = ("/reach/runs/{run}/regions.csv", "/reach/campaigns/{campaign}/targeting.csv")

#: Every state that a delivery ends in, by its number.
STATES = """CASE WHEN n % 100 < 3 THEN 'failed' WHEN n % 100 < 5 THEN 'suppressed' WHEN n % 100 < 6 THEN 'expired'
    ELSE 'accepted' END"""
RECEIPTS = """CASE WHEN n % 100 < 6 THEN NULL WHEN n % 10 = 7 THEN 'undelivered' WHEN n % 3 = 1 THEN 'read'
    ELSE 'delivered' END"""


@dataclass(frozen=True, slots=True)
class Instance:
    """A counted instance with a steward in front of it."""

    client: FlaskClient
    campaign_id: int
    run_id: int
    seconds: dict[str, float]

    def ask(self, address: str) -> float:
        """Return how long a page or file takes, in seconds."""
        begun = time.perf_counter()
        answer = self.client.get(address.format(campaign=self.campaign_id, run=self.run_id))
        taken = time.perf_counter() - begun
        assert answer.status_code == 200, answer.status
        return taken


def measure(kind: str, small: int, large: int) -> dict[str, Any]:
    """Return the times of both sizes on one database and their ratios."""
    with ExitStack() as stack:
        sizes = {size: stack.enter_context(an_instance(kind, size)) for size in (small, large)}
        times: dict[tuple[int, str], list[float]] = {(size, each): [] for size in sizes for each in PAGES + FILES}
        for _ in range(ROUNDS):
            for (size, address), taken in times.items():
                taken.append(sizes[size].ask(address))
    medians = {key: statistics.median(taken) for key, taken in times.items()}
    ratios = {address: round(medians[large, address] / medians[small, address], 2) for address in PAGES + FILES}
    return {
        "deliveries": [small, large],
        "pages_ratio": _ratio(medians, PAGES, small, large),
        "files_ratio": _ratio(medians, FILES, small, large),
        "highest_ratio": max(ratios.values()),
        "is_within_limit": max(ratios.values()) <= LIMIT,
        "ratios": ratios,
        "milliseconds": {
            str(size): {address: round(1000 * medians[size, address], 1) for address in PAGES + FILES}
            for size in sizes
        },
        "counting": {str(size): instance.seconds for size, instance in sizes.items()},
    }


def _ratio(medians: dict[Any, float], addresses: tuple[str, ...], small: int, large: int) -> float:
    both = [sum(medians[size, address] for address in addresses) for size in (large, small)]
    return round(both[0] / both[1], 2)


@contextmanager
def an_instance(kind: str, deliveries: int) -> Iterator[Instance]:
    """Make an instance with `deliveries` deliveries, count it, and sign a steward in."""
    with fresh_database(kind) as engine, make_pages(engine) as pages:
        seconds = {}
        begun = time.perf_counter()
        campaign, run_ids = seed(pages, engine, people=deliveries // RUNS)
        seconds["made"] = round(time.perf_counter() - begun, 1)
        note(f"{kind} {deliveries:,}: made in {seconds['made']} s")
        for name, taken in count(pages, campaign, run_ids):
            seconds[name] = taken
            note(f"{kind} {deliveries:,}: {name} {taken} s")
        client = pages.client(pages.member(Role.STEWARD, Role.AUTHOR))
        yield Instance(client, campaign.id, run_ids[0], seconds)


def seed(pages: Pages, engine: Engine, *, people: int) -> tuple[Campaign, list[int]]:
    """Add a campaign with its runs, places and people, and a delivery for each person and run."""
    numbers, moment = NUMBERS[engine.dialect.name], clock.now()
    with pages.sessions.begin() as session:
        campaign = a_campaign(session, pages.ours, a_member(session, pages.ours), name="Bench")
        runs = [
            a_run(session, campaign, state=RunState.DONE, planned=people, finished_at=moment) for _ in range(RUNS)
        ]
        regions = [a_region(session, code=f"PL-{number:02}", name=f"R{number}").id for number in range(REGIONS)]
        for number in range(PLACES):
            place = a_place(session, pages.ours, name=f"Place {number}")
            first = FIRST_CELL + number * CELLS_PER_PLACE
            cells = range(first, first + CELLS_PER_PLACE)
            session.execute(insert(PlaceCell), [{"cell": cell, "place_id": place.id, "leg": 0} for cell in cells])
        texts = [
            add(session, RunText(run_id=runs[0].id, language=language, body="x")).id for language in LANGUAGES
        ]
    values = {"count": people, "organisation": pages.ours.id, "now": moment}
    with engine.begin() as connection:
        connection.execute(_typed(_contacts(numbers)), values)
    for run in runs:
        with engine.begin() as connection:
            row = {"run": run.id, "sender": run.sender_id, "region": regions[0], "text": texts[0]}
            connection.execute(_typed(_deliveries(numbers)), values | row)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    return campaign, [run.id for run in runs]


def count(pages: Pages, campaign: Campaign, run_ids: list[int]) -> Iterator[tuple[str, float]]:
    """Count the runs and the campaign as a worker does; yield what each took in seconds."""
    begun = time.perf_counter()
    for run_id in run_ids:
        with pages.sessions.begin() as session:
            recount_run(session, run_id)
    yield "runs", round(time.perf_counter() - begun, 1)
    begun, now = time.perf_counter(), clock.now()
    with pages.sessions() as session:
        rows = count_crowd(session, Crowd(Scope.CAMPAIGN, campaign.id))
    yield "campaign", round(time.perf_counter() - begun, 1)
    # It was the only campaign of the month, so the month's people are the same.
    month = Crowd(Scope.MONTH, campaign.organisation_id, f"{now:%Y-%m}")
    names = {"scope": month.scope, "scope_id": month.scope_id, "period": month.period}
    with pages.sessions.begin() as session:
        replace_crowd(session, Crowd(Scope.CAMPAIGN, campaign.id), rows, counted_at=now)
        rows = [row | names for row in rows if row["part"] != Part.PLACE]
        replace_crowd(session, month, rows, counted_at=now)


def _typed(sql: str) -> Any:
    return text(sql).bindparams(bindparam("now", type_=UTCDateTime()))


def _contacts(numbers: str) -> str:
    return f"""{numbers} INSERT INTO contact (id, organisation_id, language, cell, created_at)
        SELECT n, :organisation, 'uk', {FIRST_CELL} + n % {PLACES * CELLS_PER_PLACE}, :now FROM numbers"""


def _deliveries(numbers: str) -> str:
    channels = " ".join(f"WHEN {number} THEN '{channel}'" for number, channel in enumerate(Channel))
    return f"""{numbers} INSERT INTO delivery (run_id, contact_id, address_id, channel, sender_id, text_id,
            region_id, send_state, receipt_state, reference, attempts, due_at, expires_at, intent_at)
        SELECT :run, n, n, CASE n % 3 {channels} END, :sender, :text + n % {len(LANGUAGES)},
            :region + n % {REGIONS}, {STATES}, {RECEIPTS},
            CAST(:run AS VARCHAR(20)) || '-' || CAST(n AS VARCHAR(20)), 1, :now, :now, :now
        FROM numbers"""


@click.command()
@click.option("--database", type=click.Choice(DATABASES), multiple=True, default=("sqlite",), show_default=True)
@click.option("--small", default=SMALL, show_default=True)
@click.option("--large", default=LARGE, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(database: tuple[str, ...], small: int, large: int, as_json: bool) -> None:
    """Measure pages and files of reach at two sizes."""
    report(lambda kind: measure(kind, small, large), databases=database, as_json=as_json)


if __name__ == "__main__":
    main()
