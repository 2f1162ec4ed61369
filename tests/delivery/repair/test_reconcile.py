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

from campaigns.audience.models import Address, Channel
from campaigns.core.errors import UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import NOBODYS, token_of
from campaigns.delivery.lanes.call_limits import MOST_ATTEMPTS
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.models import Attempt, Delivery, FormerText, RunText, SenderAccount
from campaigns.delivery.queries import progress_of
from campaigns.delivery.rehearsal_addresses import stand_in
from campaigns.delivery.repair import doubts
from campaigns.delivery.repair import reconcile as reconcile_module
from campaigns.delivery.repair.doubts import account_at
from campaigns.delivery.repair.reconcile import give_up, reap, reconcile
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.delivery.timeouts import Patience
from campaigns.gateways.base import Outgoing
from campaigns.planning.models import Run, RunState
from tests.delivery.builders import TEXT, a_running_run, frozen, minutes_ago
from tests.delivery.provider import MemoryProvider
from tests.factories import a_sender

pytestmark = pytest.mark.one_database

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
        run = a_running_run(session, vault, count=count, deliveries=deliveries, **changes)
        note_account(session, run, MemoryProvider.account, minutes=600)
        return run.id


def note_account(session: Session, run: Run, account: str, *, minutes: float) -> None:
    """Let the sender of a run be served over an account since so long ago."""
    session.add(
        SenderAccount(
            sender_id=run.sender_id, is_rehearsal=run.is_rehearsal, account=account, since=minutes_ago(minutes)
        )
    )


def accept(
    provider: MemoryProvider, *, number: int = 1, minutes: float = 120, body: str = TEXT, sender: str = SENDER
) -> str:
    """Let the provider hold a message to the n-th person, made so long ago; return its id."""
    message = provider._accept(Outgoing("", f"+38067{number:07}", body, sender, None, 60))
    provider.messages[-1] = type(message)(
        **{
            **{name: getattr(message, name) for name in message.__slots__},
            "created_at": minutes_ago(minutes).replace(microsecond=0),
        }
    )
    return message.provider_id


