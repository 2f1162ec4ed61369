"""Whoever presses a button twice, or imports a file beside somebody else, has it done once, and no error."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from time import sleep
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.directory.exchange.hsds import read_services
from campaigns.directory.exchange.service import exchange_services, import_services
from campaigns.directory.exchange.worklist import read_bundled
from campaigns.directory.models import Service
from campaigns.messages.glossary.service import save_term
from campaigns.messages.models import GlossaryTerm
from campaigns.places.models import Place, Route
from campaigns.places.service import import_file
from tests.factories import a_member, a_region, an_organisation

Act = Callable[[Session, int, int], object]

STOPS = "id,name,lat,lon\nprz,Przemyśl,49.78,22.77\nlviv,Lviv,49.84,24.03\n"
ROUTES = "id,name,mode,waypoints\nr,Rails,rail,lviv > prz\n"
GATE = {"name": "Gate"}, {"type": "Point", "coordinates": [22.9, 49.8]}
HOTSPOT = {"type": "Feature", "id": "gate", "properties": GATE[0], "geometry": GATE[1]}
SHEET = "id,name,x_country,x_time_zone,phones/0/number\nline,Line,PL,Europe/Warsaw,+48 22 628 01 20\n"


def file_of(text: str) -> Act:
    return lambda session, ours, by: import_file(session, ours, text.encode(), by=by)


def bundled(session: Session, ours: int, by: int) -> None:
    import_services(session, ours, [each for each in read_bundled().drafts if not each.region_codes], by=by)


def sheet(session: Session, ours: int, by: int) -> None:
    exchange_services(session, ours, read_services(SHEET), by=by)


def term(session: Session, ours: int, by: int) -> None:
    said = {"source_language": "en", "term": "border", "language": "uk", "wording": "кордон", "note": ""}
    save_term(session, ours, by=by, **said)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("act", "kept", "count"),
    [
        pytest.param(file_of(STOPS), Place, 2, id="places"),
        pytest.param(file_of(ROUTES), Route, 1, id="routes"),
        pytest.param(
            file_of(json.dumps({"type": "FeatureCollection", "features": [HOTSPOT]})), Place, 1, id="hotspots"
        ),
        pytest.param(bundled, Service, None, id="bundled services"),
        pytest.param(sheet, Service, 1, id="sheet of services"),
        pytest.param(term, GlossaryTerm, 1, id="term"),
    ],
)
def test_act_that_is_done_twice_at_once_is_done_once(
    sessions: sessionmaker[Session], act: Act, kept: Any, count: int | None
) -> None:
    with sessions.begin() as session:
        for code in ("PL-18", "UA-46"):
            a_region(session, code=code, country=code[:2])
        ours = an_organisation(session)
        by = a_member(session, ours)
        if kept is Route:
            file_of(STOPS)(session, ours.id, by.id)
    failed: list[Exception] = []

    def press_again() -> None:
        try:
            with sessions.begin() as session:
                act(session, ours.id, by.id)
        except Exception as error:
            failed.append(error)

    second = threading.Thread(target=press_again)
    with sessions.begin() as session:
        act(session, ours.id, by.id)
        first = session.scalar(select(func.count()).select_from(kept))
        second.start()
        # The second one is under way, and waits for the first.
        sleep(0.5)
        assert second.is_alive()
    second.join()
    assert failed == []
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(kept)) == first
    assert count in (None, first)
