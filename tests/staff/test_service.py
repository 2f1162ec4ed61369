"""Verbs on organisations and members keep their rules and leave one entry each."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import InputError, RefusedError
from campaigns.staff import service
from campaigns.staff.models import AuditEntry, Member, Membership, Organisation, Role
from campaigns.staff.queries import get_membership
from tests.factories import a_member, an_organisation

pytestmark = pytest.mark.one_database


def create(session: Session, organisation: Organisation, email: str, *roles: str) -> Member:
    return service.create_member(
        session, organisation, email=email, name="Olena", password_hash="x", roles=roles or ("author",)
    )


def membership_of(session: Session, organisation: Organisation, *roles: Role) -> Membership:
    member = a_member(session, organisation, *roles)
    return get_membership(session, organisation.id, member.id)


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_member_is_created_with_one_entry(session: Session) -> None:
    member = create(session, an_organisation(session), " Olena@Example.ORG ", "viewer", "author")
    assert member.email == "olena@example.org"
    assert member.memberships[0].roles == ["author", "viewer"]
    assert actions(session) == ["member.create"]


@pytest.mark.parametrize(
    ("email", "roles"),
    [
        ("nobody", ("author",)),
        ("a@example.org", ("queen",)),
        ("a@example.org", ("",)),
        # No mail can be written to these.
        ("a@[example.org", ("author",)),
        ("a,b@example.org", ("author",)),
    ],
)
def test_wrong_member_is_refused(session: Session, email: str, roles: tuple[str, ...]) -> None:
    with pytest.raises(InputError):
        create(session, an_organisation(session), email, *roles)


def test_one_address_is_one_member(session: Session) -> None:
    organisation = an_organisation(session)
    create(session, organisation, "olena@example.org")
    with pytest.raises(InputError, match="already belongs"):
        create(session, organisation, "OLENA@example.org")


def test_new_roles_end_the_sessions(session: Session) -> None:
    membership = membership_of(session, an_organisation(session))
    before = membership.member.fs_uniquifier
    service.set_roles(session, membership, ["approver"])
    assert membership.roles == ["approver"]
    assert membership.member.fs_uniquifier != before
    assert actions(session) == ["member.set_roles"]


def test_last_administrator_keeps_the_role(session: Session) -> None:
    organisation = an_organisation(session)
    first = membership_of(session, organisation, Role.ADMIN)
    with pytest.raises(RefusedError, match="last administrator"):
        service.set_roles(session, first, ["viewer"])
    membership_of(session, organisation, Role.ADMIN)
    service.set_roles(session, first, ["viewer"])
    assert first.roles == ["viewer"]


def test_shared_member_is_nobodys_to_bar(session: Session) -> None:
    membership = membership_of(session, an_organisation(session))
    service.add_membership(session, an_organisation(session), membership.member, roles=["viewer"])
    session.expire_all()
    with pytest.raises(RefusedError, match="another organisation"):
        service.set_active(session, membership, False, by=0)
    with pytest.raises(RefusedError, match="another organisation"):
        service.issue_password(session, membership, "hash", by=0)


def test_nobody_bars_themselves(session: Session) -> None:
    membership = membership_of(session, an_organisation(session), Role.ADMIN)
    with pytest.raises(RefusedError, match="your own access"):
        service.set_active(session, membership, False, by=membership.member_id)


@pytest.mark.parametrize("slug", ["Capital", "", "-edge", "two words"])
def test_malformed_short_name_is_refused(session: Session, slug: str) -> None:
    with pytest.raises(InputError, match="short name"):
        service.create_organisation(session, slug, name="Somebody")


def test_short_name_and_zone_must_fit(session: Session) -> None:
    service.create_organisation(session, "la-strada", name="La Strada", time_zone="Europe/Warsaw")
    with pytest.raises(InputError, match="taken"):
        service.create_organisation(session, "la-strada", name="Another")
    with pytest.raises(InputError, match="time zone"):
        service.create_organisation(session, "atlantis", name="Nowhere", time_zone="Atlantis/Centre")
