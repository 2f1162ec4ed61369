"""One administrator renames an organisation while it is founded; later, beside others, it takes two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core import clock
from campaigns.members.founding import FOUNDED_WITHIN
from campaigns.proposals.models import Proposal
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.web.pages import Pages

URL = "/settings/organisation"


def named(name: str, *, time_zone: str = "Europe/Kyiv") -> dict[str, str]:
    return {"name": name, "time_zone": time_zone}


def found_long_ago(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        session.get_one(Organisation, pages.ours.id).created_at = clock.now() - FOUNDED_WITHIN - timedelta(days=1)


def name_of(pages: Pages) -> tuple[str, str]:
    with pages.sessions() as session:
        ours = session.get_one(Organisation, pages.ours.id)
        return ours.name, ours.time_zone


@pytest.mark.parametrize("name", ["Theirs", " theirs!", "Тhеirs", "THE IRS"])
def test_organisation_is_not_called_as_another_one(
    pages: Pages, client_for: Callable[..., FlaskClient], name: str
) -> None:
    """Members hand people over to a name that they read, and people are told it."""
    client = client_for(Role.ADMIN)
    page = client.post(URL, data={"name": name, "time_zone": "Europe/Kyiv"})
    assert (page.status_code, "or what reads the same" in page.text) == (422, True)
    assert client.post(URL, data={"name": "Ours too", "time_zone": "UTC"}).status_code == 302
    with pages.sessions() as session:
        assert session.get_one(Organisation, pages.ours.id).name == "Ours too"
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "organisation.update")).one()
        assert (entry.detail["before"], entry.detail["after"]) == ("Ours", "Ours too")


def test_unknown_time_zone_is_told_beside_it(client_for: Callable[..., FlaskClient]) -> None:
    answer = client_for(Role.ADMIN).post(URL, data={"name": "Ours", "time_zone": "Mars/Base"})
    assert answer.status_code == 422
    assert 'id="time_zone-error"' in answer.text


@pytest.mark.both_databases
def test_another_name_takes_two_administrators_later(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    """Partners hand people over to whoever is called so; the time zone is one's own."""
    found_long_ago(pages)
    first, second = client_for(Role.ADMIN), client_for(Role.ADMIN)
    asked = first.post(URL, data=named("Border guard of Theirland"))
    assert name_of(pages) == ("Ours", "Europe/Kyiv")
    assert "Another name waits until another administrator agrees." in second.get(URL).text
    assert asked.location
    assert first.post(f"{asked.location}/agree").status_code != 302
    assert second.post(f"{asked.location}/agree").status_code == 302
    assert name_of(pages) == ("Border guard of Theirland", "Europe/Kyiv")


def test_name_that_another_one_took_meanwhile_is_not_agreed_to(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    found_long_ago(pages)
    asked = client_for(Role.ADMIN).post(URL, data=named("Shelter"))
    with pages.sessions.begin() as session:
        session.get_one(Organisation, pages.theirs.id).name = "Shelter"
    answer = client_for(Role.ADMIN).post(f"{asked.location}/agree")
    assert (answer.status_code, name_of(pages)[0]) == (422, "Ours")


def test_only_organisation_of_an_instance_is_renamed_by_one(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    found_long_ago(pages)
    client = client_for(Role.ADMIN)
    with pages.sessions.begin() as session:
        session.delete(session.get_one(Organisation, pages.theirs.id))
    assert client.post(URL, data=named("Shelter")).status_code == 302
    assert name_of(pages)[0] == "Shelter"


def test_time_zone_is_changed_by_one(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    found_long_ago(pages)
    assert client_for(Role.ADMIN).post(URL, data=named("Ours", time_zone="Asia/Dubai")).status_code == 302
    assert name_of(pages) == ("Ours", "Asia/Dubai")
    with pages.sessions() as session:
        assert session.scalars(select(Proposal)).all() == []
