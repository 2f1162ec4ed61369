"""One page says who is silent for long, who was asked whether to go on and when, and who is left out for it."""

from __future__ import annotations

from flask import Blueprint, render_template

from campaigns.audience.figures import find_figures
from campaigns.audience.kept.people_questions import ask_silent
from campaigns.audience.silence import find_questions
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.current import settings
from campaigns.web.session import session

pages = Blueprint("silent", __name__, url_prefix="/silent")


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> str:
    """Show how many people are silent, asked and left out."""
    organisation_id, days = current_organisation().id, settings().silence_days
    questions = find_questions(session(), organisation_id)
    (rows,), counted = find_figures([ask_silent(days)])
    return render_template(
        "audience/silent.html",
        days=days,
        answer_days=settings().silence_answer_days,
        silent=None if rows is None else sum(people for (people,) in rows),
        counted=counted,
        questions=questions,
        left_out=sum(each.left_out for each in questions),
    )
