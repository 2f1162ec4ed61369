"""A staff page lists every text that waits for this member's review; each is approved or returned there."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.messages import queries, service
from campaigns.messages.models import Message
from campaigns.messages.reviews.returned_texts import return_text
from campaigns.messages.reviews.waiting_texts import load_waiting
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import settings
from campaigns.web.error_words import refusals_told, said
from campaigns.web.number_fields import whole_number
from campaigns.web.session import refuse_commit, session

pages = Blueprint("reviews", __name__)


@dataclass(frozen=True, slots=True)
class RefusedComment:
    """What a reviewer typed that was not taken, and why."""

    message_id: int
    language: str
    comment: str
    sentence: str


@pages.get("/reviews")
@requires(Permission.REVIEW)
def index() -> str:
    """List the texts that wait for this member, of one message (`message`) or all, in the languages they chose."""
    return _page()


def _page(refused: RefusedComment | None = None) -> str:
    chosen = request.args.getlist("only")
    message_id = request.args.get("message", type=whole_number)
    found = load_waiting(
        session(),
        current_organisation().id,
        current_member().id,
        message_id=message_id,
        languages=chosen,
        at=clock.now(),
        fresh_days=settings().service_max_age_days,
    )
    listed = [(each.message.id, each.translation.language) for each in found.texts]
    return render_template(
        "messages/reviews/index.html",
        found=found,
        chosen=chosen,
        message_id=message_id,
        refused=refused,
        # Somebody else may have decided it meanwhile.
        is_listed=refused is not None and (refused.message_id, refused.language) in listed,
    )


@pages.post("/<int:message_id>/<language>/approve")
@requires(Permission.REVIEW)
def approve(message_id: int, language: str) -> Response:
    """Mark a text as reviewed, as it was read on the list, and come back to the next."""
    translation = queries.get_translation(_message(message_id), language)
    with refusals_told(InputError, RefusedError):
        seen = request.form.get("seen", "")
        service.review_translation(session(), translation, by=current_member().id, seen=seen)
        flash(_("Reviewed. This text may be sent."), "good")
    return _to_list()


@pages.post("/<int:message_id>/<language>/return")
@requires(Permission.REVIEW)
def give_back(message_id: int, language: str) -> Response | tuple[str, int]:
    """Return a text to its authors with a comment; one that is refused is shown beside the text as it is now."""
    translation = queries.get_translation(_message(message_id), language)
    comment, seen = request.form.get("comment", ""), request.form.get("seen", "")
    try:
        return_text(session(), translation, by=current_member().id, comment=comment, seen=seen)
    except (InputError, RefusedError) as error:
        refuse_commit()
        return _page(RefusedComment(message_id, language, comment, said(error))), 422
    flash(_("Returned to its authors, who see your comment."), "good")
    return _to_list()


def _message(message_id: int) -> Message:
    return get_owned(session(), Message, message_id, current_organisation().id)


def _to_list() -> Response:
    """Return to the list as it was: the same message, the same languages."""
    message_id, chosen = request.args.get("message", type=whole_number), request.args.getlist("only")
    return redirect(url_for("messages.reviews.index", message=message_id, only=chosen))
