"""What nobody recorded is settled by receipts and the provider's list, and never sent again on a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.core.crypto import Vault
from campaigns.core.errors import UnavailableError
from campaigns.delivery.engine.retry import MOST_ATTEMPTS
from campaigns.delivery.models import Attempt, Delivery, RunText
from campaigns.delivery.patience import Patience
from campaigns.delivery.queries import progress_of
from campaigns.delivery.reconcile import give_up, reap, reconcile
from campaigns.delivery.standins import stand_in
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.gateways.base import Outgoing
from campaigns.planning.models import Run, RunState
from tests.delivery.builders import TEXT, a_running_run, frozen, minutes_ago
from tests.delivery.provider import MemoryProvider
from tests.factories import a_sender

SENDER = "+15005550006"
PATIENCE = Patience(
    reap_after=timedelta(minutes=5),
    grace=timedelta(minutes=60),
    interval=timedelta(0),
    unconfirmed_after=timedelta(hours=24),
)


class UnreadableProvider(MemoryProvider):
    """Accepts, but shows no list."""

    async def list_to(self, to: str, since: Any) -> Any:
        raise UnavailableError("The list cannot be read.")


def in_doubt(sessions: sessionmaker[Session], vault: Vault, *, count: int = 1, **changes: Any) -> int:
    """Make a run whose deliveries were called two hours ago with unknown outcome; return its id."""
    deliveries = {
        "send_state": SendState.UNKNOWN,
        "intent_at": minutes_ago(120),
        "attempts": 1,
        "token": "t" * 32,
    } | changes.pop("deliveries", {})
    with sessions.begin() as session:
        return a_running_run(session, vault, count=count, deliveries=deliveries, **changes).id


def accept(provider: MemoryProvider, *, number: int = 1, minutes: float = 120, body: str = TEXT) -> str:
    """Let the provider hold a message to the n-th person, made so long ago; return its id."""
    message = provider._accept(Outgoing("", f"+38067{number:07}", body, SENDER, None, 60))
    provider.messages[-1] = type(message)(
        **{
            **{name: getattr(message, name) for name in message.__slots__},
            "created_at": minutes_ago(minutes).replace(microsecond=0),
        }
    )
    return message.provider_id


def ask(sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, times: int = 1) -> int:
    async def database(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    looked = 0
    for _ in range(times):
        looked += asyncio.run(
            reconcile(
                sessions,
                vault=vault,
                open_gateway=lambda sender: provider,
                database=database,  # type: ignore[arg-type]
                patience=PATIENCE,
            )
        )
    return looked


def only(sessions: sessionmaker[Session]) -> Delivery:
    with sessions() as session:
        return session.scalars(select(Delivery)).one()


def looks(sessions: sessionmaker[Session]) -> list[str | None]:
    with sessions() as session:
        return list(session.scalars(select(Attempt.error).order_by(Attempt.id)))


@pytest.mark.parametrize(("receipt", "state"), [({}, SendState.UNKNOWN), ({"receipt_id": 5}, SendState.ACCEPTED)])
def test_reaper_takes_old_calls_only(
    sessions: sessionmaker[Session], vault: Vault, receipt: dict[str, int], state: SendState
) -> None:
    old = {"send_state": SendState.SENDING, "intent_at": minutes_ago(6), "receipt_state": ReceiptState.SENT}
    run_id = in_doubt(sessions, vault, deliveries=old | receipt)
    young = in_doubt(sessions, vault, deliveries=old | {"intent_at": minutes_ago(4)})
    with sessions.begin() as session:
        assert reap(session, reap_after=PATIENCE.reap_after) == 1
    with sessions() as session:
        assert progress_of(session, run_id) == {state: 1}
        assert progress_of(session, young) == {SendState.SENDING: 1}
        assert session.scalars(select(Attempt.outcome)).all() == ["reaped"]


def test_message_in_the_list_is_accepted(sessions: sessionmaker[Session], vault: Vault) -> None:
    in_doubt(sessions, vault)
    provider_id = accept(provider := MemoryProvider())
    ask(sessions, vault, provider)
    assert (only(sessions).send_state, only(sessions).provider_id) == (SendState.ACCEPTED, provider_id)


@pytest.mark.parametrize(
    "other",
    [{"body": "Another text."}, {"number": 2}, {"minutes": 125}, {"minutes": 110}],
    ids=["text", "person", "before", "after"],
)
def test_other_messages_are_not_taken(
    sessions: sessionmaker[Session], vault: Vault, other: dict[str, Any]
) -> None:
    in_doubt(sessions, vault)
    accept(provider := MemoryProvider(), **other)
    ask(sessions, vault, provider)
    assert only(sessions).send_state == SendState.UNKNOWN


def test_absent_message_is_never_sent_by_itself(sessions: sessionmaker[Session], vault: Vault) -> None:
    in_doubt(sessions, vault, frozen=frozen())
    assert ask(sessions, vault, MemoryProvider(), times=4) == 2
    assert only(sessions).send_state == SendState.UNKNOWN
    assert looks(sessions) == ["absent", "absent"]


def test_absent_twice_is_sent_again_where_chosen(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id = in_doubt(sessions, vault, frozen=frozen(resend_unknown=True), state=RunState.DONE)
    ask(sessions, vault, MemoryProvider())
    assert only(sessions).send_state == SendState.UNKNOWN
    ask(sessions, vault, MemoryProvider())
    assert (only(sessions).send_state, only(sessions).token) == (SendState.QUEUED, None)
    with sessions() as session:
        assert session.get_one(Run, run_id).state == RunState.RUNNING


def test_message_is_not_sent_again_for_ever(sessions: sessionmaker[Session], vault: Vault) -> None:
    in_doubt(sessions, vault, frozen=frozen(resend_unknown=True))
    with sessions.begin() as session:
        session.execute(update(Delivery).values(attempts=MOST_ATTEMPTS))
    ask(sessions, vault, MemoryProvider(), times=2)
    assert (only(sessions).send_state, looks(sessions)) == (SendState.UNKNOWN, ["absent", "absent"])


def test_workers_that_look_at_once_look_once(sessions: sessionmaker[Session], vault: Vault) -> None:
    class AskedTwice(MemoryProvider):
        """Another worker's whole look falls into ours."""

        async def list_to(self, to: str, since: Any) -> Any:
            await asyncio.to_thread(ask, sessions, vault, MemoryProvider())
            return []

    run_id = in_doubt(sessions, vault, frozen=frozen(resend_unknown=True))
    ask(sessions, vault, AskedTwice())
    assert looks(sessions) == ["absent"]
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.UNKNOWN: 1}


