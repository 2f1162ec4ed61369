"""One page says who is silent for long, who was asked whether to go on and when, and who is left out for it."""

from __future__ import annotations

from flask import Blueprint, render_template

from campaigns.audience.silence import count_silent, find_questions
from campaigns.core import clock
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.current import settings
from campaigns.web.session import session

pages = Blueprint("silent", __name__, url_prefix="/silent")


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> str:
    """Show how many people are silent, asked and left out."""
    organisation_id, days, now = current_organisation().id, settings().silence_days, clock.now()
    questions = find_questions(session(), organisation_id)
    return render_template(
        "audience/silent.html",
        days=days,
        answer_days=settings().silence_answer_days,
        silent=count_silent(session(), organisation_id, days, now=now),
        questions=questions,
        left_out=sum(each.left_out for each in questions),
    )
