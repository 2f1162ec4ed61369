"""What runs cost is counted by sender and country, again while it moves, and never for rehearsals."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import RunText
from campaigns.delivery.rehearsal_addresses import nobodys
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState
from campaigns.planning.spending.models import RunCost
from campaigns.planning.spending.queries import load_month
from campaigns.planning.spending.service import expect_cost
from campaigns.reach.counting.run_costs import recount_costs
from tests.factories import (
    NOON,
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_run,
    a_sender,
    add,
    an_address,
    an_organisation,
)


def a_paid_run(session: Session, vault: Vault, **changes: object) -> Run:
    """A run of texts of two parts: one taken and one waiting for Ukraine, one of an erased person of Poland."""
    owner = an_organisation(session)
    sender = a_sender(session, prices={"UA": "0.10", "*": "0.02"})
    run = a_run(session, a_campaign(session, owner, a_member(session, owner), sender=sender), **changes)
    text = add(session, RunText(run_id=run.id, language="uk", body="x", parts=2)).id
    contact = a_contact(session, owner)
    address = an_address(session, contact, vault, country="UA")
    sent = {"text_id": text, "send_state": SendState.ACCEPTED}
    a_delivery(session, run, address_id=address.id, **sent)
    a_delivery(session, run, address_id=address.id, text_id=text, send_state=SendState.QUEUED)
    a_delivery(session, run, address_id=address.id, text_id=text, send_state=SendState.FAILED)
    a_delivery(session, run, address_id=nobodys("PL"), **sent)
    return run


def costs(sessions: sessionmaker[Session]) -> dict[str, tuple[int, int, int, int]]:
    with sessions() as session:
        rows = session.scalars(select(RunCost).order_by(RunCost.country))
        return {row.country: (row.messages, row.parts, row.micros, row.coming_micros) for row in rows}


def test_cost_is_counted_by_country_at_the_senders_prices(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_paid_run(session, vault)
    assert recount_costs(sessions) == 1
    assert costs(sessions) == {"PL": (1, 2, 40_000, 0), "UA": (1, 2, 200_000, 200_000)}
    with sessions() as session:
        assert load_month(session, run.organisation_id, now=NOON).spent_cents == 44
        assert load_month(session, run.organisation_id, now=NOON + timedelta(days=31)).spent_cents == 0


def test_a_run_that_moves_is_counted_again(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_paid_run(session, vault)
    recount_costs(sessions)
    assert recount_costs(sessions) == 0
    with sessions.begin() as session:
        a_delivery(session, session.get_one(Run, run.id), address_id=nobodys("PL"), send_state=SendState.ACCEPTED)
    assert recount_costs(sessions, fresh_for=timedelta()) == 1
    assert costs(sessions)["PL"] == (2, 3, 60_000, 0)


def test_nothing_is_counted_of_rehearsals_and_of_what_ended_long_ago(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    with sessions.begin() as session:
        a_paid_run(session, vault, is_rehearsal=True)
        a_paid_run(session, vault, state=RunState.DONE, finished_at=NOON)
    assert recount_costs(sessions) == 1
    with clock.running_on(lambda: NOON + timedelta(days=400)):
        assert recount_costs(sessions, fresh_for=timedelta()) == 0


def test_what_is_expected_of_a_run_stands_until_all_its_messages_exist(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    with sessions.begin() as session:
        run = a_paid_run(session, vault, state=RunState.PLANNING, started_at=None)
        expect_cost(session, run, Decimal(80), now=NOON)
    assert recount_costs(sessions) == 0
    with sessions.begin() as session:
        assert load_month(session, run.organisation_id, now=NOON).spent_cents == 80_00
        session.get_one(Run, run.id).started_at = NOON
    assert recount_costs(sessions) == 1
    with sessions() as session:
        assert load_month(session, run.organisation_id, now=NOON).spent_cents == 44
