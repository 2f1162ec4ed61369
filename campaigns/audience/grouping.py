"""Contacts are grouped by programme, partner or cohort, so that a rule can mean them; nothing commits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from campaigns.audience.contact_rows import ContactRow, Names, WrongRows, quoted
from campaigns.audience.file_telling import GROUPS_APART, names_in
from campaigns.audience.loading.known_people import look_up
from campaigns.audience.models import Address, AddressState, Contact, ContactGroup, GroupedContact, GroupKind
from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.errors import InputError, RowProblem
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.staff import audit
from campaigns.staff.queries import owned

LONGEST_NAME = 100
#: Groups of an organisation, so that a rule's form stays one.
MOST_GROUPS = 200
#: Said of a name that another group has.
TAKEN = N_("There is a group of this name already.")


def select_groups(organisation_id: int) -> Select[ContactGroup]:
    """Select an organisation's groups by kind and name."""
    groups = owned(select(ContactGroup), ContactGroup, organisation_id)
    return groups.order_by(ContactGroup.kind, ContactGroup.name, ContactGroup.id)


def groups_of(session: Session, contact_id: int) -> Sequence[ContactGroup]:
    """Return the groups of a contact by kind and name."""
    theirs = select(ContactGroup).join(GroupedContact).where(GroupedContact.contact_id == contact_id)
    return session.scalars(theirs.order_by(ContactGroup.kind, ContactGroup.name)).all()


def create_group(session: Session, organisation_id: int, *, kind: GroupKind, name: str, by: int) -> ContactGroup:
    """Add a group. Raises InputError for a name that is missing, too long or taken, and for one too many."""
    clean = checked_name(name)
    count = owned(select(func.count()).select_from(ContactGroup), ContactGroup, organisation_id)
    if (session.scalar(count) or 0) >= MOST_GROUPS:
        raise InputError(N_("There are %(limit)s groups already."), limit=MOST_GROUPS)
    values = {"organisation_id": organisation_id, "kind": kind, "name": clean, "folded": clean.casefold()}
    adding = insert_or(session, ContactGroup).values(**values, created_at=clock.now()).on_conflict_do_nothing()
    group_id = session.scalar(adding.returning(ContactGroup.id))
    if group_id is None:
        raise InputError(TAKEN)
    group = session.get_one(ContactGroup, group_id)
    audit.record(session, "group.create", subject=group, organisation_id=organisation_id, member_id=by)
    return group


def checked_name(text: str) -> str:
    """Return the name of a group clean. Raises InputError for one that is missing, too long or parts names."""
    clean = " ".join(text.split())
    if not clean or len(clean) > LONGEST_NAME or GROUPS_APART.search(clean):
        raise InputError(
            N_("A group needs a name of at most %(limit)s characters, without ; and |."), limit=LONGEST_NAME
        )
    return clean


def set_groups(session: Session, contact: Contact, group_ids: Collection[int]) -> bool:
    """Let a contact be in these groups of its organisation and no others; say whether anything changed."""
    wanted = hold_groups(session, contact.organisation_id, group_ids)
    theirs = select(GroupedContact.group_id).where(GroupedContact.contact_id == contact.id)
    present = set(session.scalars(theirs))
    gone = GroupedContact.contact_id == contact.id, GroupedContact.group_id.in_(present - wanted)
    session.execute(delete(GroupedContact).where(*gone))
    _add(session, [(contact.id, group_id) for group_id in sorted(wanted - present)])
    return wanted != present


def hold_groups(session: Session, organisation_id: int, group_ids: Collection[int]) -> set[int]:
    """Return which of these groups an organisation has; none of them is deleted before the transaction ends."""
    ours = owned(select(ContactGroup.id).where(ContactGroup.id.in_(group_ids)), ContactGroup, organisation_id)
    return set(session.scalars(ours.with_for_update(read=True, key_share=True))) if group_ids else set()


class Grouping:
    """Puts the people of a file's rows into the groups that they name, a batch at once."""

    def __init__(self, session: Session, organisation_id: int, vault: Vault, wrong: WrongRows) -> None:
        """Prepare to group people, and to note in `wrong` what is wrong with their rows."""
        self._session, self._organisation_id, self._vault = session, organisation_id, vault
        named = owned(select(ContactGroup.folded, ContactGroup.id), ContactGroup, organisation_id)
        self._ids = {row.folded: row.id for row in session.execute(named)}
        self._wrong = wrong

    def check(self, rows: Iterable[ContactRow]) -> None:
        """Note the rows that name a group which is none."""
        for row in rows:
            for name in names_in(row.groups):
                if name.casefold() not in self._ids:
                    sentence = N_("there is no group %(group)s.")
                    self._wrong.note(RowProblem(row.line, "group", sentence, {"group": quoted(name)}))

    def knows(self, names: Names) -> bool:
        """Say whether the groups of these names are there."""
        return all(name.casefold() in self._ids for name in names_in(names.groups))

    def put_new(self, named: Iterable[tuple[int, str]]) -> None:
        """Put contacts that were just added into the groups that their cells name."""
        _add(self._session, [(each, self._ids[name]) for each, names in named for name in _folded(names)])

    def written(self, batches: Iterable[list[ContactRow]]) -> Iterator[list[ContactRow]]:
        """Give the batches on, and put each batch's people into their groups once it was written down.

        Who said stop by any handle of a row is not put anywhere: the file brings nothing of them in.
        """
        for batch in batches:
            yield batch
            if grouped := [row for row in batch if row.groups]:
                self._put(grouped)

    def _put(self, rows: Sequence[ContactRow]) -> None:
        # Most people of a file are contacts once it was written; those who said stop are few.
        known = look_up(self._session, self._organisation_id, rows, self._vault, state=AddressState.OPTED_OUT)
        going = [(row, known.hashes[row.handles[0]].number) for row in rows if not known.is_stopped(row)]
        contacts = self._contacts({number for _row, number in going})
        pairs = {
            (contacts[number], self._ids[name.casefold()])
            for row, number in going
            if number in contacts
            for name in names_in(row.groups)
        }
        _add(self._session, sorted(pairs))

    def _contacts(self, numbers: Collection[bytes]) -> dict[bytes, int]:
        """Return the first contact of each number; of who opted out nothing is written."""
        found = owned(select(Address.number, func.min(Address.contact_id)), Address, self._organisation_id)
        found = found.where(Address.number.in_(numbers), Address.state != AddressState.OPTED_OUT)
        rows = self._session.execute(found.group_by(Address.number))
        return {number: contact_id for number, contact_id in rows if number is not None}


def _folded(names: str) -> list[str]:
    """Return the names of a cell as they are compared, each once."""
    return sorted({name.casefold() for name in names_in(names)})


def _add(session: Session, pairs: Sequence[tuple[int, int]]) -> None:
    rows = [{"contact_id": contact_id, "group_id": group_id} for contact_id, group_id in pairs]
    if rows:
        session.execute(insert_or(session, GroupedContact).on_conflict_do_nothing(), rows)
