"""What members are trusted with takes two administrators, whatever a thief of one account tries on the pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select
from werkzeug.test import TestResponse

from campaigns.core import clock
from campaigns.members.founding import FOUNDED_WITHIN
from campaigns.proposals.models import Proposal
from campaigns.staff.models import AuditEntry, Member, Membership, Organisation, Role
from tests.factories import NOON, a_campaign, a_run
from tests.web.pages import Pages

ClientFor = Callable[..., FlaskClient]
TRUSTED = [Role.APPROVER, Role.STEWARD, Role.ADMIN]


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    return sqlite_engine


@pytest.fixture
def sent(pages: Pages) -> None:
    """Something was sent to people: the organisation is founded."""
    author_id = pages.member(Role.AUTHOR).id
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        campaign = a_campaign(session, ours, session.get_one(Member, author_id))
        a_run(session, campaign, started_at=NOON)


def roles_of(pages: Pages, member: Member) -> list[str]:
    with pages.sessions() as session:
        return session.scalars(select(Membership.roles).where(Membership.member_id == member.id)).one()


def waiting(pages: Pages) -> str:
    with pages.sessions() as session:
        found = session.scalars(select(Proposal.id).where(Proposal.state == "waiting")).one()
    return f"/proposals/{found}"


def secret(answer: TestResponse) -> str:
    found = re.search(r'class="secret"[^>]*>([^<]+)<', answer.text)
    assert found is not None, answer.text
    return found[1].strip()


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("role", TRUSTED)
def test_role_that_can_hurt_takes_two(pages: Pages, client_for: ClientFor, role: Role) -> None:
    thief, other = client_for(Role.ADMIN), client_for(Role.ADMIN)
    colleague = pages.member(Role.AUTHOR)
    answer = thief.post(f"/settings/members/{colleague.id}", data={"roles": ["author", role]})
    assert roles_of(pages, colleague) == ["author"]
    assert thief.post(f"{answer.location}/agree").status_code == 409
    assert roles_of(pages, colleague) == ["author"]
    other.post(f"{answer.location}/agree")
    assert roles_of(pages, colleague) == sorted(["author", role])


@pytest.mark.usefixtures("sent")
@pytest.mark.parametrize("role", TRUSTED)
def test_nobody_gives_themselves_a_role_alone(pages: Pages, role: Role) -> None:
    thief = pages.member(Role.ADMIN)
    pages.client(thief).post(f"/settings/members/{thief.id}", data={"roles": sorted({"admin", role, "author"})})
    assert roles_of(pages, thief) == ["admin", "author"]


@pytest.mark.usefixtures("sent")
def test_sock_puppet_approves_nothing(pages: Pages, client_for: ClientFor) -> None:
    thief = client_for(Role.ADMIN)
    client_for(Role.ADMIN)
    data = {"name": "Jan", "email": "jan@example.org", "roles": ["approver"]}
    password = secret(thief.post("/settings/members/add", data=data))
    with pages.sessions() as session:
        puppet = session.scalars(select(Member).where(Member.name == "Jan")).one()
    assert roles_of(pages, puppet) == ["viewer"]
    client = pages.client()
    client.post("/sign-in", data={"email": "jan@example.org", "password": password})
    assert client.post(f"{waiting(pages)}/agree").status_code != 200
    assert roles_of(pages, puppet) == ["viewer"]


@pytest.mark.usefixtures("sent")
def test_password_of_somebody_trusted_takes_two_who_know_a_half_each(pages: Pages, client_for: ClientFor) -> None:
    approver = pages.member(Role.APPROVER)
    thief, other = client_for(Role.ADMIN), client_for(Role.ADMIN)
    first = secret(thief.post(f"/settings/members/{approver.id}/password"))
    with pages.sessions() as session:
        assert session.get_one(Member, approver.id).password == approver.password
    address = waiting(pages)
    second = secret(other.post(f"{address}/agree"))
    with pages.sessions() as session:
        assert session.get_one(Member, approver.id).password_is_temporary
        kept = [str(entry.detail) for entry in session.scalars(select(AuditEntry))]
        assert not any(half in detail for half in (first, second) for detail in kept)
        assert first not in str(session.scalars(select(Proposal.after)).all())
    for password, page in ((first, "/sign-in"), (second, "/sign-in"), (f"{first}-{second}", "/settings/password")):
        client = pages.client()
        client.post("/sign-in", data={"email": approver.email, "password": password})
        assert client.get("/").location.startswith(page)


@pytest.mark.usefixtures("sent")
def test_password_of_anybody_else_takes_one(pages: Pages, client_for: ClientFor) -> None:
    author = pages.member(Role.AUTHOR)
    password = secret(client_for(Role.ADMIN).post(f"/settings/members/{author.id}/password"))
    client = pages.client()
    client.post("/sign-in", data={"email": author.email, "password": password})
    assert client.get("/").location == "/settings/password"


@pytest.mark.usefixtures("sent")
def test_new_approver_approves_a_day_later(pages: Pages, client_for: ClientFor) -> None:
    colleague = pages.member(Role.VIEWER)
    answer = client_for(Role.ADMIN).post(f"/settings/members/{colleague.id}", data={"roles": ["approver"]})
    client_for(Role.ADMIN).post(f"{answer.location}/agree")
    with pages.sessions() as session:
        member = session.get_one(Member, colleague.id)
        starts = member.memberships[0].approves_from
        assert starts is not None
        assert abs(starts - clock.now() - timedelta(hours=24)) < timedelta(minutes=5)
        session.expunge_all()
    assert pages.client(member).post("/campaigns/999999/approve").status_code == 403
    with clock.running_on(lambda: starts):
        assert pages.client(member).post("/campaigns/999999/approve").status_code == 404


@pytest.mark.usefixtures("sent")
def test_taking_away_takes_one_and_giving_back_takes_two(pages: Pages, client_for: ClientFor) -> None:
    admin, approver = client_for(Role.ADMIN), pages.member(Role.APPROVER, Role.AUTHOR)
    admin.post(f"/settings/members/{approver.id}/access", data={"active": "0"})
    assert roles_of(pages, approver) == ["author"]
    admin.post(f"/settings/members/{approver.id}/access", data={"active": "1"})
    assert roles_of(pages, approver) == ["author"]


def test_founding_administrator_appoints_two_alone_and_no_more(pages: Pages) -> None:
    founder = pages.member(Role.ADMIN)
    client = pages.client(founder)
    assert "is being founded" in client.get("/").text
    second, third = pages.member(Role.AUTHOR), pages.member(Role.AUTHOR)
    client.post(f"/settings/members/{second.id}", data={"roles": ["admin", "approver"]})
    assert roles_of(pages, second) == ["admin", "approver"]
    client.post(f"/settings/members/{third.id}", data={"roles": ["admin", "approver", "author"]})
    assert roles_of(pages, third) == ["author"]
    assert "Appointed by one administrator alone" in client.get("/").text
    with pages.sessions() as session:
        assert session.scalars(select(Membership.approves_from)).all() == [None] * 3


@pytest.mark.parametrize("role", TRUSTED)
def test_founding_administrator_appoints_nobody_in_their_own_person(pages: Pages, role: Role) -> None:
    founder = pages.member(Role.ADMIN)
    pages.client(founder).post(f"/settings/members/{founder.id}", data={"roles": sorted({"admin", role})})
    assert roles_of(pages, founder) == ["admin"]


def test_founding_administrator_appoints_nobody_alone_after_a_month(pages: Pages) -> None:
    """An organisation that never sends, but answers or keeps a directory, is not founded for ever."""
    client, second = pages.client(pages.member(Role.ADMIN)), pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        session.get_one(Organisation, pages.ours.id).created_at = clock.now() - FOUNDED_WITHIN
    client.post(f"/settings/members/{second.id}", data={"roles": ["admin", "approver"]})
    assert roles_of(pages, second) == ["viewer"]


def test_founding_ends_with_the_first_run_to_people(
    pages: Pages, client_for: ClientFor, request: pytest.FixtureRequest
) -> None:
    client = client_for(Role.ADMIN)
    request.getfixturevalue("sent")
    assert "is being founded" not in client.get("/").text
    colleague = pages.member(Role.AUTHOR)
    client.post(f"/settings/members/{colleague.id}", data={"roles": ["admin", "author"]})
    assert roles_of(pages, colleague) == ["author"]


def test_nobody_makes_room_to_appoint_another_one_alone(pages: Pages) -> None:
    """Taking away takes one, so whoever takes away must not be able to fill the place."""
    founder, second = pages.member(Role.ADMIN), pages.member(Role.AUTHOR)
    client, puppet = pages.client(founder), pages.member(Role.AUTHOR)
    client.post(f"/settings/members/{second.id}", data={"roles": ["admin", "approver"]})
    client.post(f"/settings/members/{second.id}/access", data={"active": "0"})
    client.post(f"/settings/members/{puppet.id}", data={"roles": ["admin", "approver", "author"]})
    assert roles_of(pages, puppet) == ["author"]
    assert "Whoever runs this system can make a second one." in client.get("/").text


@pytest.mark.usefixtures("sent")
def test_approver_makes_no_author_to_approve(pages: Pages) -> None:
    both, colleague = pages.member(Role.ADMIN, Role.APPROVER), pages.member(Role.VIEWER)
    author = pages.member(Role.AUTHOR)
    client = pages.client(both)
    client.post(f"/settings/members/{colleague.id}", data={"roles": ["author"]})
    client.post(f"/settings/members/{author.id}/password")
    assert roles_of(pages, colleague) == ["viewer"]
    with pages.sessions() as session:
        assert session.get_one(Member, author.id).password == author.password


@pytest.mark.usefixtures("sent")
def test_password_of_somebody_to_be_trusted_takes_two(pages: Pages, client_for: ClientFor) -> None:
    colleague, thief = pages.member(Role.VIEWER), client_for(Role.ADMIN)
    thief.post(f"/settings/members/{colleague.id}", data={"roles": ["approver"]})
    thief.post(f"/settings/members/{colleague.id}/password")
    with pages.sessions() as session:
        assert session.get_one(Member, colleague.id).password == colleague.password


@pytest.mark.usefixtures("sent")
def test_whoever_gave_a_member_a_password_proposes_them_for_nothing_that_hurts(
    pages: Pages, client_for: ClientFor
) -> None:
    """They may have signed in with it, and the other administrator reads the name of a colleague."""
    thief, other, colleague = client_for(Role.ADMIN), client_for(Role.ADMIN), pages.member(Role.VIEWER)
    path, wanted = f"/settings/members/{colleague.id}", {"roles": ["viewer", "approver"]}
    thief.post(f"{path}/password")
    page = thief.post(path, data=wanted)
    assert (page.status_code, "You gave this member a one-time password" in page.text) == (422, True)
    assert roles_of(pages, colleague) == ["viewer"]
    assert thief.post(path, data={"roles": ["viewer", "responder"]}).status_code == 302
    assert "/proposals/" in other.post(path, data=wanted).headers["Location"]


@pytest.mark.usefixtures("sent")
def test_password_is_agreed_to_by_itself(pages: Pages, client_for: ClientFor) -> None:
    """Whoever agrees is told its second half, and must not miss it among others."""
    approver, other = pages.member(Role.APPROVER), client_for(Role.ADMIN)
    client_for(Role.ADMIN).post(f"/settings/members/{approver.id}/password")
    number = waiting(pages).rpartition("/")[2]
    assert other.post("/proposals/together", data={"proposal": number}).status_code == 409
    with pages.sessions() as session:
        assert session.get_one(Member, approver.id).password == approver.password


@pytest.mark.parametrize("others", [1, 2])
def test_new_password_is_offered_where_somebody_could_agree(
    pages: Pages, client_for: ClientFor, others: int
) -> None:
    colleagues = [pages.member(Role.ADMIN) for _ in range(others)]
    page = client_for(Role.ADMIN).get(f"/settings/members/{colleagues[0].id}").text
    assert ("Make a one-time password" in page) is (others == 2)
    assert ("Whoever runs this system can make one" in page) is (others == 1)


def test_second_administrator_reads_roles_by_their_names(pages: Pages) -> None:
    founder, second = pages.member(Role.ADMIN), pages.member(Role.ADMIN)
    pages.client(founder).post(f"/settings/members/{founder.id}", data={"roles": ["admin", "steward"]})
    page = pages.client(second).get(waiting(pages)).text
    assert "<bdi>Administrator</bdi> and <bdi>Data manager</bdi>" in page
    assert "steward" not in page


def test_many_members_are_listed_by_as_many_statements_as_few(pages: Pages, client_for: ClientFor) -> None:
    admin = client_for(Role.ADMIN)
    asked = list[str]()

    def statements() -> int:
        asked.clear()
        answer = admin.get("/settings/members")
        assert answer.status_code == 200
        return len(asked)

    event.listen(Engine, "before_cursor_execute", note := lambda *call: asked.append(call[2]))
    try:
        statements()
        few = statements()
        for _ in range(12):
            pages.member(Role.AUTHOR)
        assert statements() == few
    finally:
        event.remove(Engine, "before_cursor_execute", note)
