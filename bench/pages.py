"""How long a member waits for each page of staff, in an instance as large as `bench.large_instance` makes it.

Each page is opened once so that the process knows it, once straight after the rule of its audience was changed
(`first_ms`), and, when a worker has counted what the pages asked for (`counting_s`, all questions together),
`--times` again: `p50_ms` and `p95_ms` are what it takes on the server, with the database but without a network;
`queries` and `kb`, as it goes over the wire, are of the last answer. With `--beside-run` they are opened once more
while a worker sends a run on the same database (`beside_p95_ms`). `is_within` says of a page whether all that
keeps its limits; `outside` names the pages that do not. What answers with a file or leads elsewhere is told under
`not_measured`. With `--at-once` pages count themselves, as they did before counts were kept.
"""

from __future__ import annotations

import gzip
import math
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import click
from flask.testing import FlaskClient
from sqlalchemy import delete, event

from bench.bare_provider import BareProvider
from bench.flight import Flight, flight_on
from bench.harness import fresh_database, measures_each, note
from bench.large_instance import Seeded, Size, seed_instance
from campaigns.audience.figures import init_counts
from campaigns.audience.kept.renewing import Renewal
from campaigns.audience.models import Audience, KeptCount
from campaigns.core.processes.loading import SERVING, collect_rarely
from campaigns.delivery.monitoring.tally_renewal import TallyRenewal
from campaigns.staff.models import Organisation, Role
from campaigns.upkeep import COUNTS
from campaigns.web.current import vault
from campaigns.web.session import database
from tests.architecture.every_route import address_of, make_own, openings
from tests.web.pages import KEYS, Pages, make_pages

#: The most that each figure of a page may be, and the kilobytes of what is drawn on a map.
LIMITS = {"first_ms": 500, "p50_ms": 100, "p95_ms": 300, "kb": 60, "beside_p95_ms": 500}
MAP_KB = 350
#: What answers only to some question: opened with one as well.
ASKED = {
    "audience.contacts.index": ("language=pl", "state=invalid"),
    "audience.preview": ("languages=uk",),
    "planning.coverage.show": ("audience={audience_id}",),
    "planning.index": ("archived=1",),
    "planning.show": ("tab=people", "tab=texts", "tab=cost"),
    "places.index": ("find=crossing",),
    "places.show": ("people=1",),
    "messages.index": ("find=documents",),
    "releases.preview": ("view=regions&scope=campaign&campaign_id={ended_id}",),
}
#: People of a run that is sent beside pages; when all have it, another begins.
OF_A_RUN = 200_000


@dataclass(frozen=True, slots=True)
class Opened:
    """What a page answered, and what that took."""

    status: int
    #: Content type, or "file" for what is to be saved.
    kind: str
    milliseconds: float
    queries: int
    kilobytes: float
    #: It shows a map, or is what one is drawn of.
    has_map: bool

    @property
    def is_page(self) -> bool:
        """Whether a member reads it, or their page loads it."""
        return self.status == 200 and self.kind != "file"


@dataclass
class Reader:
    """A member with every role, who opens the pages of an instance."""

    pages: Pages
    seeded: Seeded
    client: FlaskClient
    #: Where each page is, by its path.
    addresses: dict[str, str]
    #: What was asked of the database since the last page.
    statements: list[str]
    _days: Iterator[int] = field(default_factory=lambda: count(31))

    def open(self, path: str) -> Opened:
        """Open a page."""
        self.statements.clear()
        began = time.perf_counter()
        answer = self.client.get(self.addresses[path], headers={"Accept-Encoding": "gzip"})
        took, packed, queries = 1000 * (time.perf_counter() - began), answer.data, len(self.statements)
        kind = "file" if "Content-Disposition" in answer.headers else str(answer.mimetype)
        whole = gzip.decompress(packed) if "Content-Encoding" in answer.headers else packed
        has_map = kind != "text/html" or b'class="map"' in whole
        return Opened(answer.status_code, kind, took, queries, len(packed) / 1024, has_map)

    def change_rule(self) -> None:
        """Give the audience of the large campaign a rule that nothing was counted for."""
        with self.pages.sessions.begin() as session:
            audience = session.get_one(Audience, self.seeded.large["audience_id"])
            audience.rule = {"languages": ["uk", "ru"], "max_position_age_days": next(self._days)}

    def count_what_is_asked(self) -> tuple[int, float]:
        """Count runs, and what pages ask for by the last rule and then; return how many counts, and seconds."""
        with self.pages.sessions.begin() as session:
            session.execute(delete(KeptCount).where(KeptCount.counted_at.is_(None)))
        renewal, counted, seconds = Renewal(self.pages.sessions, COUNTS, lambda _: True), 0, 0.0
        tallies = TallyRenewal(self.pages.sessions, lambda: False)
        for _ in range(3):
            for path in self.addresses:
                self.open(path)
            began = time.perf_counter()
            counted += renewal.renew() + tallies.renew()
            seconds += time.perf_counter() - began
        return counted, seconds


