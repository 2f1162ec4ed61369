"""Each person gets the words of the channel on which they are written to, also after falling back to another."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.one_person.channel_fallback import fall_back
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import Policy
from tests.delivery.builders import a_planned_run, frozen, give_addresses, people
from tests.factories import a_sender

pytestmark = pytest.mark.one_database

TEXTS = {"en": "Keep your passport with you."}
WORDINGS = {"en": {"sms": "Keep your passport.", "telegram": "Your passport stays with you: always."}}


def planned(sessions: sessionmaker[Session], vault: Vault, *, third: Channel | None = None, **changes: Any) -> int:
    """Plan a run over Telegram first and SMS second: two people have both, and the `third`; one has SMS only."""
    with sessions.begin() as session:
        senders = [a_sender(session, channel=Channel.TELEGRAM, name="Bot"), a_sender(session)]
        senders += [a_sender(session, channel=third, name="Third")] if third else []
        values: dict[str, Any] = {"texts": TEXTS, "wordings": WORDINGS}
        run = a_planned_run(session, senders=senders, frozen=frozen(**values | changes))
        contacts = people(session, run.organisation_id, vault, count=3)
        give = {"prefix": "7", "channel": Channel.TELEGRAM}
        give_addresses(session, run.organisation_id, vault, contacts[:2], **give)
        if third:
            give_addresses(session, run.organisation_id, vault, contacts[:2], prefix="+38067", channel=third)
        run_id = run.id
    fan_out(sessions, run_id, policy=Policy(36_500))
    return run_id


def words(sessions: sessionmaker[Session], run_id: int) -> list[tuple[str, str | None]]:
    said = select(Delivery.channel, RunText.body).join(RunText, RunText.id == Delivery.text_id)
    with sessions() as session:
        rows = session.execute(said.where(Delivery.run_id == run_id).order_by(Delivery.id)).all()
    return [(str(channel), body) for channel, body in rows]


@pytest.mark.both_databases
def test_each_channel_says_its_own_words(sessions: sessionmaker[Session], vault: Vault) -> None:
    found = words(sessions, planned(sessions, vault))
    telegram, sms = WORDINGS["en"]["telegram"], WORDINGS["en"]["sms"]
    assert sorted(found) == [("sms", sms), ("telegram", telegram), ("telegram", telegram)]


def test_who_falls_back_gets_the_words_of_the_other_channel(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = planned(sessions, vault)
    with sessions.begin() as session:
        failed = session.scalars(select(Delivery).where(Delivery.channel == Channel.TELEGRAM)).all()
        for delivery in failed:
            delivery.send_state, delivery.error = SendState.FAILED, "403"
        session.flush()
        assert fall_back(session, [delivery.id for delivery in failed]) == 2
    assert {body for _channel, body in words(sessions, run_id)} == {WORDINGS["en"]["sms"]}


def test_who_falls_back_is_told_how_to_stop_as_the_other_sender_hears(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    """A bot hears every answer; an SMS to a number of no known country counts as one that nobody can answer."""
    run_id = planned(sessions, vault, texts={"en": "Keep it. ((stop))"}, wordings={})
    heard = "Keep it. No more messages: STOP"
    assert sorted(words(sessions, run_id)) == [("sms", "Keep it."), ("telegram", heard), ("telegram", heard)]
    with sessions.begin() as session:
        failed = session.scalars(select(Delivery).where(Delivery.channel == Channel.TELEGRAM)).all()
        for delivery in failed:
            delivery.send_state, delivery.error = SendState.FAILED, "403"
        session.flush()
        assert fall_back(session, [delivery.id for delivery in failed]) == 2
    assert words(sessions, run_id) == [("sms", "Keep it.")] * 3


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("third", "moved", "ends"), [(None, 0, Channel.TELEGRAM), (Channel.WHATSAPP, 2, Channel.WHATSAPP)]
)
def test_nobody_falls_back_to_a_channel_whose_own_words_name_a_number_that_is_not_there(
    sessions: sessionmaker[Session], vault: Vault, third: Channel | None, moved: int, ends: Channel
) -> None:
    """As nobody was planned for it; what failed stays as it is, or goes on over a sender after that one."""
    own = {"wordings": {"en": {"sms": "Your passport is yours. ((hotline))"}}}
    templates = {"en": {"content_sid": "HX1", "slots": []}}
    run_id = planned(sessions, vault, third=third, templates=templates, **own)
    assert words(sessions, run_id) == [("telegram", TEXTS["en"])] * 2
    with sessions.begin() as session:
        failed = session.scalars(select(Delivery)).all()
        for delivery in failed:
            delivery.send_state, delivery.error = SendState.FAILED, "403"
        session.flush()
        assert fall_back(session, [delivery.id for delivery in failed]) == moved
    assert words(sessions, run_id) == [(str(ends), TEXTS["en"])] * 2
    with sessions() as session:
        errors = set(session.scalars(select(Delivery.error)))
    assert errors == ({None} if moved else {"403"})


def test_only_sms_is_held_to_its_parts(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = planned(sessions, vault, max_parts=1)
    with sessions() as session:
        assert session.get_one(Run, run_id).state == RunState.RUNNING
    assert {len(body or "") for _channel, body in words(sessions, run_id)} == {19, 37}


def test_runs_without_such_words_share_one_text(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run_id = (run := a_planned_run(session)).id
        people(session, run.organisation_id, vault, count=2)
    fan_out(sessions, run_id, policy=Policy(36_500))
    with sessions() as session:
        assert session.scalars(select(RunText.channel).where(RunText.run_id == run_id)).all() == [""]
