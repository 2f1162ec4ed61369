"""What pages for everybody weigh, and how many of them one process gives out beside a run that is paced.

Each kind of page is asked for in every language, over HTTP, from one process of `fingerpost serve`; what forms
answer is among them. Told are the most bytes, plain and as sent to whoever takes `gzip`, the p95 of the slowest
language (each page is made anew at least once), and what a browser would load, run and keep of the worst.
`views_per_second` is over all addresses that are only opened, in turn, while a worker sends a run at `--pace` a
second from the same database, as told by `sent_per_second`. `missed` names what is beyond `limits`, and the bench
fails then.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.flight import Flight, flight
from bench.harness import DATABASES, note
from bench.page_views import Visitors
from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.core.keys.leave_token import token_of
from campaigns.inbox.unnamed.service import Told, begin_report
from campaigns.planning.models import Sender
from campaigns.public_pages.service import Profile, set_profile
from campaigns.staff.models import Organisation
from campaigns.web.people.public_words import public_languages
from tests.delivery.serving import free_port
from tests.factories import a_message, a_service
from tests.web.people.page_kinds import KINDS, OPENED, WRITTEN

SERVICES = 12
CONNECTIONS = 8
#: The most that a page of any kind may need.
MOST = {"bytes": 50_000, "gzip": 14_000, "requests": 1, "scripts": 0, "third_parties": 0, "cookies": 0}
#: The least that one process has to give out beside the run.
VIEWS_PER_SECOND = 500
#: The least part of its pace at which the run goes on meanwhile.
PACED = 0.9


async def views_per_second(port: int, seconds: float) -> float:
    """Return how many pages a second some connections get, each the next as soon as it has one."""
    addresses = [kind.at(language) for kind in OPENED.values() for language in public_languages()]
    until, turn = time.monotonic() + seconds, itertools.cycle(addresses)
    began = time.monotonic()
    counts = await asyncio.gather(*(_ask_on(port, turn, until) for _ in range(CONNECTIONS)))
    return round(sum(counts) / (time.monotonic() - began), 1)


async def _ask_on(port: int, addresses: Iterator[str], until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.monotonic() < until:
        request = f"GET {next(addresses)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n"
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 203")), head
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        count += 1
    writer.close()
    return count


def open_pages(session: Session, organisation: Organisation, by: int) -> None:
    """Let an organisation publish a directory and advice in every language."""
    set_profile(
        session, organisation.id, Profile(is_open=True, shown_name="Corridor", contact="a@example.org"), by=by
    )
    for number in range(SERVICES):
        a_service(
            session,
            organisation,
            name=f"A helpline for whoever is on the way, number {number}",
            number_national=f"+48 22 628 02 {number:02}",
            number_from_abroad=f"+48 22 628 02 {number:02}",
            languages=list(public_languages()),
            region_codes=["PL-18"] if number % 3 == 0 else [],
            verified_on=clock.now().date(),
        )
    words = "Keep your documents with you and photograph them. ((hotline))"
    a_message(session, organisation, dict.fromkeys(public_languages(), words))


def measure(instance: Flight, port: int, *, times: int, seconds: float, pace: int) -> dict[str, Any]:
    """Return all figures, and which of them are beyond their limits."""
    owner = instance.sending
    with instance.sessions.begin() as session:
        open_pages(session, session.get_one(Organisation, owner.organisation_id), owner.member_id)
        for sender in session.scalars(select(Sender)):
            sender.pace = pace

    def new_code() -> str:
        told = Told(owner.organisation_id, WRITTEN, "en", may_answer=True, country="PL")
        with instance.sessions.begin() as session:
            return begin_report(session, told, vault=instance.vault)[1]

    instance.processes.start("web", "serve", "--processes", "1")
    instance.processes.wait_for(f"http://127.0.0.1:{port}/l")
    with instance.sessions() as session:
        address = session.get_one(Address, next(iter(owner.addresses.values())))
    token = token_of(address.id, address.lookup, instance.vault)
    visitors = Visitors(port, new_code, token)
    visitors.fill_network()
    pages = {name: visitors.weigh(name, times) for name in KINDS}
    run_id = instance.add_run(owner, people=int(pace * (seconds + 30)))
    instance.start(run_id)
    before = instance.accepted()
    instance.wait(lambda: instance.accepted() > before)
    sent, began = instance.accepted(), time.monotonic()
    views = asyncio.run(views_per_second(port, seconds))
    paced = (instance.accepted() - sent) / (time.monotonic() - began)
    figures = {"pages": pages, "views_per_second": views, "sent_per_second": round(paced, 1)}
    limits = MOST | {"views_per_second": VIEWS_PER_SECOND, "sent_per_second": PACED * pace}
    return figures | {"limits": limits, "missed": missed_by(figures, limits)}


def missed_by(figures: Mapping[str, Any], limits: Mapping[str, float]) -> list[str]:
    """Return a line for each figure that is beyond its limit."""
    heavy = (
        f"{page}: {seen[name]} {name}, at most {limits[name]}"
        for page, seen in figures["pages"].items()
        for name in MOST
        if seen[name] > limits[name]
    )
    slow = (
        f"{figures[name]} {name}, at least {limits[name]}"
        for name in ("views_per_second", "sent_per_second")
        if figures[name] < limits[name]
    )
    return [*heavy, *slow]


@click.command()
@click.option("--database", type=click.Choice(DATABASES), default="sqlite", show_default=True)
@click.option("--times", default=20, show_default=True, help="Views of each page in each language.")
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--pace", default=100, show_default=True, help="Messages a second of the run beside it.")
@click.option("--json", "as_json", is_flag=True)
def main(database: str, times: int, seconds: float, pace: int, *, as_json: bool) -> None:
    """Measure, print one JSON object or a table, and fail where a limit is missed."""
    port = free_port()
    os.environ |= {"FINGERPOST_PORT": str(port), "FINGERPOST_HOOKS_PORT": "0", "FINGERPOST_TRUSTED_PROXIES": "1"}
    with flight(database) as instance:
        found = measure(instance, port, times=times, seconds=seconds, pace=pace)
    if as_json:
        click.echo(json.dumps(found))
    else:
        for name, figures in found["pages"].items():
            note(f"{name}: {figures}")
        note(f"{found['views_per_second']} views a second, beside {found['sent_per_second']} messages a second")
    for line in found["missed"]:
        note(f"missed: {line}")
    raise SystemExit(bool(found["missed"]))


if __name__ == "__main__":
    main()
