"""Does again what people said after the backup, from the journals; doing it twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent import ledger
from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.holds import hold_everywhere
from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind, SuppressedAddress
from campaigns.continuity.journal import Said, read_journal
from campaigns.core.errors import FileFormatError
from campaigns.delivery.refusals import suppress_addresses

#: How the ledger says where an entry comes from.
METHOD, WORDING = "journal", "said before a restore"
#: Lines of which nothing can be read that are taken for a crash; more are another file.
_MOST_DAMAGED = 100

#: States that a start lifts.
_SILENT = (AddressState.OPTED_OUT, AddressState.HELD)

#: A keyed hash and the channel on which somebody spoke for it.
_Mark = tuple[bytes, str]
#: The last time that something was said for each mark, holds apart from stops and starts.
_Last = dict[tuple[_Mark, bool], tuple[datetime, Said]]


@dataclass(slots=True)
class Replayed:
    """How many people's words were done again, and how many lines could not be read."""

    stops: int = 0
    holds: int = 0
    starts: int = 0
    damaged: int = 0


def replay(sessions: sessionmaker[Session], paths: Iterable[Path]) -> Replayed:
    """Do what counts of the lines about each person. Raises FileFormatError for what is no journal."""
    replayed, last = Replayed(), _Last()
    for path in paths:
        replayed.damaged += _read(path, last)
    words = sorted(((at, said, mark) for (mark, _), (at, said) in last.items()), key=lambda word: word[0])
    # Judged before a stop is done again, which counts for a whole person; a start, for one channel of theirs.
    rest = [
        (at, said, mark)
        for at, said, mark in words
        if (said is Said.START and _may_start(sessions, mark, at))
        or (said is Said.HOLD and _counts(last, mark, at))
    ]
    for at, _, mark in (word for word in words if word[1] is Said.STOP):
        with sessions.begin() as session:
            replayed.stops += _stop(session, mark, at)
    # In their order: a hold that came after a start stays, as a start that came after a hold.
    for at, said, mark in rest:
        with sessions.begin() as session:
            if said is Said.HOLD:
                replayed.holds += _hold(session, mark, at)
            else:
                replayed.starts += _start(session, mark, at)
    return replayed


def _counts(last: _Last, mark: _Mark, at: datetime) -> bool:
    """Say whether a hold counts: a stop is more, whichever came first, and a start after it lifted it."""
    firm = last.get((mark, False))
    return firm is None or (firm[1] is Said.START and firm[0] <= at)


def _read(path: Path, last: _Last) -> int:
    """Remember the last words for each mark of a file; return how many of its lines are damaged."""
    damaged = read = 0
    try:
        for entry in read_journal(path):
            if entry is None:
                damaged += 1
                continue
            read += 1
            for key in ((mark, entry.said is Said.HOLD) for mark in entry.marks):
                before = last.get(key)
                if before is None or before[0] <= entry.at:
                    last[key] = entry.at, entry.said
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}.") from error
    if damaged > _MOST_DAMAGED or (damaged and not read):
        raise FileFormatError(f"{path} is not a journal of stops.")
    return damaged


def _stop(session: Session, mark: _Mark, at: datetime) -> bool:
    if _is_heeded(session, mark, is_hold=False) or _has_decided(session, mark, at, ConsentKind.LIFTED):
        return False
    handle = HashedHandle(mark[0], Channel(mark[1]), mark[0])
    stopped = ledger.withdraw_everywhere(session, handle, Declaration(METHOD, WORDING, at))
    suppress_addresses(session, stopped)
    return True


def _hold(session: Session, mark: _Mark, at: datetime) -> bool:
    settled = (ConsentKind.LIFTED, ConsentKind.RELEASED)
    if _is_heeded(session, mark, is_hold=True) or _has_decided(session, mark, at, *settled):
        return False
    handle = HashedHandle(mark[0], Channel(mark[1]), mark[0])
    suppress_addresses(session, hold_everywhere(session, handle, Declaration(METHOD, WORDING, at)))
    return True


def _may_start(sessions: sessionmaker[Session], mark: _Mark, at: datetime) -> bool:
    """Say whether this database knows of no later stop or hold: one that no journal here tells of stays."""
    since = select(SuppressedAddress.since).where(
        SuppressedAddress.lookup == mark[0], SuppressedAddress.channel == mark[1]
    )
    with sessions() as session:
        suppressed_at = session.scalar(since)
        is_later = suppressed_at is not None and suppressed_at > at
        return not is_later and not _has_decided(session, mark, at, ConsentKind.WITHDRAWN, ConsentKind.HELD)


def _start(session: Session, mark: _Mark, at: datetime) -> bool:
    """Lift a stop or hold, where there is one."""
    theirs = or_(Address.number == mark[0], Address.lookup == mark[0])
    stopped = select(Address.id).where(theirs, Address.channel == mark[1], Address.state.in_(_SILENT))
    if not _is_known(session, mark, is_hold=True) and session.scalar(stopped.limit(1)) is None:
        return False
    ledger.restore(session, HashedHandle(mark[0], Channel(mark[1])), Declaration(METHOD, WORDING, at))
    return True


def _is_heeded(session: Session, mark: _Mark, *, is_hold: bool) -> bool:
    """Say whether a stop or hold is remembered and nobody is written to: a lifted one stays remembered."""
    theirs = or_(Address.number == mark[0], Address.lookup == mark[0])
    open_ones = select(Address.id).where(theirs, Address.channel == mark[1], Address.state.not_in(_SILENT))
    is_written_to = session.scalar(open_ones.where(Address.state != AddressState.INVALID).limit(1)) is not None
    return not is_written_to and _is_known(session, mark, is_hold=is_hold)


def _is_known(session: Session, mark: _Mark, *, is_hold: bool) -> bool:
    """Say whether a stop is remembered already, or for a hold that or a stop."""
    known = select(SuppressedAddress.is_hold).where(
        SuppressedAddress.lookup == mark[0], SuppressedAddress.channel == mark[1]
    )
    found = session.scalar(known)
    return found is not None and (is_hold or not found)


def _has_decided(session: Session, mark: _Mark, at: datetime, *kinds: ConsentKind) -> bool:
    """Say whether the ledger has one of these about the person since."""
    decided = (
        select(Consent.id)
        .join(Address, Address.id == Consent.address_id)
        .where(or_(Address.number == mark[0], Address.lookup == mark[0]), Address.channel == mark[1])
        .where(Consent.kind.in_(kinds), Consent.recorded_at > at)
    )
    return session.scalar(decided.limit(1)) is not None