def test_two_candidates_are_flagged(sessions: sessionmaker[Session], vault: Vault) -> None:
    in_doubt(sessions, vault, frozen=frozen(resend_unknown=True))
    provider = MemoryProvider()
    accept(provider)
    accept(provider)
    ask(sessions, vault, provider, times=3)
    assert only(sessions).send_state == SendState.UNKNOWN
    assert set(looks(sessions)) == {"ambiguous"}


def test_one_message_settles_one_delivery(sessions: sessionmaker[Session], vault: Vault) -> None:
    runs = [in_doubt(sessions, vault) for _ in range(2)]
    accept(provider := MemoryProvider())
    ask(sessions, vault, provider)
    with sessions() as session:
        states = sorted(next(iter(progress_of(session, run_id))) for run_id in runs)
    assert states == [SendState.ACCEPTED, SendState.UNKNOWN]


def test_grace_is_waited_for(sessions: sessionmaker[Session], vault: Vault) -> None:
    in_doubt(sessions, vault, deliveries={"intent_at": minutes_ago(59)})
    assert ask(sessions, vault, MemoryProvider()) == 0


def test_unreadable_list_decides_nothing(sessions: sessionmaker[Session], vault: Vault) -> None:
    in_doubt(sessions, vault, frozen=frozen(resend_unknown=True))
    assert ask(sessions, vault, UnreadableProvider(), times=3) == 0
    assert only(sessions).send_state == SendState.UNKNOWN


