"""Pages of changes that take two members: who may read what they are about, and how many are decided at once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from campaigns.directory.models import Service
from campaigns.directory.proposed import propose_services
from campaigns.proposals.models import Proposal
from campaigns.proposals.views import MOST_TOGETHER
from campaigns.staff.models import Member, Organisation, Role
from campaigns.staff.sign_in import password_checks
from campaigns.staff.sign_in.passwords import hash_password
from campaigns.web.session import database
from tests.factories import NOON, a_campaign, a_run, a_service
from tests.web.pages import Pages
from tests.web.test_keyed_pages import link

ClientFor = Callable[..., FlaskClient]
NEW, WHY = "+48 800 11 22 33", "They told us on the phone."
TOGETHER = "/proposals/together"


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    return sqlite_engine


def propose(pages: Pages, count: int, *, by: Member) -> list[int]:
    """Let a member propose another number for so many services, and return the ids of the proposals."""
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        services = [a_service(session, ours, name=f"Line {number:03}") for number in range(count)]
        changes = [(service, {"number_national": NEW}) for service in services]
        return [each.id for each in propose_services(session, ours.id, changes, by=by.id, reason=WHY)]


def states(pages: Pages, ids: list[int]) -> list[str]:
    with pages.sessions() as session:
        return [session.get_one(Proposal, each).state for each in ids]


@pytest.fixture
def sent(pages: Pages) -> None:
    """Something was sent to people: the organisation is founded."""
    author_id = pages.member(Role.AUTHOR).id
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        a_run(session, a_campaign(session, ours, session.get_one(Member, author_id)), started_at=NOON)


@pytest.mark.parametrize("role", list(Role))
def test_change_of_a_service_is_read_by_whoever_may_open_it(
    pages: Pages, client_for: ClientFor, role: Role
) -> None:
    (proposal_id,) = propose(pages, 1, by=pages.member(Role.AUTHOR))
    shown = client_for(role).get(f"/proposals/{proposal_id}")
    assert shown.status_code == 200
    reads = role is not Role.VIEWER
    assert [words in shown.text for words in (NEW, "Line 000", WHY)] == [reads] * 3
    assert ("do not allow you to read" in shown.text) is not reads


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("role", list(Role))
def test_roles_of_a_member_are_read_by_administrators(pages: Pages, client_for: ClientFor, role: Role) -> None:
    colleague, admin = pages.member(Role.VIEWER), pages.member(Role.ADMIN)
    page = pages.client(admin).post(f"/settings/members/{colleague.id}", data={"roles": ["steward"]}).location
    reads = role is Role.ADMIN
    assert (colleague.email in client_for(role).get(page).text) is reads


def test_page_of_a_link_is_read_by_who_agrees_and_by_who_proposed_it(pages: Pages, client_for: ClientFor) -> None:
    author, target = pages.member(Role.AUTHOR), "https://help.example.org/elsewhere"
    with pages.sessions.begin() as session:
        ours = session.get_one(Organisation, pages.ours.id)
        ours.link_hosts = ["help.example.org"]
        campaign = a_campaign(session, ours, session.get_one(Member, author.id))
        address = f"/reach/campaigns/{campaign.id}/link"
    page = pages.client(author).post(address, data={"target": target}).location
    with pages.sessions.begin() as session:
        session.get_one(Member, author.id).memberships[0].roles = [Role.VIEWER]
    readers = {
        "approver": client_for(Role.APPROVER),
        "proposer": pages.client(author),
        "viewer": client_for(Role.VIEWER),
        "responder": client_for(Role.RESPONDER),
    }
    found = {name for name, client in readers.items() if target in client.get(page).text}
    assert found == {"approver", "proposer"}


def test_what_waits_for_others_hides_nothing_that_waits_for_a_member(pages: Pages, client_for: ClientFor) -> None:
    both = pages.member(Role.AUTHOR, Role.APPROVER)
    propose(pages, 120, by=both)
    (last,) = propose(pages, 1, by=pages.member(Role.AUTHOR))
    client = pages.client(both)
    assert f"/proposals/{last}" in client.get("/").text
    assert f'value="{last}"' in client.get(TOGETHER).text
    pages_of_list = [client.get("/proposals?waiting=2").text]
    while 'rel="next"' in pages_of_list[-1]:
        pages_of_list.append(client.get(link("next", pages_of_list[-1])).text)
    found = [re.findall(r'href="/proposals/(\d+)"', text) for text in pages_of_list]
    assert sum(map(len, found)) == len({each for listed in found for each in listed}) == 121
    approver = client_for(Role.APPROVER)
    assert approver.get(TOGETHER).text.count('name="proposal"') == MOST_TOGETHER
    second = approver.get(link("next", approver.get(TOGETHER).text)).text
    assert second.count('name="proposal"') == MOST_TOGETHER


def test_no_more_are_agreed_to_together_than_are_shown(pages: Pages, client_for: ClientFor) -> None:
    ids = propose(pages, MOST_TOGETHER + 1, by=pages.member(Role.AUTHOR))
    approver = client_for(Role.APPROVER)
    assert approver.post(TOGETHER, data={"proposal": ids}).status_code == 409
    assert set(states(pages, ids)) == {"waiting"}
    assert approver.post(TOGETHER, data={"proposal": ids[1:]}).status_code == 302
    assert states(pages, ids) == ["waiting", *["agreed"] * MOST_TOGETHER]


def test_what_cannot_be_done_is_told_and_keeps_back_nothing_else(pages: Pages, client_for: ClientFor) -> None:
    ids = propose(pages, 3, by=pages.member(Role.AUTHOR))
    with pages.sessions.begin() as session:
        session.scalars(select(Service).where(Service.name == "Line 001")).one().number_national = "+48 1"
    approver = client_for(Role.APPROVER)
    approver.post(TOGETHER, data={"proposal": ids})
    assert states(pages, ids) == ["agreed", "waiting", "agreed"]
    told = approver.get("/proposals").text
    assert "2 changes are made" in told
    assert "changed in another way since" in told


@pytest.mark.usefixtures("sent")
def test_new_password_is_agreed_to_for_itself_only(pages: Pages, client_for: ClientFor) -> None:
    """Its second half is shown on the answer: agreed to with others, nobody would ever read it."""
    approver, thief, other = pages.member(Role.APPROVER), client_for(Role.ADMIN), client_for(Role.ADMIN)
    thief.post(f"/settings/members/{approver.id}/password")
    thief.post("/reach/link-hosts", data={"host": "help.example.org"})
    with pages.sessions() as session:
        password, host = session.scalars(select(Proposal).order_by(Proposal.id)).all()
    listed = other.get(TOGETHER).text
    assert (f'value="{password.id}"' in listed, f'value="{host.id}"' in listed) == (False, True)
    assert other.post(TOGETHER, data={"proposal": [password.id, host.id]}).status_code == 409
    assert states(pages, [password.id, host.id]) == ["waiting", "waiting"]
    assert 'class="secret"' in other.post(f"/proposals/{password.id}/agree").text


@pytest.mark.usefixtures("sent")
def test_password_is_hashed_outside_any_transaction(
    pages: Pages, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    approver, thief, other = pages.member(Role.APPROVER), client_for(Role.ADMIN), client_for(Role.ADMIN)
    thief.post(f"/settings/members/{approver.id}/password")
    with pages.sessions() as session:
        proposal = session.scalars(select(Proposal)).one()
    within = list[bool]()

    def watched(password: str) -> str:
        within.append(database.session.in_transaction())
        return hash_password(password)

    monkeypatch.setattr(password_checks, "hash_password", watched)
    assert thief.post(f"/proposals/{proposal.id}/agree").status_code == 409
    assert within == []
    assert other.post(f"/proposals/{proposal.id}/agree").status_code == 200
    assert other.post(f"/proposals/{proposal.id}/agree").status_code == 409
    assert within == [False]
