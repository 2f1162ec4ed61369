"""A data manager renames a group or deletes it; audiences go on meaning the same group, and nothing commits."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.audience.grouping import TAKEN, checked_name
from campaigns.audience.models import ContactGroup, GroupedContact, GroupKind
from campaigns.audience.queries import find_naming
from campaigns.core.errors import InputError, NotFoundError, TransitionError
from campaigns.core.words import N_
from campaigns.staff import audit
from campaigns.staff.queries import NOT_THERE, hold_organisation, owned


def change_group(session: Session, group: ContactGroup, *, kind: GroupKind, name: str, by: int) -> list[str]:
    """Give a group another name or kind, and return what is new.

    Raises InputError for a name that is missing, too long or another group's, NotFoundError for a group that was
    deleted meanwhile.
    """
    clean = checked_name(name)
    # Two that take one name at once wait for each other here.
    hold_organisation(session, group.organisation_id)
    _hold(session, group, key_share=True)
    taken = owned(select(ContactGroup.id), ContactGroup, group.organisation_id)
    if session.scalar(taken.where(ContactGroup.folded == clean.casefold(), ContactGroup.id != group.id)):
        raise InputError(TAKEN)
    told = {"name": clean, "kind": kind}
    what = [each for each, value in told.items() if getattr(group, each) != value]
    group.name, group.folded, group.kind = clean, clean.casefold(), kind
    session.flush()
    if what:
        audit.record(
            session,
            "group.change",
            subject=group,
            organisation_id=group.organisation_id,
            member_id=by,
            what=what,
        )
    return what


def delete_group(session: Session, group: ContactGroup, *, by: int) -> None:
    """Delete a group; its people stay contacts.

    Raises TransitionError while an audience means it, NotFoundError when another did it meanwhile.
    """
    # A file that puts people into it ends before, and so does whoever saves an audience.
    hold_organisation(session, group.organisation_id)
    _hold(session, group)
    if find_naming(session, group.organisation_id, "group", group.id):
        raise TransitionError(N_("An audience means this group: take it out of the rule first."))
    audit.record(session, "group.delete", subject=group, organisation_id=group.organisation_id, member_id=by)
    session.execute(delete(GroupedContact).where(GroupedContact.group_id == group.id))
    session.delete(group)
    session.flush()


def _hold(session: Session, group: ContactGroup, *, key_share: bool = False) -> None:
    """Read a group anew and hold it. Raises NotFoundError when it is gone."""
    held = select(ContactGroup).where(ContactGroup.id == group.id).with_for_update(key_share=key_share)
    if session.scalar(held.execution_options(populate_existing=True)) is None:
        raise NotFoundError(NOT_THERE)