def sign_in(pages: Pages, seeded: Seeded, *, only: str) -> Reader:
    """Add one of everything that an address can name, and a member who opens all whose path has `only` in it."""
    with pages.sessions() as session:
        pages.ours = session.get_one(Organisation, seeded.organisation_id)
    # Whoever is there when a complaint arrives may read it.
    member = pages.member(*Role)
    with pages.app.app_context():
        named = make_own(pages, vault()) | seeded.large
        pool = database.engine
    addresses = {}
    for rule in openings(pages.app):
        for asked in ("", *ASKED.get(rule.endpoint, ())):
            path = rule.rule + (f"?{asked}" if asked else "")
            if only in path:
                question = "?" + asked.format(**named) if asked else ""
                addresses[path] = address_of(pages.app, rule, named) + question
    statements: list[str] = []
    event.listen(pool, "before_cursor_execute", lambda *given: statements.append(given[2]))
    return Reader(pages, seeded, pages.client(member), addresses, statements)


def measure(kind: str, size: Size, *, times: int, only: str, at_once: bool, beside_run: bool) -> dict[str, Any]:
    """Return the figures of one database."""
    with fresh_database(kind) as engine:
        began = time.perf_counter()
        seeded = seed_instance(engine, size)
        note(f"{kind}: {size} made in {time.perf_counter() - began:.0f} s")
        with make_pages(engine, owners_twilio="bench") as pages:
            init_counts(pages.app, at_once=COUNTS if at_once else None)
            reader = sign_in(pages, seeded, only=only)
            # As a process that serves does before its first request (`campaigns/attending.py`).
            collect_rarely(SERVING)
            found = read_pages(kind, reader, times)
            if beside_run:
                with flight_on(engine, provider=BareProvider, keys=KEYS) as flown:
                    read_beside_run(reader, flown, found["pages"], times)
    return {"people": size.people, "load": round(os.getloadavg()[0], 1), **judged(found)}


def read_pages(kind: str, reader: Reader, times: int) -> dict[str, Any]:
    """Return the figures of all pages of an instance in which nothing else goes on."""
    known = {path: reader.open(path) for path in reader.addresses}
    for path, opened in known.items():
        if not opened.is_page:
            del reader.addresses[path]
    first = {}
    for path in reader.addresses:
        reader.change_rule()
        first[path] = reader.open(path).milliseconds
    counted, counting = reader.count_what_is_asked()
    pages = {}
    for path in reader.addresses:
        pages[path] = {"first_ms": round(first[path], 1)} | figures_of([reader.open(path) for _ in range(times)])
        note(f"{kind} {path}: {pages[path]}")
    others = {path: f"{each.status} {each.kind}" for path, each in known.items() if not each.is_page}
    return {"counts": counted, "counting_s": round(counting, 2), "pages": pages, "not_measured": others}


def read_beside_run(reader: Reader, flown: Flight, pages: dict[str, dict[str, Any]], times: int) -> None:
    """Open the pages once more while the worker of a flight sends, and add what they take to their figures."""
    sent_before, wanted = flown.accepted(), 0
    for path, figures in pages.items():
        looks = []
        for _ in range(times):
            # Another run begins before the worker is at the end of this one.
            if wanted - (flown.accepted() - sent_before) < OF_A_RUN // 10:
                flown.start(flown.add_run(flown.sending, people=OF_A_RUN))
                wanted += OF_A_RUN
                flown.fly(100)
            looks.append(reader.open(path).milliseconds)
        figures["beside_p95_ms"] = round(ninety_fifth(looks), 1)
    note(f"{flown.accepted() - sent_before:,} messages were sent meanwhile")


def figures_of(looks: list[Opened]) -> dict[str, Any]:
    """Return the figures of one page that was opened some times."""
    took = [look.milliseconds for look in looks]
    return {
        "p50_ms": round(statistics.median(took), 1),
        "p95_ms": round(ninety_fifth(took), 1),
        "queries": looks[-1].queries,
        "kb": round(looks[-1].kilobytes, 1),
        "has_map": looks[-1].has_map,
    }


def ninety_fifth(took: list[float]) -> float:
    """Return what one look in twenty at most takes longer than; of fewer than twenty the longest."""
    return sorted(took)[math.ceil(0.95 * len(took)) - 1]


def judged(found: dict[str, Any]) -> dict[str, Any]:
    """Say of each page whether it keeps its limits, and name those that do not with what is too much."""
    outside = {}
    for path, figures in found["pages"].items():
        limits = LIMITS | ({"kb": MAP_KB} if figures["has_map"] else {})
        over = {name: figures[name] for name, most in limits.items() if figures.get(name, 0) > most}
        figures["is_within"] = not over
        if over:
            outside[path] = over
    return found | {"outside": outside, "is_within_limits": not outside}


@click.command()
@click.option("--people", default=1_000_000, show_default=True)
@click.option("--campaigns", default=200, show_default=True, help="Campaigns, and as many messages.")
@click.option("--places", default=1_000, show_default=True)
@click.option("--times", default=20, show_default=True, help="Views of each page.")
@click.option("--only", default="", help="Open only pages whose path has this in it.")
@click.option("--at-once", is_flag=True, help="Let pages count themselves.")
@click.option("--beside-run", is_flag=True, help="Open them beside a run that is being sent, too.")
@measures_each
def main(kind: str, people: int, campaigns: int, places: int, **options: Any) -> dict[str, Any]:
    """Measure, and print one JSON object or a table."""
    return measure(kind, Size(people, campaigns, places), **options)


if __name__ == "__main__":
    main()
