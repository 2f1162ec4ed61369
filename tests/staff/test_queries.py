"""One scoping function for every tenant's query, and who did what to a thing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from campaigns.audience.models import Audience
from campaigns.core.errors import NotFoundError
from campaigns.staff.audit import record
from campaigns.staff.models import AuditEntry
from campaigns.staff.queries import get_owned, select_actors, select_acts
from tests.factories import NOON, an_audience, an_organisation


def test_foreign_and_missing_raise_the_same(session: Session) -> None:
    ours, theirs = an_organisation(session), an_organisation(session)
    audience = an_audience(session, theirs)
    with pytest.raises(NotFoundError) as foreign:
        get_owned(session, Audience, audience.id, ours.id)
    with pytest.raises(NotFoundError) as missing:
        get_owned(session, Audience, 999_999, ours.id)
    assert str(foreign.value) == str(missing.value)
    assert get_owned(session, Audience, audience.id, theirs.id) is audience


def test_actors_are_members_who_did_it(session: Session) -> None:
    ours = an_organisation(session)
    for action, member_id in (("a.edit", 1), ("a.edit", 1), ("a.read", 2), ("a.edit", None)):
        record(session, action, subject=ours, organisation_id=ours.id, member_id=member_id)
    assert list(session.scalars(select_actors("organisation", ours.id, ["a.edit"]))) == [1]


def test_acts_of_the_last_days_are_found_without_reading_the_trail(session: Session) -> None:
    ours = an_organisation(session)
    entry = {"organisation_id": ours.id, "subject_type": "organisation", "subject_id": ours.id, "detail": {}}
    entry |= {"previous_hash": "", "hash": "", "member_id": None}
    rows = [entry | {"action": "a.common", "at": NOON + timedelta(seconds=number)} for number in range(5_000)]
    rows += [entry | {"action": "a.rare", "at": NOON + timedelta(hours=hour)} for hour in (1, 3, 2, -200)]
    session.execute(insert(AuditEntry), rows)
    session.execute(text("ANALYZE audit_entry"))
    rare = select_acts(ours.id, "a.rare", since=NOON)
    assert [each.at.hour for each, _name in session.execute(rare)] == [15, 14, 13]
    dialect = session.get_bind().dialect
    for action in ("a.rare", "a.never"):
        wanted = select_acts(ours.id, action, since=NOON).limit(8)
        written = wanted.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN" if dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = " ".join(map(str, session.execute(text(f"{explain} {written}"))))
        assert "ix_audit_entry_act" in plan
