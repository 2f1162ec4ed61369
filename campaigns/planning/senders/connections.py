"""Credentials and what senders did lately tell whether they can reach their provider."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.errors import ForeignCredentialError, SettingsError
from campaigns.core.settings import Mode, Settings
from campaigns.gateways.kinds import get_kind
from campaigns.planning.models import Run, RunSender, Sender
from campaigns.planning.queries import select_senders
from campaigns.staff.credentials import Credentials, load_credentials


@dataclass(frozen=True, slots=True)
class Connection:
    """A sender that may be used, with what is known of its way to people."""

    sender: Sender
    #: Why nothing can be sent over it, as the worker says it; "" when nothing stands in the way.
    fault: str
    #: When the organisation's latest run to people over it began; None: it did not try it yet.
    used_at: datetime | None


def load_connections(session: Session, settings: Settings, organisation_id: int) -> list[Connection]:
    """Return the senders an organisation may use, by name."""
    found = session.scalars(select_senders(organisation_id)).all()
    faults = find_faults(settings, session, found, organisation_id)
    used_at = _find_uses(session, organisation_id, [sender.id for sender in found])
    return [Connection(sender, faults.get(sender.id, ""), used_at.get(sender.id)) for sender in found]


def find_unconnected(session: Session, settings: Settings, organisation_id: int) -> dict[int, str]:
    """Return why nothing can be sent over a sender in use, by its id; those without a fault are not in it."""
    in_use = find_in_use(session, settings, organisation_id)
    return {sender.id: fault for sender, fault in in_use if fault}


def find_in_use(session: Session, settings: Settings, organisation_id: int) -> list[tuple[Sender, str]]:
    """Return the senders in use of an organisation, each with why nothing can be sent over it, or ""."""
    found = session.scalars(select_senders(organisation_id).where(Sender.active)).all()
    faults = find_faults(settings, session, found, organisation_id)
    return [(sender, faults.get(sender.id, "")) for sender in found]


def find_faults(
    settings: Settings, session: Session, senders: Sequence[Sender], organisation_id: int
) -> dict[int, str]:
    """Return why an organisation cannot send over senders, by their ids; those without a fault are not in it."""
    credentials = load_credentials(session, settings)
    faults = {sender.id: fault_of(credentials, sender, organisation_id) for sender in senders}
    return {sender_id: fault for sender_id, fault in faults.items() if fault}


def fault_of(credentials: Credentials, sender: Sender, organisation_id: int) -> str:
    """Return why an organisation cannot send over a sender from here, or ""; its provider is not asked."""
    settings = credentials.settings
    try:
        kind = get_kind(sender.gateway)
        if kind.reaches_people:
            settings.secret(sender.secret_name)
            credentials.check(sender.secret_name, organisation_id)
        elif settings.mode is Mode.LIVE:
            return f"{kind.title} reaches nobody."
    except (ForeignCredentialError, SettingsError) as error:
        return str(error)
    return ""


def _find_uses(session: Session, organisation_id: int, sender_ids: Collection[int]) -> dict[int, datetime]:
    """Return when the organisation itself used senders last: when others used a shared one is theirs to know."""
    used = (
        select(RunSender.sender_id, func.max(Run.started_at).label("used_at"))
        .join(Run, Run.id == RunSender.run_id)
        .where(Run.organisation_id == organisation_id, RunSender.sender_id.in_(sender_ids), ~Run.is_rehearsal)
        .where(Run.started_at.is_not(None), Run.planned > 0)
        .group_by(RunSender.sender_id)
    )
    return {row.sender_id: row.used_at for row in session.execute(used)}