def ask(
    sessions: sessionmaker[Session],
    vault: Vault,
    provider: MemoryProvider | Callable[[SenderFacts], MemoryProvider],
    times: int = 1,
) -> int:
    """Ask the lists so many times; return how many deliveries were looked up."""

    async def database(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    looked = 0
    for _ in range(times):
        found = asyncio.run(
            reconcile(
                sessions,
                vault=vault,
                open_gateway=lambda sender: provider if isinstance(provider, MemoryProvider) else provider(sender),
                database=database,
                patience=PATIENCE,
            )
        )
        looked += found.count
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


def test_text_with_a_link_of_their_own_is_known_again(sessions: sessionmaker[Session], vault: Vault) -> None:
    in_doubt(sessions, vault)
    link = "Keep it. https://info.example/en/e/"
    with sessions.begin() as session:
        session.execute(update(RunText).values(body=link + NOBODYS))
        address = session.scalars(select(Address)).one()
    provider_id = accept(provider := MemoryProvider(), body=link + token_of(address.id, address.lookup, vault))
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
    sweep(sessions)
    with sessions() as session:
        assert session.get_one(Run, run_id).state == RunState.RUNNING


def test_what_a_restore_made_doubtful_is_never_sent_by_itself(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    """Its provider may have it from days before the release, in other words: the list of a day does not tell."""
    released = {"token": None, "attempts": 0}
    in_doubt(sessions, vault, frozen=frozen(resend_unknown=True), deliveries=released)
    accept(provider := MemoryProvider(), minutes=2 * 24 * 60, body="Another text.")
    ask(sessions, vault, provider, times=3)
    assert only(sessions).send_state == SendState.UNKNOWN


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


@pytest.mark.parametrize(("minutes", "state"), [(60, SendState.ACCEPTED), (180, SendState.UNKNOWN)])
def test_list_is_compared_with_what_was_said_then(
    sessions: sessionmaker[Session], vault: Vault, minutes: int, state: SendState
) -> None:
    """The run's text was written anew, after the call or before it; the list has the old one."""
    in_doubt(sessions, vault)
    with sessions.begin() as session:
        text = session.scalars(select(RunText)).one()
        session.add(FormerText(text_id=text.id, until=minutes_ago(minutes), body="The old number", parts=1))
    accept(provider := MemoryProvider(), body="The old number")
    ask(sessions, vault, provider)
    assert only(sessions).send_state == state


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
    ask(sessions, vault, MemoryProvider())
    with sessions.begin() as session:
        session.execute(update(Delivery).values(intent_at=minutes_ago(minutes), receipt_id=receipt_id))
    with sessions.begin() as session:
        give_up(session, unconfirmed_after=PATIENCE.unconfirmed_after)
    assert only(sessions).send_state == state


@pytest.mark.both_databases
def test_long_outage_gives_nothing_up(sessions: sessionmaker[Session], vault: Vault) -> None:
    """Who was reaped only now is asked about at the provider before a member may send again."""
    in_doubt(sessions, vault)
    with sessions.begin() as session:
        session.execute(update(Delivery).values(send_state=SendState.SENDING, intent_at=minutes_ago(2000)))
    with sessions.begin() as session:
        assert reap(session, reap_after=PATIENCE.reap_after) == 1
    ask(sessions, vault, MemoryProvider())
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


#: What a provider may make of a text of ours, or of who sent it.
ALTERED: dict[str, dict[str, str]] = {
    "trial prefix": {"body": f"Sent from your Twilio trial account - {TEXT}"},
    "lost last letter": {"body": TEXT[:-1]},
    "redacted": {"body": ""},
    "service instead of number": {"sender": "MG" + "0" * 32},
    "another number of the account": {"sender": "+15005550009"},
}


@pytest.mark.parametrize("altered", ALTERED.values(), ids=ALTERED)
def test_altered_message_is_never_taken_for_absent(
    sessions: sessionmaker[Session], vault: Vault, altered: dict[str, Any]
) -> None:
    in_doubt(sessions, vault, frozen=frozen(resend_unknown=True))
    accept(provider := MemoryProvider(), **altered)
    ask(sessions, vault, provider, times=3)
    assert only(sessions).send_state == SendState.UNKNOWN
    assert looks(sessions) == ["ambiguous"] * 3


@pytest.mark.both_databases
def test_what_other_deliveries_explain_speaks_against_nothing(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    """A person who got another run's message in the same minute is still found to lack this one."""
    provider = MemoryProvider()
    other = accept(provider, body="Another text.")
    got = {"send_state": SendState.ACCEPTED, "provider_id": other}
    in_doubt(sessions, vault, deliveries=got)
    doubtful = in_doubt(sessions, vault)
    ask(sessions, vault, provider)
    assert looks(sessions) == ["absent"]
    with sessions() as session:
        assert progress_of(session, doubtful) == {SendState.UNKNOWN: 1}


@pytest.mark.both_databases
@pytest.mark.parametrize("account", ["AC2", ""], ids=["another since", "not known"])
def test_list_of_another_account_is_not_believed(
    sessions: sessionmaker[Session], vault: Vault, account: str
) -> None:
    """The credential opens another account than the one the message was called over: its list has nothing."""
    in_doubt(sessions, vault, frozen=frozen(resend_unknown=True))
    with sessions.begin() as session:
        session.execute(update(SenderAccount).values(account=account or MemoryProvider.account))
        if not account:
            session.execute(update(SenderAccount).values(since=minutes_ago(10)))
    ask(sessions, vault, MemoryProvider(), times=3)
    assert only(sessions).send_state == SendState.UNKNOWN
    assert looks(sessions) == ["unbelieved"] * 3


def test_account_is_the_one_of_the_call(sessions: sessionmaker[Session], vault: Vault) -> None:
    """Since the credential was pointed back, its list is that of the account again."""
    run_id = in_doubt(sessions, vault, frozen=frozen(resend_unknown=True))
    with sessions.begin() as session:
        note_account(session, session.get_one(Run, run_id), "AC2", minutes=90)
    ask(sessions, vault, MemoryProvider(), times=2)
    assert looks(sessions) == ["absent", "absent"]
    assert only(sessions).send_state == SendState.QUEUED


@pytest.mark.parametrize(
    ("minutes", "account"),
    [(32, "AC1"), (30.5, ""), (29.5, ""), (28, "AC2"), (70, "")],
)
def test_account_at_a_moment(minutes: float, account: str) -> None:
    history = [(minutes_ago(60), "AC1"), (minutes_ago(30), "AC2")]
    assert account_at(history, minutes_ago(minutes)) == account


@pytest.mark.parametrize(("is_shown", "verdict"), [(True, "absent"), (False, "unbelieved")])
def test_list_without_what_it_must_have_is_not_believed(
    sessions: sessionmaker[Session], vault: Vault, is_shown: bool, verdict: str
) -> None:
    """Of two people the second was accepted; a list that does not show her says nothing of the first."""
    in_doubt(sessions, vault, count=2, frozen=frozen(resend_unknown=True))
    provider = MemoryProvider()
    accepted = accept(provider, number=2)
    with sessions.begin() as session:
        first, second = session.scalars(select(Delivery).order_by(Delivery.id))
        second.send_state, second.provider_id = SendState.ACCEPTED, accepted
    if not is_shown:
        provider.messages.clear()
    ask(sessions, vault, provider, times=2)
    assert looks(sessions) == [verdict] * 2
    with sessions() as session:
        state = session.get_one(Delivery, first.id).send_state
    assert state == (SendState.QUEUED if is_shown else SendState.UNKNOWN)


def test_grace_is_waited_for_by_each_delivery(sessions: sessionmaker[Session], vault: Vault) -> None:
    """A young doubt beside an old one of the same sender: its message may still be on its way."""
    in_doubt(sessions, vault, count=2, frozen=frozen(resend_unknown=True))
    with sessions.begin() as session:
        old, young = session.scalars(select(Delivery).order_by(Delivery.id))
        young.intent_at = minutes_ago(59)
    assert ask(sessions, vault, MemoryProvider()) == 1
    with sessions() as session:
        assert session.scalars(select(Attempt.delivery_id)).all() == [old.id]


def test_list_that_is_away_keeps_nobody_else_waiting(
    sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three doubts of a sender whose list is away stand before that of another; two are looked at in a turn."""
    monkeypatch.setattr(reconcile_module, "ROUND", 2)
    in_doubt(sessions, vault, count=3)
    other = in_doubt(sessions, vault)
    away, provider = UnreadableProvider(), MemoryProvider()
    with sessions() as session:
        mine = session.get_one(Run, other).sender
    accept(provider, sender=mine.identity)
    ask(sessions, vault, lambda sender: provider if sender.sender_id == mine.id else away)
    with sessions() as session:
        assert progress_of(session, other) == {SendState.ACCEPTED: 1}


def test_list_that_is_away_is_asked_once_in_a_round(sessions: sessionmaker[Session], vault: Vault) -> None:
    class Counting(UnreadableProvider):
        asked = 0

        async def list_to(self, to: str, since: Any) -> Any:
            Counting.asked += 1
            await super().list_to(to, since)

    in_doubt(sessions, vault, count=5)
    assert ask(sessions, vault, Counting()) == 0
    assert Counting.asked == 1


def test_every_doubt_is_looked_at_in_one_round(
    sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (doubts, reconcile_module):
        monkeypatch.setattr(module, "ROUND", 2)
    monkeypatch.setattr(doubts, "_select_doubts", doubts._select_doubts.__wrapped__)
    in_doubt(sessions, vault, count=5)
    assert ask(sessions, vault, MemoryProvider()) == 5


@pytest.mark.parametrize("broken", [b"", b"12345", b"x" * 60], ids=["empty", "short", "long"])
def test_damaged_address_keeps_nobody_waiting(
    sessions: sessionmaker[Session], vault: Vault, broken: bytes
) -> None:
    run_id = in_doubt(sessions, vault, count=2)
    accept(provider := MemoryProvider(), number=2)
    with sessions.begin() as session:
        first = session.scalars(select(Address).order_by(Address.id)).first()
        assert first is not None
        first.ciphertext = broken
    ask(sessions, vault, provider)
    with sessions() as session:
        assert progress_of(session, run_id) == {SendState.UNKNOWN: 1, SendState.ACCEPTED: 1}
    assert looks(sessions) == ["damaged", "found"]


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("days", "is_unlisted", "state"),
    [(2, False, SendState.UNKNOWN), (2, True, SendState.UNCONFIRMED), (8, False, SendState.UNCONFIRMED)],
    ids=["list away", "no list", "list away for a week"],
)
def test_what_was_never_looked_up_is_not_given_up(
    sessions: sessionmaker[Session], vault: Vault, days: int, is_unlisted: bool, state: SendState
) -> None:
    """Who would send it again then might send it twice; where no list is kept, nobody waits for one."""
    in_doubt(sessions, vault)
    with sessions.begin() as session:
        session.execute(update(Delivery).values(intent_at=minutes_ago(days * 1440)))
    ask(sessions, vault, UnreadableProvider())
    unlisted = {only(sessions).sender_id} if is_unlisted else set()
    with sessions.begin() as session:
        give_up(session, unconfirmed_after=PATIENCE.unconfirmed_after, unlisted=unlisted)
    assert only(sessions).send_state == state


def test_senders_without_a_list_are_named(sessions: sessionmaker[Session], vault: Vault) -> None:
    class Unlisted(UnreadableProvider):
        keeps_list = False

    async def database(function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    in_doubt(sessions, vault)
    round_ = reconcile(
        sessions,
        vault=vault,
        open_gateway=lambda sender: Unlisted(),
        database=database,
        patience=PATIENCE,
    )
    assert asyncio.run(round_).unlisted == {only(sessions).sender_id}
