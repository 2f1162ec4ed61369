"""The API keeps to its own description whatever it is sent, and gives nothing to those without a token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from sqlalchemy import Engine

from campaigns.core.database import make_engine
from campaigns.schema import metadata
from campaigns.staff.models import Role
from campaigns.staff.tokens import ApiScope, issue_token
from tests.factories import a_campaign, a_member, a_place, a_region, a_release
from tests.web.pages import Pages, make_pages

#: Every operation of the description, by its id.
OPERATIONS = (
    "listRegions",
    "listPlaces",
    "listReleases",
    "getRelease",
    "getReleaseFile",
    "reportAssisted",
    "reportReach",
)
FEW, MANY = 20, 200
#: A report may be well formed and name a campaign that is not there, or be the same as one before; and requests
#: without a token have a test of their own.
UNFIT = [positive_data_acceptance, ignored_auth]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('contract') / 'pages.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def pages(engine: Engine) -> Iterator[Pages]:
    """An organisation with one of everything that the API can name."""
    with make_pages(engine) as pages:
        with pages.sessions.begin() as session:
            a_region(session)
            a_place(session, pages.ours)
            a_release(session, a_campaign(session, pages.ours, a_member(session, pages.ours), code="K7"))
        yield pages


@pytest.fixture(scope="module")
def token(pages: Pages) -> str:
    with pages.sessions.begin() as session:
        by = a_member(session, pages.ours, Role.ADMIN).id
        return issue_token(session, pages.ours.id, name="P", scopes=ApiScope, days=30, by=by)[1]


@pytest.fixture(scope="module")
def operations(pages: Pages) -> dict[str, Any]:
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", pages.app)
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    return {each.definition.raw["operationId"]: each for each in found}


def test_description_names_every_operation(operations: dict[str, Any]) -> None:
    assert set(operations) == set(OPERATIONS)


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", OPERATIONS)
def test_answers_keep_to_the_description(operations: dict[str, Any], token: str, name: str, count: int) -> None:
    seen: set[int] = set()

    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=operations[name].as_strategy())
    def ask(case: Any) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {token}"})
        seen.add(answer.status_code)
        assert answer.status_code < 500
        case.validate_response(answer, excluded_checks=UNFIT)

    ask()
    assert seen & {200, 201, 404, 422}
    assert 401 not in seen


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", OPERATIONS)
def test_nobody_reads_without_a_token(operations: dict[str, Any], name: str, count: int) -> None:
    @settings(
        max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
    )
    @given(case=operations[name].as_strategy())
    def ask(case: Any) -> None:
        case.headers = {
            key: value for key, value in (case.headers or {}).items() if key.lower() != "authorization"
        }
        answer = case.call()
        assert answer.status_code in (401, 404)
        assert set(answer.json()) == {"type", "title", "status", "detail"}

    ask()
