"""Whoever complains is told by itself who reads it: by day, and never after a stop."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.inbox.automatic.chosen_texts import choose
from campaigns.inbox.conversations.models import Answer, Occasion
from campaigns.staff.models import Member, Role
from tests.factories import a_message, a_sender
from tests.inbox.builders import OURS
from tests.inbox.complaints.test_complaints import TOLD, WORDS, mark, name_readers
from tests.inbox.conversations.test_pages import hear
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database


@pytest.fixture
def marking(pages: Pages) -> Member:
    """A member of an organisation that has a text for complaints, and somebody who reads them."""
    member = pages.member(Role.RESPONDER)
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, identity=OURS)
        ours = session.merge(pages.ours)
        message = a_message(session, ours, {"en": TOLD}, title="Complaint")
        choose(session, ours, {Occasion.COMPLAINT: message.id}, by=member.id)
    name_readers(pages, pages.member(Role.VIEWER))
    return member


def zone_where_it_is(hour: int) -> str:
    """Return a time zone whose clock shows this hour now."""
    ahead = (hour - clock.now().hour + 11) % 24 - 11
    # The signs of these zones are those of POSIX: west is positive.
    return f"Etc/GMT{-ahead:+d}"


@pytest.mark.parametrize(("hour", "is_night"), [(3, True), (12, False)])
def test_nobody_is_woken_by_it(pages: Pages, vault: Vault, marking: Member, hour: int, is_night: bool) -> None:
    which = hear(pages, vault, WORDS)
    with pages.sessions.begin() as session:
        session.execute(update(Contact).values(time_zone=zone_where_it_is(hour)))
    mark(pages, which, marking)
    with pages.sessions() as session:
        told = session.scalars(select(Answer).where(Answer.occasion == Occasion.COMPLAINT)).one()
        row = session.scalars(select(Delivery).where(Delivery.run_id == told.run_id)).one()
    later = row.due_at - clock.now()
    assert (later > timedelta(hours=4), later <= timedelta()) == (is_night, not is_night)
    assert row.due_at < row.expires_at <= row.due_at + timedelta(hours=1)


def test_whoever_said_stop_before_is_answered_by_a_member_alone(
    pages: Pages, vault: Vault, marking: Member
) -> None:
    which = hear(pages, vault, WORDS)
    hear(pages, vault, "STOP")
    hear(pages, vault, WORDS)
    mark(pages, which, marking)
    with pages.sessions() as session:
        assert session.scalars(select(Answer).where(Answer.occasion == Occasion.COMPLAINT)).all() == []
