"""Groups are an organisation's own: set by file or hand, meant by a rule, and too small ones tell nothing."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.by_hand.group_changes import change_group, delete_group
from campaigns.audience.grouping import create_group, groups_of, set_groups
from campaigns.audience.models import Audience, Contact, ContactGroup, GroupedContact, GroupKind
from campaigns.audience.queries import find_unknown
from campaigns.audience.rules import AudienceRule, select_resolved
from campaigns.audience.service import create_audience
from campaigns.core.errors import AudienceRuleError, InputError, NotFoundError
from campaigns.core.keys.crypto import Vault
from campaigns.erasing.contact_data import empty
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.audience.people import RESOLUTION, person
from tests.factories import a_contact, a_member, an_organisation
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

GROUPS = "/audience/contacts/groups"
HEADER = "number,language,consent_date,consent_how,group\n"


@pytest.fixture
def organisation(session: Session) -> Organisation:
    return an_organisation(session)


def a_group(session: Session, organisation: Organisation, name: str = "Autumn course") -> ContactGroup:
    by = a_member(session, organisation).id
    return create_group(session, organisation.id, kind=GroupKind.COHORT, name=name, by=by)


def meant(session: Session, organisation: Organisation, rule: AudienceRule) -> set[int]:
    rows = session.execute(select_resolved(rule, organisation.id, RESOLUTION)).all()
    return {row.contact_id for row in rows}


def test_rule_means_the_people_of_its_groups_and_no_other_organisation(
    session: Session, organisation: Organisation, vault: Vault
) -> None:
    first, second = a_group(session, organisation), a_group(session, organisation, "Course two")
    people = [person(session, organisation, vault, language=language) for language in ("uk", "uk", "en", "en")]
    set_groups(session, people[0], [first.id, second.id])
    set_groups(session, people[2], [second.id])
    theirs = an_organisation(session, slug="others")
    foreign = a_group(session, theirs)
    set_groups(session, person(session, theirs, vault), [foreign.id])
    ids = [each.id for each in people]
    assert meant(session, organisation, AudienceRule(group_ids=(first.id,))) == {ids[0]}
    assert meant(session, organisation, AudienceRule(group_ids=(first.id, second.id))) == {ids[0], ids[2]}
    assert meant(session, organisation, AudienceRule(group_ids=(second.id,), languages=("en",))) == {ids[2]}
    rule = AudienceRule(group_ids=(foreign.id,))
    assert meant(session, organisation, rule) == set()
    assert [str(error) for error in find_unknown(session, organisation.id, rule)] != []
    assert AudienceRule.from_json(rule.to_json()) == rule
    # A group of another organisation is none to put anybody into.
    set_groups(session, people[1], [foreign.id])
    assert groups_of(session, people[1].id) == []


def test_group_has_a_name_of_its_own(session: Session, organisation: Organisation) -> None:
    a_group(session, organisation, "Autumn  course")
    for name in ("autumn COURSE", "", "one; two", "x" * 101):
        with pytest.raises(InputError):
            a_group(session, organisation, name)


def test_groups_go_with_whoever_is_erased(session: Session, organisation: Organisation, vault: Vault) -> None:
    group, contact = a_group(session, organisation), person(session, organisation, vault)
    set_groups(session, contact, [group.id])
    empty(session, contact)
    assert session.scalars(select(GroupedContact)).all() == []


@pytest.mark.both_databases
def test_file_puts_people_into_groups_that_there_are(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        group_id = a_group(session, pages.ours).id
        a_group(session, pages.theirs, "Theirs")
    client = client_for(Role.STEWARD)
    rows = ["+380501234567,uk,2026-02-01,form,autumn course", "+380501112233,uk,2026-02-01,form,Theirs"]
    data: dict[str, Any] = {"file": (io.BytesIO((HEADER + "\n".join(rows)).encode()), "people.csv")}
    first = client.post("/audience/contacts/files", data=data, content_type="multipart/form-data").location
    assert "there is no group Theirs." in client.get(first).text
    said = {"column": "group", "cell": "Theirs", "meant": "Autumn course"}
    again = client.post(f"{first}/again", data=said).location
    assert client.post(f"{again}/import").status_code == 302
    with pages.sessions() as session:
        assert set(session.scalars(select(GroupedContact.group_id))) == {group_id}
        assert len(session.scalars(select(GroupedContact)).all()) == 2


@pytest.mark.both_databases
def test_group_is_added_and_a_contact_put_into_it_by_hand(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    with pages.sessions.begin() as session:
        contact_id = a_contact(session, pages.ours).id
    client = client_for(Role.STEWARD)
    assert client.post(GROUPS, data={"name": "Safe roads", "kind": "programme"}).status_code == 302
    assert client.post(GROUPS, data={"name": "safe ROADS", "kind": "partner"}).status_code == 422
    with pages.sessions() as session:
        group_id = session.scalars(select(ContactGroup.id)).one()
    path = f"/audience/contacts/{contact_id}"
    client.post(f"{path}/change", data={"language": "uk", "group_ids": group_id})
    assert "Safe roads" in client.get(path).text
    assert re.search(rf'<input checked[^>]*value="{group_id}"', client.get(f"{path}/change").text)
    client.post(f"{path}/change", data={"language": "uk"})
    assert "Safe roads" not in client.get(path).text
    with pages.sessions() as session:
        told = [
            (entry.action, entry.detail) for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        ]
    assert told == [("group.create", {}), *[("contact.change", {"what": ["groups"]})] * 2]


def test_audience_of_a_small_group_tells_no_number(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        group, other = a_group(session, pages.ours), a_group(session, pages.ours, "Nobody")
        for _ in range(3):
            set_groups(session, person(session, pages.ours, vault), [group.id])
        for _ in range(30):
            person(session, pages.ours, vault)
    author = client_for(Role.AUTHOR)
    few, none = (author.get(f"/audience/preview?group_ids={each.id}").text for each in (group, other))
    assert "fewer than 20" in few
    # Nobody and few look alike.
    assert re.sub(r"[0-9a-f]{64}", "", few) == re.sub(r"[0-9a-f]{64}", "", none)
    answer = author.post("/audience/new", data={"name": "Course", "group_ids": group.id, "save": "1"})
    assert re.search(rf'<input checked[^>]*value="{group.id}"', author.get(answer.location).text)
    with pages.sessions() as session:
        assert session.scalars(select(Audience.rule)).one() == {"group_ids": [group.id]}
        assert session.scalars(select(Contact)).first() is not None


@pytest.mark.both_databases
def test_renamed_group_is_meant_by_the_same_rule(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        group, other = a_group(session, pages.ours), a_group(session, pages.ours, "Course two")
        contact = person(session, pages.ours, vault)
        set_groups(session, contact, [group.id])
        theirs = a_group(session, pages.theirs)
        created = create_audience(
            session, pages.ours.id, name="Course", rule=AudienceRule(group_ids=(group.id,)), by=None
        )
    client = client_for(Role.STEWARD)
    path = f"{GROUPS}/{group.id}"
    assert "Course" in client.get(path).text
    assert client.post(path, data={"name": "course TWO", "kind": "cohort"}).status_code == 422
    assert client.post(path, data={"name": "Winter  course", "kind": "programme"}).status_code == 302
    assert client.post(f"{GROUPS}/{theirs.id}", data={"name": "Ours", "kind": "cohort"}).status_code == 404
    assert "Winter course" in client.get(GROUPS).text
    with pages.sessions() as session:
        rule = AudienceRule.from_json(session.get_one(Audience, created.id).rule)
        assert meant(session, pages.ours, rule) == {contact.id}
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert entry is not None
        assert (entry.action, entry.subject_id, entry.detail) == (
            "group.change",
            group.id,
            {"what": ["name", "kind"]},
        )
    # Its old name is free again, in any letters.
    assert client.post(f"{GROUPS}/{other.id}", data={"name": "AUTUMN course", "kind": "cohort"}).status_code == 302


@pytest.mark.both_databases
def test_group_is_deleted_unless_an_audience_means_it(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        group, theirs = a_group(session, pages.ours), a_group(session, pages.theirs)
        contact = person(session, pages.ours, vault)
        set_groups(session, contact, [group.id])
        rule = AudienceRule(group_ids=(group.id,))
        audience = create_audience(session, pages.ours.id, name="Autumn people", rule=rule, by=None)
    client, path = client_for(Role.STEWARD), f"{GROUPS}/{group.id}/delete"
    assert "Autumn people" in client.get(path).text
    refused = client.post(path, follow_redirects=True).text
    assert "An audience means this group: take it out of the rule first." in refused
    with pages.sessions.begin() as session:
        session.get_one(Audience, audience.id).rule = {}
    assert "Delete the group" in client.get(path).text
    assert client.post(f"{GROUPS}/{theirs.id}/delete").status_code == 404
    assert client.post(path).location == GROUPS
    with pages.sessions() as session:
        assert session.scalars(select(ContactGroup.id)).all() == [theirs.id]
        assert session.get_one(Contact, contact.id).erased_at is None
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id.desc())).first()
    assert actions == "group.delete"
    with pages.sessions.begin() as session, pytest.raises(AudienceRuleError):
        create_audience(session, pages.ours.id, name="Late", rule=rule, by=None)


@pytest.mark.both_databases
def test_group_that_is_gone_is_neither_deleted_nor_renamed(pages: Pages) -> None:
    """Of two who delete one group at once the later finds nothing, and the audit tells of one deletion."""
    with pages.sessions.begin() as session:
        group, by = a_group(session, pages.ours), a_member(session, pages.ours).id

    def act(verb: Callable[..., object], **facts: object) -> None:
        # As whoever opened it before it was gone.
        with pages.sessions.begin() as session:
            verb(session, session.merge(group, load=False), by=by, **facts)

    act(delete_group)
    with pytest.raises(NotFoundError):
        act(delete_group)
    with pytest.raises(NotFoundError):
        act(change_group, kind=GroupKind.PARTNER, name="Late")
    with pages.sessions() as session:
        told = select(AuditEntry.action).where(AuditEntry.action.like("group.%")).order_by(AuditEntry.id)
        assert session.scalars(told).all() == ["group.create", "group.delete"]


def test_count_of_a_group_tells_of_no_single_person(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        group, many = a_group(session, pages.ours), a_group(session, pages.ours, "Many")
        a_group(session, pages.ours, "Nobody")
        set_groups(session, person(session, pages.ours, vault), [group.id])
        for _ in range(21):
            set_groups(session, person(session, pages.ours, vault), [many.id])
        set_groups(session, person(session, pages.theirs, vault), [a_group(session, pages.theirs).id])
    client = client_for(Role.STEWARD)
    # A group of one, made for a file, would tell who said stop to another organisation: they are not put into it.
    counts = re.findall(r'is-number" data-label="People">([^<]+)<', client.get(GROUPS).text)
    assert counts == ["fewer than 20", "20", "fewer than 20"]
    assert "People in it: fewer than 20" in client.get(f"{GROUPS}/{group.id}/delete").text
    assert client_for(Role.AUTHOR).get(GROUPS).status_code == 403
