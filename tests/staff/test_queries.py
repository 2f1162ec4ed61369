"""One scoping function for every tenant's query, and who did what to a thing."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.models import Audience
from campaigns.core.errors import NotFoundError
from campaigns.staff.audit import record
from campaigns.staff.queries import get_owned, select_actors
from tests.factories import an_audience, an_organisation


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
