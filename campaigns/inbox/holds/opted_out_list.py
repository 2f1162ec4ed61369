"""Everybody on a list of an older system opts out: contacts, and numbers that are none (yet); nothing commits.

It counts as a stop does that each of them sent: on every channel, in every organisation. What is said of a list
never tells who opted out before, nor of few people that they are contacts. It is checked first, and kept sealed
until a member decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.handles import PHONE_CHANNELS, lookups_of, number_key
from campaigns.audience.consent.ledger import Mark, hold_withdrawals, remember, withdraw
from campaigns.audience.consent.person import find_person, lock_addresses
from campaigns.audience.consent.sealed_words import AboutFile, Evidence, open_about, seal_about
from campaigns.audience.files.number_reader import NumbersEnding
from campaigns.audience.files.watch import spend_check
from campaigns.audience.models import Address, AddressState, Channel, ContactImport, ImportState
from campaigns.audience.queries import OPTS_OUT
from campaigns.core import clock
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.small_numbers import rounded
from campaigns.core.words import N_
from campaigns.delivery.refusals import suppress_addresses
from campaigns.staff import audit
from campaigns.staff.models import AuditEntry
from campaigns.staff.notes import note_reason
from campaigns.staff.queries import owned

#: How the ledger names it.
METHOD = "list"
#: Longest words on where a list comes from, as the ledger keeps them, and longest name of a file.
LONGEST_SOURCE, LONGEST_NAME = 200, 200
#: Numbers that opt out in one transaction: whoever says STOP meanwhile waits no longer than these take.
#: A longer list is a worker's.
PIECE = 500


@dataclass(frozen=True, slots=True)
class NumberList:
    """What a kept list says."""

    source: str
    #: E.164, each once.
    numbers: Sequence[str]


def source_of(text: str) -> str:
    """Return in one line where a list comes from. Raises InputError when nothing says it."""
    words = " ".join(text.split())
    if not words or len(words) > LONGEST_SOURCE:
        raise InputError(
            N_("Say in at most %(limit)s characters where the list comes from."), limit=LONGEST_SOURCE
        )
    return words


def count_own(session: Session, organisation_id: int, batches: Iterable[Sequence[str]], vault: Vault) -> int:
    """Return how many contacts of the organisation have one of these numbers."""
    # The numbers of one contact may stand in two batches.
    return len(set[int]().union(*(find_own(session, organisation_id, batch, vault) for batch in batches)))


def find_own(session: Session, organisation_id: int, numbers: Sequence[str], vault: Vault) -> set[int]:
    """Return which contacts of the organisation have one of these numbers."""
    phones, lookups = _hashes(numbers, vault)
    has_one = or_(Address.number.in_(phones), Address.lookup.in_(lookups))
    return set(session.scalars(owned(select(Address.contact_id).where(has_one), Address, organisation_id)))


def keep_list(
    session: Session,
    organisation_id: int,
    file_name: str,
    said: NumberList,
    *,
    ending: NumbersEnding,
    own: int,
    by: int,
    vault: Vault,
) -> ContactImport:
    """Keep a list sealed until a member decides; nobody opts out by it yet.

    It counts as a contact file that was checked: raises QuotaError when there were too many lately.
    """
    spend_check(session, organisation_id, member_id=by)
    waiting = ContactImport(
        organisation_id=organisation_id,
        member_id=by,
        state=ImportState.CHECKED,
        report=_report(said, ending, own),
        created_at=clock.now(),
    )
    session.add(waiting)
    session.flush()
    _seal(session, waiting, AboutFile(file_name[:LONGEST_NAME], ending.problems), said, vault)
    return waiting


def keep_checked(
    session: Session, waiting: ContactImport, said: NumberList, ending: NumbersEnding, *, own: int, vault: Vault
) -> None:
    """Keep what a list says, and what there is to say of it, in place of the file in which it stood."""
    waiting.state, waiting.report = ImportState.CHECKED, _report(said, ending, own)
    about = AboutFile(open_about(waiting, vault).name, ending.problems)
    _seal(session, waiting, about, said, vault)


def _report(said: NumberList, ending: NumbersEnding, own: int) -> dict[str, object]:
    counts = {"rows": ending.rows, "bad_rows": ending.bad_rows, "numbers": len(said.numbers)}
    return {OPTS_OUT: True, "done": 0, "contacts": rounded(own), **counts}


def _seal(session: Session, waiting: ContactImport, about: AboutFile, said: NumberList, vault: Vault) -> None:
    """Seal what a checked list says and what there is to say of it, and record the check."""
    seal_about(waiting, about, vault)
    kept = "\n".join((said.source, *said.numbers))
    waiting.sealed_file = vault.seal(kept, table="contact_import", column="sealed_file", row_id=waiting.id)
    record(session, "contacts.check_opt_outs", waiting, waiting.member_id, {"rows": waiting.report["rows"]})


def open_list(waiting: ContactImport, vault: Vault) -> NumberList:
    """Return what a kept list says. Raises TransitionError when it is decided on already."""
    _require_checked(waiting)
    sealed = waiting.sealed_file or b""
    source, *numbers = vault.open(
        sealed, table="contact_import", column="sealed_file", row_id=waiting.id
    ).splitlines()
    return NumberList(source, numbers)


def confirm_list(session: Session, waiting: ContactImport, *, by: int, vault: Vault) -> bool:
    """Opt out everybody on a list; return False when it is left to a worker, as it is longer than PIECE.

    Raises TransitionError when it is decided on already.
    """
    session.refresh(waiting, ["state", "confirmed_by_id"], with_for_update=True)
    _require_checked(waiting)
    if waiting.confirmed_by_id is not None:
        raise _decided_already()
    waiting.confirmed_by_id = by
    session.flush()
    if waiting.report["numbers"] > PIECE:
        record(session, "contacts.confirm_opt_outs", waiting, by, {"rows": waiting.report["rows"]})
        return False
    return not opt_out_piece(session, waiting, open_list(waiting, vault), vault=vault)


def opt_out_piece(session: Session, waiting: ContactImport, said: NumberList, *, vault: Vault) -> bool:
    """Opt out the next PIECE numbers of a confirmed list; return whether any are left.

    The caller commits each piece: one that broke off goes on where it stood. Raises TransitionError when the list
    is decided on meanwhile.
    """
    session.refresh(waiting, ["state", "report"], with_for_update=True)
    _require_checked(waiting)
    done = waiting.report["done"]
    piece = said.numbers[done : done + PIECE]
    if piece:
        _opt_out(session, piece, Evidence(said.source, vault, waiting.organisation_id), vault)
    done += len(piece)
    waiting.report = waiting.report | {"done": done}
    if done < len(said.numbers):
        session.flush()
        return True
    _decide(waiting, ImportState.DONE, vault)
    contacts = waiting.report["contacts"]
    counts = {"rows": waiting.report["rows"]} | ({} if contacts is None else {"contacts": contacts})
    entry = record(session, "contacts.opt_out", waiting, waiting.confirmed_by_id, counts)
    note_reason(session, entry, said.source, vault=vault)
    return False


def drop_list(session: Session, waiting: ContactImport, *, by: int, vault: Vault) -> None:
    """Drop a list; whoever opted out by it already stays so. Raises TransitionError when it is decided already."""
    session.refresh(waiting, ["state", "report"], with_for_update=True)
    if waiting.state != ImportState.READING:
        _require_checked(waiting)
    _decide(waiting, ImportState.CANCELLED, vault)
    done = rounded(waiting.report["done"])
    record(session, "contacts.cancel", waiting, by, {} if done is None else {"numbers": done})


def _opt_out(session: Session, numbers: Sequence[str], source: Evidence, vault: Vault) -> None:
    # Alone, as an import is at its end: whoever withdraws or adds an address waits for this piece.
    hold_withdrawals(session)
    phones, lookups = _hashes(numbers, vault)
    marks: set[Mark] = {(phone, channel) for phone in phones for channel in PHONE_CHANNELS}
    remember(session, (), marks)
    addresses = lock_addresses(session, find_person(session, phones, lookups))
    remember(session, addresses)
    going = [address for address in addresses if address.state != AddressState.OPTED_OUT]
    suppress_addresses(session, withdraw(session, going, Declaration(METHOD, source, clock.now())))


def _hashes(numbers: Sequence[str], vault: Vault) -> tuple[set[bytes], set[bytes]]:
    """Return the hashes of numbers, as in Address.number and as in Address.lookup."""
    phones = {number_key(vault, Channel.SMS, number) for number in numbers}
    return phones, set[bytes]().union(*(lookups_of(vault, number) for number in numbers))


def _require_checked(waiting: ContactImport) -> None:
    if waiting.state == ImportState.READING:
        raise TransitionError(N_("This list is still being read."))
    if waiting.state != ImportState.CHECKED:
        raise _decided_already()


def _decided_already() -> TransitionError:
    return TransitionError(N_("This list is decided on already."))


def _decide(waiting: ContactImport, state: ImportState, vault: Vault) -> None:
    """Close a list, and keep nothing of what stood in it."""
    waiting.state, waiting.sealed_file, waiting.decided_at = state, None, clock.now()
    seal_about(waiting, AboutFile(open_about(waiting, vault).name), vault)


def record(
    session: Session, action: str, waiting: ContactImport, by: int | None, counts: dict[str, int]
) -> AuditEntry:
    """Record an act of a member on a list."""
    of = waiting.organisation_id
    return audit.record(session, action, subject=waiting, organisation_id=of, member_id=by, **counts)
