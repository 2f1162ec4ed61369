"""An organisation reads here what it needs before its first run, and how much of it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, select, union_all
from sqlalchemy.orm import Session, aliased

from campaigns.audience.models import Audience, ContactImport, EntryPoint, ImportState
from campaigns.audience.queries import is_list
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.directory.models import Service
from campaigns.example.queries import is_own
from campaigns.members.founding import Founding
from campaigns.messages.models import Message, Translation, TranslationState
from campaigns.places.models import Place
from campaigns.planning.models import Campaign, CampaignState, Run, Sender
from campaigns.planning.queries import select_senders
from campaigns.planning.senders.connections import find_faults
from campaigns.staff.models import AuditEntry
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is needed; `words` and `help` are marked for the catalogues."""

    words: str
    help: str
    #: Endpoint of the page where it is done; who may not open it reads what others do.
    endpoint: str


#: In their order.
STEPS = (
    Step(
        N_("A second administrator and an approver"),
        N_("Nobody sends alone: whoever writes cannot approve. One person may be both."),
        "members.index",
    ),
    Step(
        N_("A place or a route"),
        N_("Where people pass, wait or are approached. An author marks it on the map."),
        "places.index",
    ),
    Step(
        N_("A service to point people to"),
        N_("An author writes it down, an approver calls it. Messages name its number from then on."),
        "directory.index",
    ),
    Step(
        N_("People who agreed to be written to"),
        N_("A data manager imports a file; or people join by a way to join."),
        "audience.contacts.index",
    ),
    Step(
        N_("An audience"),
        N_("Whom to reach: around a place, along a route, in a region."),
        "audience.index",
    ),
    Step(
        N_("A message that was reviewed"),
        N_("An author writes it in each language, and a correction beside it. An approver reviews both."),
        "messages.index",
    ),
    Step(
        N_("A sender"),
        N_("The number, name or bot that messages come from, with its provider key. An administrator adds it."),
        "planning.senders.index",
    ),
    Step(
        N_("A rehearsal"),
        N_("A campaign goes to practice phones on this computer, as often as you like. The example will do."),
        "planning.index",
    ),
    Step(
        N_("A campaign that was approved"),
        N_("An author plans and rehearses it. An approver answers the checklist and approves it."),
        "planning.index",
    ),
)


def find_first_steps(
    session: Session, settings: Settings, organisation_id: int, founding: Founding
) -> list[tuple[Step, bool]]:
    """Return the steps to the first run, each with whether it is done.

    Whether people were written down is told by files and ways to join: nobody learns how few there are.
    """
    are_two = founding.admins > 1 and founding.approvers > 0
    place, service, people, audience, text, *last = _which_exist(session, organisation_id)
    # Without its key a sender sends nothing.
    can_send = _has_connected(session, settings, organisation_id)
    return list(zip(STEPS, (are_two, place, service, people, audience, text, can_send, *last), strict=True))


def _has_connected(session: Session, settings: Settings, organisation_id: int) -> bool:
    own = session.scalars(select_senders(organisation_id).where(Sender.active, is_own(Sender))).all()
    # Who has none is not asked for keys.
    return bool(own) and len(find_faults(settings, session, own, organisation_id)) < len(own)


def _which_exist(session: Session, organisation_id: int) -> Sequence[bool]:
    """Ask at once what there is of each step but those of members and senders.

    What came with the example does not count; only a rehearsal of it does: that is what it is for.
    """

    def of(model: Any) -> Select[int]:
        return owned(select(model.id), model, organisation_id)

    imported = of(ContactImport).where(ContactImport.state == ImportState.DONE, ~is_list())
    reviewed = of(Message).join(Translation).where(Translation.state == TranslationState.REVIEWED)
    wanted = (
        of(Place).where(is_own(Place)),
        of(Service).where(Service.verified_on.is_not(None)),
        union_all(imported, of(EntryPoint).where(EntryPoint.removed_at.is_(None))),
        of(Audience).where(is_own(Audience)),
        reviewed.where(is_own(Message)),
        union_all(of(Run).where(Run.is_rehearsal, Run.started_at.is_not(None)), _were_rehearsed(organisation_id)),
        of(Campaign).where(Campaign.state == CampaignState.APPROVED),
    )
    return session.execute(select(*(exists(each) for each in wanted))).one()


def _were_rehearsed(organisation_id: int) -> Select[int]:
    """Select the audit entries of rehearsals that were begun: those of an example are thrown away with it."""
    planned = aliased(AuditEntry)
    is_planned = select(planned.id).where(
        planned.subject_type == AuditEntry.subject_type,
        planned.subject_id == AuditEntry.subject_id,
        planned.action == "run.plan",
    )
    entries = owned(select(AuditEntry.id), AuditEntry, organisation_id)
    return entries.where(AuditEntry.action == "run.rehearse", is_planned.exists())
