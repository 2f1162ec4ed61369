"""The example can be rehearsed by one member at once, never be sent, and leaves nothing behind."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import Table, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import RefusedError
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunText
from campaigns.directory.models import Service
from campaigns.example.models import ExamplePart
from campaigns.example.queries import find_example
from campaigns.example.service import Names, add_example, keep_example, throw_example_away
from campaigns.messages.models import Message, TranslationState
from campaigns.places.models import Place, Route
from campaigns.places.service import load_regions
from campaigns.planning.models import Campaign, CampaignState, Run, RunState, Sender
from campaigns.planning.policy import USUAL
from campaigns.planning.runs.rehearsal import rehearse
from campaigns.planning.service import duplicate_campaign, submit_campaign
from campaigns.schema import metadata
from campaigns.staff.models import Organisation, Role
from tests.factories import NOON, a_member, a_sender, an_organisation

NAMES = Names("Message", "Correction", "Audience", "Sender", "Campaign")
#: What remembers what happened, and stays.
KEPT = {"audit_entry", "cell_change", "leaky_bucket", "high_water"}


@pytest.fixture
def ours(sessions: sessionmaker[Session]) -> Organisation:
    with sessions.begin() as session:
        load_regions(session)
        ours = an_organisation(session)
        a_member(session, ours, Role.AUTHOR, Role.ADMIN)
        return ours


def member_of(session: Session, ours: Organisation) -> int:
    return session.scalars(select(Campaign.created_by_id).where(Campaign.organisation_id == ours.id)).one()


def added(session: Session, ours: Organisation) -> Campaign:
    by = a_member(session, ours, Role.AUTHOR).id
    return add_example(session, session.merge(ours), names=NAMES, by=by)


def rows(session: Session) -> dict[str, int]:
    """Count the rows of every table that does not only remember what happened."""
    tables: list[Table] = [table for table in metadata.sorted_tables if table.name not in KEPT]
    return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


@pytest.mark.one_database
def test_one_member_rehearses_it_at_once(sessions: sessionmaker[Session], ours: Organisation) -> None:
    with sessions.begin() as session:
        campaign = added(session, ours)
        run_id = rehearse(session, campaign, by=campaign.created_by_id, now=NOON).id
    fan_out(sessions, run_id, policy=USUAL)
    with sessions() as session:
        texts = {text.id: text for text in session.scalars(select(RunText).where(RunText.run_id == run_id))}
        got = Counter(texts[each.text_id].language for each in session.scalars(select(Delivery)))
        assert got == dict.fromkeys(("en", "uk", "ru", "pl", "ro", "ar"), 20)
        # Nobody has verified a helpline: the emergency number stands in.
        numbers = ["".join(filter(str.isdigit, text.body or "")) for text in texts.values()]
        assert set(numbers) == {"112"}


@pytest.mark.one_database
def test_nothing_of_it_is_reviewed_or_verified(sessions: sessionmaker[Session], ours: Organisation) -> None:
    with sessions.begin() as session:
        campaign = added(session, ours)
        assert campaign.correction is not None
        messages = (campaign.message, campaign.correction)
        states = {each.state for message in messages for each in message.translations}
        assert states == {TranslationState.TRANSLATED}
        assert {service.country for service in session.scalars(select(Service))} == {"PL", "UA"}
        assert set(session.scalars(select(Service.verified_on))) == {None}
        assert (session.query(Place).count(), session.query(Route).count()) == (5, 1)


@pytest.mark.one_database
def test_it_is_never_sent(sessions: sessionmaker[Session], ours: Organisation) -> None:
    with sessions.begin() as session:
        campaign = added(session, ours)
        with pytest.raises(RefusedError, match="rehearsed and never sent"):
            submit_campaign(session, campaign, by=campaign.created_by_id)
        campaign_id = campaign.id
    with sessions() as session:
        session.get_one(Campaign, campaign_id).state = CampaignState.APPROVED
        with pytest.raises(IntegrityError):
            session.flush()


def test_it_goes_without_a_trace(sessions: sessionmaker[Session], ours: Organisation) -> None:
    with sessions.begin() as session:
        by = a_member(session, ours, Role.AUTHOR).id
        before = rows(session)
        campaign = add_example(session, session.merge(ours), names=NAMES, by=by)
        run_id = rehearse(session, campaign, by=by, now=NOON).id
    with sessions.begin() as session, pytest.raises(RefusedError, match="is being sent"):
        throw_example_away(session, session.merge(ours), by=by)
    fan_out(sessions, run_id, policy=USUAL)
    with sessions.begin() as session:
        session.get_one(Run, run_id).state = RunState.STOPPED
    with sessions.begin() as session:
        throw_example_away(session, session.merge(ours), by=by)
    with sessions.begin() as session:
        assert rows(session) == before
        # It comes again as it was.
        add_example(session, session.merge(ours), names=NAMES, by=by)


def test_what_is_used_elsewhere_stays(sessions: sessionmaker[Session], ours: Organisation) -> None:
    with sessions.begin() as session:
        campaign = added(session, ours)
        own_id = duplicate_campaign(session, campaign, by=campaign.created_by_id).id
    with sessions.begin() as session:
        throw_example_away(session, session.merge(ours), by=member_of_own(session, own_id))
    with sessions() as session:
        own = session.get_one(Campaign, own_id)
        assert (own.is_example, own.message.title, own.audience.name) == (False, "Message", "Audience")
        # The audience has the route that it names.
        assert (session.query(Route).count(), session.query(Place).count()) == (1, 5)
        assert session.query(ExamplePart).count() == 0


def member_of_own(session: Session, campaign_id: int) -> int:
    return session.get_one(Campaign, campaign_id).created_by_id


def test_it_is_kept_as_ones_own(sessions: sessionmaker[Session], ours: Organisation) -> None:
    with sessions.begin() as session:
        campaign = added(session, ours)
        with pytest.raises(RefusedError, match="there already"):
            added(session, ours)
        keep_example(session, session.merge(ours), by=campaign.created_by_id)
        assert find_example(session, ours.id) is None
        assert session.query(Message).count() == 2
        with pytest.raises(RefusedError, match="no example"):
            throw_example_away(session, session.merge(ours), by=campaign.created_by_id)
        # From here on it needs a reviewer before it can even be rehearsed.
        with pytest.raises(Exception, match="no reviewed text"):
            rehearse(session, campaign, by=campaign.created_by_id, now=NOON)


def test_what_was_kept_is_not_changed_by_another(sessions: sessionmaker[Session], ours: Organisation) -> None:
    with sessions.begin() as session:
        by = added(session, ours).created_by_id
        keep_example(session, session.merge(ours), by=by)
        place = session.scalars(select(Place).where(Place.key == "example-lviv")).one()
        place.name = "Our own"
        session.scalars(select(Sender)).one().active = False
    with sessions() as session:
        before = rows(session)
        with pytest.raises(RefusedError, match="earlier example are yours now"):
            add_example(session, session.merge(ours), names=NAMES, by=by)
        assert (rows(session), session.get_one(Place, place.id).name) == (before, "Our own")


@pytest.mark.one_database
def test_numbers_of_examples_differ(sessions: sessionmaker[Session], ours: Organisation) -> None:
    with sessions.begin() as session:
        a_sender(session, gateway="twilio", identity=f"+447700900{200 + ours.id % 800}")
        assert added(session, ours).sender.identity == f"+447700900{201 + ours.id % 800}"
