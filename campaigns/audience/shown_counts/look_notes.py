"""Writes down which members saw that an audience is small, whichever page told them; after the page is made."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.orm import Session

from campaigns.audience.files.watch import note_look
from campaigns.audience.models import Audience
from campaigns.audience.rules import AudienceRule
from campaigns.core.errors import AudienceRuleError
from campaigns.core.small_numbers import is_told
from campaigns.staff.auth import current_member, current_organisation
from campaigns.web.session import write_afterwards


def note_audience(audience: Audience, people: int) -> None:
    """Write down that the member saw that few people, or nobody, are in a saved audience, if it is so."""
    if not is_told(people):
        # Of a rule that cannot be read nothing was counted.
        with suppress(AudienceRuleError):
            note_small(AudienceRule.from_json(audience.rule))


def note_small(rule: AudienceRule) -> None:
    """Write down that the member saw that few people are meant, when the page is made: it is only read."""
    member_id, organisation_id = current_member().id, current_organisation().id

    def note(session: Session) -> None:
        note_look(session, organisation_id, rule, member_id=member_id)

    # The member will look again.
    write_afterwards(note, otherwise="a look at a small audience could not be noted")
