"""Checks of passwords in a request: counted before they are made, a few at once, and outside any transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum, auto
from functools import cache

from flask import request

from campaigns.core import clock
from campaigns.core.errors import BusyError
from campaigns.staff import service
from campaigns.staff.event_notes import note_event, note_of_member
from campaigns.staff.models import Member
from campaigns.staff.queries import find_member
from campaigns.staff.sign_in import attempt_limits
from campaigns.staff.sign_in.attempt_limits import Limit
from campaigns.staff.sign_in.devices import known_device, remember_device
from campaigns.staff.sign_in.passwords import hash_password, make_one_time_password, renewed_hash
from campaigns.staff.sign_in.turns import KNOWN, STRANGERS, Turns
from campaigns.web.current import settings
from campaigns.web.guards.networks import networks_of
from campaigns.web.session import let_go, session, writing_apart

WINDOW = timedelta(minutes=15)
#: Attempts in the window. Those of one network at one account end soon, those of all networks at it late: a few
#: strangers must not keep its member out. From a device that the account signed in from, only its own count.
PER_ACCOUNT_AND_NETWORK, PER_ACCOUNT, PER_NETWORK, PER_NEIGHBOURHOOD = 10, 100, 60, 300
PER_KNOWN_DEVICE = 10
#: Attempts at one account when a proxy hides who asks.
PER_ACCOUNT_UNSEEN = 30
#: Wrong passwords after which the sessions of a signed-in member end, and for how long they are counted.
PER_SESSION, COUNTED_FOR = 5, timedelta(hours=12)


class Verdict(Enum):
    """What came of a check."""

    RIGHT = auto()
    WRONG = auto()
    #: Nothing was compared, or nothing more will be: there were too many wrong ones.
    CLOSED = auto()


def check_sign_in(email: str, password: str) -> tuple[Verdict, Member | None]:
    """Check what was given at the sign-in; the member comes with RIGHT only.

    Raises BusyError when too many wait for their turn.
    """
    account = _key("account", email.strip().casefold())
    device = known_device(account)
    own, shared = _of_device(account, device) if device else _of_stranger(account)
    turns = KNOWN if device else STRANGERS
    # Whoever finds no place has not written a row.
    with turns.place():
        if not _count([*own, *shared]):
            _note_failure("close_sign_in", email)
            return Verdict.CLOSED, None
        found = find_member(session(), email)
        hashed = found.password if found else None
        kept = _compare(hashed, password, turns, [*own, *shared])
    # Read anew: the member may have been barred, or got another password, while this one was compared.
    member = find_member(session(), email) if kept else None
    if member is None or not member.active or member.password != hashed:
        _note_failure("refuse_sign_in", email)
        return Verdict.WRONG, None
    member.password = kept
    attempt_limits.pour_back(session(), [*own, *shared])
    attempt_limits.empty(session(), own)
    service.sign_in(session(), member, from_known_device=device is not None)
    remember_device(account)
    return Verdict.RIGHT, member


def check_again(member: Member, password: str) -> Verdict:
    """Check the password of somebody who is signed in, before something sensitive.

    With the last of PER_SESSION wrong ones CLOSED is returned and all sessions of the member have ended: with a
    stolen one nobody goes on guessing. Raises BusyError as `check_sign_in` does.
    """
    session_key, hashed = member.fs_uniquifier, member.password
    counted = [Limit(_key("session", session_key), PER_SESSION, COUNTED_FOR)]
    with KNOWN.place():
        if not _count(counted):
            return _end_sessions(member, session_key)
        is_right = _compare(hashed, password, KNOWN, counted) is not None
    if is_right:
        with writing_apart() as writing:
            attempt_limits.empty(writing, counted)
        note_of_member("member.confirm", member, by=member.id)
        return Verdict.RIGHT
    with writing_apart() as writing:
        is_last = attempt_limits.is_full(writing, counted, now=clock.now())
    note_of_member("member.refuse_confirm", member, by=member.id)
    return _end_sessions(member, session_key) if is_last else Verdict.WRONG


def seal_password(password: str) -> str:
    """Return the hash of a new password, made as the checks are: at one's turn, outside any transaction.

    Raises InputError as `hash_password` does, and BusyError.
    """
    let_go()
    with KNOWN.place(), KNOWN.turn():
        return hash_password(password)


def _of_device(account: str, device: str) -> tuple[list[Limit], list[Limit]]:
    return [Limit(_key("device", device, account), PER_KNOWN_DEVICE, WINDOW)], []


def _of_stranger(account: str) -> tuple[list[Limit], list[Limit]]:
    """Return the limits that are forgotten after a right password, and those that others share."""
    networks = networks_of(request.environ)
    if networks is None:
        return [], [Limit(_key("unseen", account), PER_ACCOUNT_UNSEEN, WINDOW)]
    narrow, wide = networks
    return [Limit(_key("pair", account, narrow), PER_ACCOUNT_AND_NETWORK, WINDOW)], [
        Limit(_key("everywhere", account), PER_ACCOUNT, WINDOW),
        Limit(_key("network", narrow), PER_NETWORK, WINDOW),
        Limit(_key("neighbourhood", wide), PER_NEIGHBOURHOOD, WINDOW),
    ]


def _key(*parts: str) -> str:
    return attempt_limits.key_of(settings().secret_key, *parts)


def _count(counted: Sequence[Limit]) -> bool:
    """Count an attempt, on disk, before it is looked at: of many at once no more than allowed are compared."""
    with writing_apart() as writing:
        return attempt_limits.pour(writing, counted, now=clock.now())


def _compare(hashed: str | None, password: str, turns: Turns, counted: Sequence[Limit]) -> str | None:
    """Return the hash to keep when `password` is the one of `hashed`, else None; takes as long either way."""
    let_go()
    try:
        with turns.turn():
            kept = renewed_hash(hashed or _hash_of_nobody(), password)
    except BusyError:
        # It was never compared.
        with writing_apart() as writing:
            attempt_limits.pour_back(writing, counted)
        raise
    return kept if hashed else None


def _end_sessions(member: Member, session_key: str) -> Verdict:
    member_id = member.id
    with writing_apart() as writing:
        service.end_guessed_sessions(writing, member_id, session_key)
    return Verdict.CLOSED


def _note_failure(verb: str, email: str) -> None:
    member = find_member(session(), email)
    if member is None:
        note_event(f"stranger.{verb}", ("member", 0), organisation_id=None)
    else:
        note_of_member(f"member.{verb}", member, by=None)


@cache
def _hash_of_nobody() -> str:
    return hash_password(make_one_time_password())
