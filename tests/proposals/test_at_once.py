"""Two members at one moment: one thing waits for one change, nothing is lost, and nobody waits in a circle."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import FingerpostError
from campaigns.directory.exchange.hsds import ServiceRow
from campaigns.directory.exchange.service import exchange_services
from campaigns.directory.models import Service
from campaigns.directory.proposed import SERVICE, change_service, propose_emergency_number, propose_services
from campaigns.directory.service import Stated
from campaigns.members.proposed import kinds_of_members
from campaigns.members.service import change_roles
from campaigns.proposals.models import Proposal
from campaigns.proposals.service import agree, refuse
from campaigns.reach.outcomes.proposed import propose_host
from campaigns.reach.outcomes.service import list_host, remove_host
from campaigns.staff.models import Member, Membership, Organisation, Role
from campaigns.staff.service import set_active, set_roles
from tests.factories import NOON, a_member, a_service, an_organisation

ROUNDS = 12
OWN = "+48 22 628 01 20"
ROLES, _PASSWORD = kinds_of_members(approver_wait=timedelta(0), seal=str)

Verb = Callable[[Session], object]
R = TypeVar("R")


def at_once(sessions: sessionmaker[Session], *verbs: Verb) -> list[str]:
    """Run each verb in a thread and transaction of its own at one moment; return the names of what they raised."""
    barrier, raised = threading.Barrier(len(verbs)), list[str]()

    def run(verb: Verb) -> None:
        barrier.wait()
        try:
            with sessions.begin() as session:
                verb(session)
        except Exception as error:
            raised.append("refused" if isinstance(error, FingerpostError) else type(error).__name__)

    threads = [threading.Thread(target=run, args=(verb,)) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


class Scene:
    """An organisation with three members who may do everything, and services that texts name."""

    def __init__(self, session: Session) -> None:
        ours = an_organisation(session)
        self.ours = ours.id
        roles = (Role.ADMIN, Role.AUTHOR, Role.APPROVER)
        self.members = [a_member(session, ours, *roles).id for _ in range(3)]
        self.services = [a_service(session, ours).id for _ in range(6)]


@pytest.fixture
def scene(sessions: sessionmaker[Session]) -> Scene:
    with sessions.begin() as session:
        return Scene(session)


def waiting(sessions: sessionmaker[Session]) -> list[tuple[int, str]]:
    """Return thing and topic of what waits."""
    with sessions() as session:
        rows = session.scalars(select(Proposal).where(Proposal.state == "waiting"))
        return sorted((row.subject_id, row.topic) for row in rows)


def changing(scene: Scene, service_id: int, number: str, *, by: int) -> Verb:
    def verb(session: Session) -> None:
        service = session.get_one(Service, service_id)
        change_service(session, service, facts={"other_numbers": [number]}, by=scene.members[by])

    return verb


def proposing(scene: Scene, service_ids: list[int], number: str, *, by: int) -> Verb:
    def verb(session: Session) -> None:
        changes = [(session.get_one(Service, each), {"number_national": number}) for each in service_ids]
        propose_services(session, scene.ours, changes, by=scene.members[by])

    return verb


def stating(scene: Scene, number: str, *, by: int) -> Verb:
    def verb(session: Session) -> None:
        ours, stated = session.get_one(Organisation, scene.ours), Stated(number, "The law", NOON.date())
        propose_emergency_number(session, ours, "PL", stated, by=scene.members[by])

    return verb


def test_one_thing_waits_for_one_change(sessions: sessionmaker[Session], scene: Scene) -> None:
    for number in range(ROUNDS):
        verbs = [stating(scene, f"99{number}", by=0), stating(scene, f"98{number}", by=1)]
        assert at_once(sessions, *verbs) == []
        assert waiting(sessions) == [(scene.ours, "PL")]


def test_two_sheets_in_opposite_order_wait_for_each_other_once(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    for number in range(ROUNDS):
        there = proposing(scene, scene.services, f"+48 800 {number}1", by=0)
        back = proposing(scene, scene.services[::-1], f"+48 800 {number}2", by=1)
        assert at_once(sessions, there, back) == []
        assert waiting(sessions) == [(each, "") for each in scene.services]
        with sessions() as session:
            of_one = select(Proposal.proposed_by_id).where(Proposal.state == "waiting").distinct()
            assert len(session.scalars(of_one).all()) == 1


def test_who_agrees_and_who_proposes_anew_do_not_wait_in_a_circle(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    service_id = scene.services[0]

    def deciding(verb: Callable[..., object]) -> Verb:
        def decide(session: Session) -> None:
            row = session.scalars(select(Proposal).where(Proposal.state == "waiting")).one()
            verb(session, row, SERVICE, by=scene.members[1])

        return decide

    for number in range(ROUNDS):
        assert at_once(sessions, changing(scene, service_id, f"+48 700 1{number:02}", by=0)) == []
        anew = changing(scene, service_id, f"+48 700 2{number:02}", by=2)
        raised = at_once(sessions, anew, deciding(agree if number % 2 else refuse))
        assert set(raised) <= {"refused"}
        assert len(waiting(sessions)) <= 1
        with sessions.begin() as session:
            for row in session.scalars(select(Proposal).where(Proposal.state == "waiting")).all():
                refuse(session, row, SERVICE, by=scene.members[1])


def stale(sessions: sessionmaker[Session], mapped: type[R], row_id: int) -> tuple[Session, R]:
    """Return a session that read a row, and the row as it was then."""
    session = sessions()
    row = session.get_one(mapped, row_id)
    session.commit()
    return session, row


def test_hosts_that_two_list_are_both_listed(sessions: sessionmaker[Session], scene: Scene) -> None:
    session, ours = stale(sessions, Organisation, scene.ours)
    with sessions.begin() as other:
        list_host(other, other.get_one(Organisation, scene.ours), "a.example.org", by=scene.members[0])
    with session:
        list_host(session, ours, "b.example.org", by=scene.members[1])
        assert ours.link_hosts == ["a.example.org", "b.example.org"]
        session.commit()
    session, ours = stale(sessions, Organisation, scene.ours)
    with sessions.begin() as other:
        remove_host(other, other.get_one(Organisation, scene.ours), "a.example.org", by=scene.members[0])
    with session:
        proposal = propose_host(session, ours, "a.example.org", by=scene.members[1])
        assert proposal.before == {"listed": False}
        session.commit()


def test_roles_that_somebody_took_away_meanwhile_stay_away(sessions: sessionmaker[Session], scene: Scene) -> None:
    with sessions() as session:
        of_third = select(Membership.id).where(Membership.member_id == scene.members[2])
        membership_id = session.scalars(of_third).one()
    session, membership = stale(sessions, Membership, membership_id)
    with sessions.begin() as other:
        set_roles(other, other.get_one(Membership, membership_id), ["author"], by=scene.members[0])
    with session:
        wanted = ["admin", "approver", "author", "responder"]
        proposal = change_roles(session, membership, ROLES, wanted, by=scene.members[1])
        assert proposal is not None
        assert (membership.roles, proposal.before["roles"]) == (["author", "responder"], ["author", "responder"])
        session.commit()


def memberships(session: Session, scene: Scene) -> list[Membership]:
    rows = select(Membership).where(Membership.member_id.in_(scene.members[:2])).order_by(Membership.id)
    return list(session.scalars(rows))


def without_admin(scene: Scene, place: int, *, by: int, bar: bool) -> Verb:
    def verb(session: Session) -> None:
        membership = memberships(session, scene)[place]
        if bar:
            set_active(session, membership, False, by=scene.members[by])
        else:
            set_roles(session, membership, ["author"], by=scene.members[by])

    return verb


@pytest.mark.parametrize("bar", [False, True], ids=["roles", "bar"])
def test_two_administrators_do_not_end_each_other(
    sessions: sessionmaker[Session], scene: Scene, bar: bool
) -> None:
    with sessions.begin() as session:
        session.get_one(Member, scene.members[2]).active = False
    for _ in range(ROUNDS):
        verbs = (without_admin(scene, 0, by=1, bar=bar), without_admin(scene, 1, by=0, bar=bar))
        assert at_once(sessions, *verbs) == ["refused"]
        with sessions.begin() as session:
            rows = memberships(session, scene)
            assert sum("admin" in row.roles and row.member.active for row in rows) == 1
            for row in rows:
                row.roles, row.member.active = ["admin", "author"], True


def test_sheet_does_not_write_back_what_was_changed_meanwhile(
    sessions: sessionmaker[Session], scene: Scene
) -> None:
    session, service = stale(sessions, Service, scene.services[0])
    with sessions.begin() as other:
        other.get_one(Service, scene.services[0]).note = "Ring twice."
    with session:
        row = ServiceRow(2, service.key, {"note": "", "number_national": OWN})
        done = exchange_services(session, scene.ours, [row], by=scene.members[0])
        assert (done.changed, service.note) == (1, "")
        session.commit()
