"""One page says who is silent for long, who was asked whether to go on and when, and who is left out for it."""

from __future__ import annotations

from flask import Blueprint, render_template

from campaigns.audience.figures import find_figures
from campaigns.audience.kept.people_questions import ask_silent
from campaigns.audience.silence import silence_from
from campaigns.staff.auth import requires
from campaigns.staff.permissions import Permission
from campaigns.web.current import settings

pages = Blueprint("silent", __name__, url_prefix="/silent")


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> str:
    """Show how many people are silent, asked and left out."""
    days = settings().silence_days
    (rows,), counted = find_figures([ask_silent(days)])
    silence = None if rows is None else silence_from(rows)
    return render_template(
        "audience/silent.html",
        days=days,
        answer_days=settings().silence_answer_days,
        counted=counted,
        silence=silence,
        left_out=sum(each.left_out for each in silence.questions) if silence else 0,
    )