def test_provider_that_keeps_no_list_is_not_asked(sessions: sessionmaker[Session], vault: Vault) -> None:
    in_doubt(sessions, vault, frozen=frozen(resend_unknown=True))
    provider = UnreadableProvider()
    provider.keeps_list = False
    assert ask(sessions, vault, provider, times=2) == 0
    assert (only(sessions).send_state, looks(sessions)) == (SendState.UNKNOWN, [])


def test_text_of_a_template_is_the_providers(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, channel=Channel.WHATSAPP)
    in_doubt(sessions, vault, sender=sender)
    with sessions.begin() as session:
        session.execute(update(RunText).values(content_sid="HX1"))
    provider_id = accept(provider := MemoryProvider(), body="As WhatsApp writes it")
    ask(sessions, vault, provider)
    assert (only(sessions).send_state, only(sessions).provider_id) == (SendState.ACCEPTED, provider_id)


def test_rehearsal_is_looked_up_by_its_stand_in(sessions: sessionmaker[Session], vault: Vault) -> None:
    in_doubt(sessions, vault, is_rehearsal=True)
    provider = MemoryProvider()
    handle = stand_in(only(sessions).id, Channel.SMS, "UA")
    provider._accept(Outgoing("", handle, TEXT, SENDER, None, 60))
    provider.messages[0] = replace(provider.messages[0], created_at=minutes_ago(120).replace(microsecond=0))
    ask(sessions, vault, provider)
    assert only(sessions).send_state == SendState.ACCEPTED


@pytest.mark.parametrize(
    ("minutes", "receipt_id", "state"),
    [(1441, None, SendState.UNCONFIRMED), (1439, None, SendState.UNKNOWN), (1441, 3, SendState.UNKNOWN)],
)
def test_day_without_news_is_unconfirmed(
    sessions: sessionmaker[Session], vault: Vault, minutes: int, receipt_id: int | None, state: SendState
) -> None:
    in_doubt(sessions, vault)
    with sessions.begin() as session:
        session.execute(update(Delivery).values(intent_at=minutes_ago(minutes), receipt_id=receipt_id))
    with sessions.begin() as session:
        give_up(session, unconfirmed_after=PATIENCE.unconfirmed_after)
    assert only(sessions).send_state == state


def test_long_outage_gives_nothing_up(sessions: sessionmaker[Session], vault: Vault) -> None:
    """Who was reaped only now is asked about at the provider before a member may send again."""
    in_doubt(sessions, vault)
    with sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=SendState.SENDING, intent_at=minutes_ago(2000)))
    with sessions.begin() as session:
        assert reap(session, reap_after=PATIENCE.reap_after) == 1
    for minutes, state in ((0, SendState.UNKNOWN), (1439, SendState.UNKNOWN), (1441, SendState.UNCONFIRMED)):
        with sessions.begin() as session:
            session.execute(update(Attempt).values(at=minutes_ago(minutes)))
            give_up(session, unconfirmed_after=PATIENCE.unconfirmed_after)
        assert only(sessions).send_state == state


@pytest.mark.parametrize("minutes", [135, 60], ids=["our clock ahead", "our clock behind"])
def test_wrong_clock_sends_nothing_twice(sessions: sessionmaker[Session], vault: Vault, minutes: float) -> None:
    in_doubt(sessions, vault, frozen=frozen(resend_unknown=True))
    accept(provider := MemoryProvider(), minutes=minutes)
    ask(sessions, vault, provider, times=3)
    assert only(sessions).send_state == SendState.UNKNOWN
    assert looks(sessions) == ["ambiguous"] * 3
