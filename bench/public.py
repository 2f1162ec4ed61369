"""What pages for everybody weigh, and how many of them one process gives out beside a run that is paced.

Each kind of page is asked for in every language, over HTTP, from one process of `fingerpost serve`. Told are the
most bytes, plain and by `gzip`, the p95 of the slowest language (each page is made anew at least once), and what a
browser would load, run and keep of the worst. `views_per_second` is over all of these addresses in turn, while a
worker sends a run at `--pace` a second from the same database, as told by `sent_per_second`.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.flight import Flight, flight
from bench.harness import note
from campaigns.core import clock
from campaigns.planning.models import Sender
from campaigns.public_pages.service import set_profile
from campaigns.staff.models import Organisation
from campaigns.web.people.public_words import public_languages
from tests.delivery.serving import free_port
from tests.factories import a_message, a_service

#: Addresses by kind of page; {} is the language.
KINDS = {
    "languages": "/l",
    "countries": "/{}",
    "country": "/{}/pl",
    "region": "/{}/pl-18",
    "no_helpline": "/{}/sa",
    "themes": "/{}/pl/i",
    "theme": "/{}/pl/1",
    "from_us": "/{}/pl/m",
    "missing": "/{}/pl/nothing",
}
SERVICES = 12
CONNECTIONS = 8
#: What a page loads or runs, beside itself.
_LOADED = re.compile(r'<(?:img|script|iframe|source|audio|video)\b|<link\b[^>]*href="(?!data:)')
_FOREIGN = re.compile(r'(?:src|href|action)="(?:https?:)?//')


@dataclass(frozen=True, slots=True)
class View:
    """One answer, and how long it took."""

    body: bytes
    packed: int
    cookies: int
    milliseconds: float


def look(port: int, address: str) -> View:
    """Ask for a page as a browser does that has nothing yet."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    began = time.perf_counter()
    connection.request("GET", address, headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    body = answer.read()
    took = 1000 * (time.perf_counter() - began)
    cookies = len(answer.headers.get_all("Set-Cookie") or ())
    packed = len(body)
    if answer.headers["Content-Encoding"] == "gzip":
        body = gzip.decompress(body)
    connection.close()
    return View(body, packed, cookies, took)


def weigh(port: int, kind: str, times: int) -> dict[str, float]:
    """Return the figures of one kind of page, the worst over all languages."""
    worst: dict[str, float] = {}
    for language in public_languages():
        views = [look(port, KINDS[kind].format(language)) for _ in range(times)]
        for name, value in _figures(views).items():
            worst[name] = max(worst.get(name, 0), value)
    return worst


def _figures(views: Sequence[View]) -> dict[str, float]:
    text = views[0].body.decode()
    return {
        "bytes": len(views[0].body),
        "gzip": views[0].packed,
        "requests": 1 + len(_LOADED.findall(text)),
        "scripts": len(re.findall(r"<script|\son\w+=|javascript:", text)),
        "third_parties": len(_FOREIGN.findall(text)),
        "cookies": max(view.cookies for view in views),
        "p95_ms": round(sorted(view.milliseconds for view in views)[int(0.95 * (len(views) - 1))], 1),
    }


async def views_per_second(port: int, seconds: float) -> float:
    """Return how many pages a second some connections get, each the next as soon as it has one."""
    addresses = [
        address.format(language)
        for name, address in KINDS.items()
        if name != "missing"
        for language in public_languages()
    ]
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
        assert head.startswith(b"HTTP/1.1 200"), head
        length = re.search(rb"(?i)content-length: (\d+)", head)
        assert length is not None
        await reader.readexactly(int(length[1]))
        count += 1
    writer.close()
    return count


def open_pages(session: Session, organisation: Organisation, by: int) -> None:
    """Let an organisation publish a directory and advice in every language."""
    set_profile(session, organisation.id, is_open=True, shown_name="Corridor", contact="a@example.org", by=by)
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


def measure(instance: Flight, port: int, *, times: int, seconds: float, pace: int) -> dict[str, object]:
    """Return all figures."""
    owner = instance.sending
    with instance.sessions.begin() as session:
        open_pages(session, session.get_one(Organisation, owner.organisation_id), owner.member_id)
        for sender in session.scalars(select(Sender)):
            sender.pace = pace
    instance.processes.start("web", "serve", "--processes", "1")
    instance.processes.wait_for(f"http://127.0.0.1:{port}/l")
    pages = {kind: weigh(port, kind, times) for kind in KINDS}
    run_id = instance.add_run(owner, people=int(pace * (seconds + 30)))
    instance.start(run_id)
    before = instance.accepted()
    instance.wait(lambda: instance.accepted() > before)
    sent, began = instance.accepted(), time.monotonic()
    views = asyncio.run(views_per_second(port, seconds))
    paced = (instance.accepted() - sent) / (time.monotonic() - began)
    return {"pages": pages, "views_per_second": views, "sent_per_second": round(paced, 1)}


@click.command()
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
@click.option("--times", default=20, show_default=True, help="Views of each page in each language.")
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--pace", default=100, show_default=True, help="Messages a second of the run beside it.")
@click.option("--json", "as_json", is_flag=True)
def main(database: str, times: int, seconds: float, pace: int, *, as_json: bool) -> None:
    """Measure, and print one JSON object or a table."""
    port = free_port()
    os.environ |= {"FINGERPOST_PORT": str(port), "FINGERPOST_HOOKS_PORT": "0"}
    with flight(database) as instance:
        found = measure(instance, port, times=times, seconds=seconds, pace=pace)
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, figures in found["pages"].items():  # type: ignore[attr-defined] # a dict of dicts
        note(f"{name}: {figures}")
    note(f"{found['views_per_second']} views a second, beside {found['sent_per_second']} messages a second")


if __name__ == "__main__":
    main()
