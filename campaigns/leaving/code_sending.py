"""A worker sends codes to whoever asked for one on a page: to known numbers alone, and within budgets.

That they asked is forgotten after some days, also while nothing may be sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.person import lock_addresses, pass_gate
from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings
from campaigns.delivery.answers.answer_runs import AnswerText, queue_answer
from campaigns.delivery.lanes.text_senders import find_text_sender, load_text_senders
from campaigns.leaving.leave_codes import code_of
from campaigns.leaving.models import LeaveRequest
from campaigns.leaving.queries import find_reachable, load_budgets
from campaigns.planning.models import Sender
from campaigns.planning.senders.connections import fault_of
from campaigns.planning.senders.prices import most_cents
from campaigns.staff.credentials import Credentials, load_credentials
from campaigns.web.people.public_words import Words

#: A code is of no use later; who asked so long ago does not look any more.
LIVES = timedelta(minutes=30)
#: What was sent counts for the breaker until then.
KEPT_FOR = timedelta(days=7)
AT_ONCE = 200
#: Key of the advisory lock between workers ("leav" in ASCII): two would both find room in a budget.
_TURN = 0x6C656176


def send_codes(sessions: sessionmaker[Session], vault: Vault, settings: Settings) -> int:
    """Settle who waits for a code, the first who asked first; return how many codes are sent."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        waiting = select(LeaveRequest.id).where(LeaveRequest.settled_at.is_(None))
        if session.scalar(waiting.limit(1)) is None:
            return 0
    with sessions.begin() as session:
        return _settle(session, vault, settings)


def forget_requests(sessions: sessionmaker[Session]) -> None:
    """Remove requests of long ago, settled or not."""
    with sessions.begin() as session:
        session.execute(delete(LeaveRequest).where(LeaveRequest.asked_at <= clock.now() - KEPT_FOR))


def _settle(session: Session, vault: Vault, settings: Settings) -> int:
    _take_turns(session)
    now = clock.now()
    waiting = select(LeaveRequest).where(LeaveRequest.settled_at.is_(None)).order_by(LeaveRequest.id)
    requests = session.scalars(waiting.limit(AT_ONCE)).all()
    for each in requests:
        each.settled_at = now
    fresh = [each for each in requests if each.asked_at > now - LIVES]
    ways = _find_ways(session, fresh, settings)
    budgets = load_budgets(session, fresh, cents_a_day=settings.leave_codes_cents_a_day, now=now)
    count = 0
    for each in fresh:
        if each.number not in ways:
            continue
        address, sender = ways[each.number]
        body = _text(each, vault)
        cents = most_cents(body, address.country, sender.prices)
        if budgets.take(each.number, each.prefix, address.organisation_id, cents):
            text = AnswerText(each.language, body)
            run = queue_answer(session, address, sender, text, vault=vault, until=now + LIVES)
            each.sent_at, each.run_id, each.cents = now, run.id, cents
            each.organisation_id = address.organisation_id
            count += 1
    return count


def _find_ways(
    session: Session, requests: Sequence[LeaveRequest], settings: Settings
) -> dict[bytes | None, tuple[Address, Sender]]:
    """Return by number the address that gets its code, locked, and over what: a stop comes before it or ends it.

    Several organisations may know a number: it is the oldest address that a sender of its organisation reaches.
    """
    pass_gate(session)
    locked = lock_addresses(session, find_reachable(session, {each.number for each in requests}))
    active = [each for each in locked if each.state == AddressState.ACTIVE]
    senders = load_text_senders(session, {each.organisation_id for each in active})
    credentials = load_credentials(session, settings)
    ways: dict[bytes | None, tuple[Address, Sender]] = {}
    for address in active:
        if address.number not in ways and (sender := _find_sender(senders, address, credentials)):
            ways[address.number] = address, sender
    return ways


def _find_sender(senders: Sequence[Sender], address: Address, credentials: Credentials) -> Sender | None:
    """Return the first sender of the organisation that writes to the country of a number, else a shared one.

    A sender that cannot reach its provider is none: a code that waits for it comes too late.
    """
    theirs = (each for each in senders if each.organisation_id in (None, address.organisation_id))
    connected = (each for each in theirs if not fault_of(credentials, each, address.organisation_id))
    return find_text_sender(connected, address.country)


def _text(request: LeaveRequest, vault: Vault) -> str:
    return Words(request.language).plain("leave_text").format(code=code_of(request.ticket, vault))


def _take_turns(session: Session) -> None:
    """Let no other worker look beside this one; SQLite has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_TURN)))
