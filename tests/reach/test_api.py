"""Partners' programs report reach and assisted people: all of a report or nothing, with every mistake told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from campaigns.reach.imported.models import ImportedReach
from campaigns.reach.outcomes.models import Outcome
from campaigns.staff.models import AuditEntry
from campaigns.staff.tokens import ApiScope
from tests.factories import a_campaign, a_member, a_region
from tests.reach.releases.test_api import a_token
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


Tell = Callable[..., TestResponse]
CAME = {"code": "K7", "people": 3, "day": "2026-03-05", "partner": "Shelter"}
ROW = {"country": "PL", "region": "PL-18", "starts_on": "2026-03-01", "ends_on": "2026-03-31", "people": 31250}
REPORT: dict[str, Any] = {"source": "meta_ads", "exported_on": "2026-04-02", "rows": [ROW]}


@pytest.fixture
def tell(pages: Pages) -> Tell:
    """`tell("/assisted", CAME)`: what a program with every scope is answered; K7 and Podkarpackie exist."""
    with pages.sessions.begin() as session:
        a_region(session)
        a_campaign(session, pages.ours, a_member(session, pages.ours), code="K7")
    headers = {"Authorization": f"Bearer {a_token(pages)}"}
    return lambda path, body: pages.client().post(f"/api/v1{path}", json=body, headers=headers)


@pytest.mark.both_databases
def test_assisted_people_are_recorded_once_and_audited(pages: Pages, tell: Tell) -> None:
    answer = tell("/assisted", CAME | {"region": "PL-18"})
    assert (answer.status_code, answer.get_json()["people"]) == (201, 3)
    with pages.sessions() as session:
        outcome = session.scalars(select(Outcome)).one()
        about_outcomes = select(AuditEntry.action).where(AuditEntry.subject_type == "outcome")
        acts = session.scalars(about_outcomes.order_by(AuditEntry.id)).all()
    assert (outcome.people, outcome.way, acts) == (3, "api", ["reach.record_outcome"])


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "NONE"},
        {"people": 0},
        {"people": "three"},
        {"day": "5 March"},
        {"day": "2199-01-01"},
        {"name": "X"},
    ],
)
def test_wrong_assisted_report_changes_nothing(pages: Pages, tell: Tell, changes: dict[str, Any]) -> None:
    answer = tell("/assisted", CAME | changes)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    with pages.sessions() as session:
        assert session.scalars(select(Outcome)).all() == []


@pytest.mark.both_databases
def test_reach_of_adverts_is_taken_in_once(pages: Pages, tell: Tell) -> None:
    assert tell("/reach-reports", REPORT).get_json()["rows"] == 1
    again = tell("/reach-reports", REPORT)
    assert again.status_code == 422
    with pages.sessions() as session:
        [row] = session.scalars(select(ImportedReach)).all()
    assert (row.people, row.step, row.method) == (31250, "platform_reported", "platform_unique")


@pytest.mark.parametrize(
    "row",
    [
        ROW | {"region": "XX-1"},
        ROW | {"country": "UA"},
        ROW | {"ends_on": "2026-02-01"},
        ROW | {"campaign": "NONE"},
        ROW | {"people": -1},
        ROW | {"region": "PL-1\0"},
        ROW | {"country": "ZZ", "region": None},
        ROW | {"starts_on": "2099-01-01", "ends_on": "2099-02-03"},
    ],
)
def test_one_wrong_row_refuses_the_report(pages: Pages, tell: Tell, row: dict[str, Any]) -> None:
    answer = tell("/reach-reports", REPORT | {"rows": [ROW, row]})
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    with pages.sessions() as session:
        assert session.scalars(select(ImportedReach)).all() == []


@pytest.mark.parametrize("path", ["/assisted", "/reach-reports"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff"])
def test_what_is_no_json_object_is_refused(pages: Pages, path: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {a_token(pages)}", "Content-Type": "application/json"}
    answer = pages.client().post(f"/api/v1{path}", data=body, headers=headers)
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")


def test_reading_token_writes_nothing(pages: Pages) -> None:
    headers = {"Authorization": f"Bearer {a_token(pages, ApiScope.READ_RELEASES)}"}
    for path, body in (("assisted", CAME), ("reach-reports", REPORT)):
        assert pages.client().post(f"/api/v1/{path}", json=body, headers=headers).status_code == 403
