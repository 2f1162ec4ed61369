"""Writes down which members saw that an audience is small, whichever page told them; after the page is made."""

from __future__ import annotations

import logging
from contextlib import suppress

from flask import Response, after_this_request, request
from sqlalchemy.exc import OperationalError

from campaigns.audience.files.watch import note_look
from campaigns.audience.models import Audience
from campaigns.audience.rules import AudienceRule
from campaigns.core.errors import AudienceRuleError
from campaigns.core.small_numbers import is_told
from campaigns.staff.auth import current_member, current_organisation
from campaigns.web.session import SAFE_METHODS, session, writing_apart

_log = logging.getLogger(__name__)


def note_audience(audience: Audience, people: int) -> None:
    """Write down that the member saw that few people, or nobody, are in a saved audience, if it is so."""
    if not is_told(people):
        # Of a rule that cannot be read nothing was counted.
        with suppress(AudienceRuleError):
            note_small(AudienceRule.from_json(audience.rule))


def note_small(rule: AudienceRule) -> None:
    """Write down that the member saw that few people are meant, when the page is made: it is only read."""
    member_id, organisation_id = current_member().id, current_organisation().id

    @after_this_request
    def note(response: Response) -> Response:
        if request.method not in SAFE_METHODS:
            note_look(session(), organisation_id, rule, member_id=member_id)
            return response
        try:
            with writing_apart() as apart:
                note_look(apart, organisation_id, rule, member_id=member_id)
        except OperationalError:
            # The member's page does not fail because the database is busy; they will look again.
            _log.warning("a look at a small audience could not be noted", exc_info=True)
        return response
