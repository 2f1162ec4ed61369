"""One pass over all deliveries finds what each crowd's own statements find, whoever had one message or several."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.core.database import one_moment
from campaigns.delivery.models import RunText
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.models import PlaceCell
from campaigns.planning.models import RunState
from campaigns.reach.counting.crowd_pass import count_crowds
from campaigns.reach.counting.service import count_crowd
from campaigns.reach.counting.unique_people import Crowd, Measure
from campaigns.reach.models import Scope
from tests.factories import (
    NOON,
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_place,
    a_region,
    a_run,
    add,
    an_organisation,
)

Sessions = sessionmaker[Session]
MONTHS = tuple(f"{NOON + timedelta(days=31 * number):%Y-%m}" for number in range(3))


@pytest.fixture(params=[1, 2])
def crowds(request: pytest.FixtureRequest, sessions: Sessions) -> list[Crowd]:
    """Twenty people, some of them in several runs, campaigns and months, beside an organisation of others."""
    chance = Random(request.param)
    with sessions.begin() as session:
        ours = an_organisation(session)
        crowds = [Crowd(Scope.ORGANISATION, ours.id), *(Crowd(Scope.MONTH, ours.id, each) for each in MONTHS)]
        place = a_place(session, ours)
        session.add(PlaceCell(cell=7, place_id=place.id, leg=0))
        regions = [0, a_region(session, code="PL-02").id, a_region(session, code="PL-04").id]
        people = [a_contact(session, ours, cell=chance.choice([7, 8])) for _ in range(20)]
        for organisation in (ours, ours, an_organisation(session)):
            campaign = a_campaign(session, organisation, a_member(session, organisation))
            crowds += [Crowd(Scope.CAMPAIGN, campaign.id)] if organisation is ours else []
            for _ in range(2):
                run = a_run(session, campaign, state=RunState.DONE, is_rehearsal=chance.random() < 0.2)
                texts = [add(session, RunText(run_id=run.id, language=code, body="x")).id for code in ("uk", "ru")]
                for person in chance.sample(people, 8):
                    a_delivery(
                        session,
                        run,
                        contact_id=person.id,
                        channel=chance.choice(list(Channel)),
                        text_id=chance.choice([0, *texts]),
                        region_id=chance.choice(regions),
                        send_state=chance.choice([SendState.ACCEPTED, SendState.ACCEPTED, *SendState]),
                        receipt_state=chance.choice([None, *ReceiptState, ReceiptState.READ, ReceiptState.READ]),
                        intent_at=chance.choice([None, NOON + timedelta(days=chance.randrange(80))]),
                    )
        for person in people[:5]:
            hear(session, person.id)
    return crowds


def hear(session: Session, contact_id: int) -> None:
    """Let a person write back after two months."""
    values = {"gateway": "twilio", "provider_id": f"SM{contact_id}", "channel": Channel.SMS}
    sealed = {"lookup": b"l" * 32, "sealed_text": b"", "received_at": NOON + timedelta(days=60)}
    add(session, Reply(contact_id=contact_id, kind=ReplyKind.TEXT, **values, **sealed))


def test_pass_finds_what_each_statement_finds(sessions: Sessions, crowds: list[Crowd]) -> None:
    def in_order(rows: list[dict[str, object]]) -> list[str]:
        return sorted(str(sorted((name, str(value)) for name, value in row.items())) for row in rows)

    (organisation_id,) = {crowd.scope_id for crowd in crowds if crowd.scope is Scope.ORGANISATION}
    with one_moment(sessions) as session:
        found = count_crowds(session, organisation_id, crowds)
        asked = {crowd: count_crowd(session, crowd) for crowd in crowds}
    assert {crowd: in_order(rows) for crowd, rows in found.items()} == {
        crowd: in_order(rows) for crowd, rows in asked.items()
    }
    assert {row["measure"] for rows in found.values() for row in rows} == set(Measure)
