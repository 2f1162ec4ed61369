"""Members see what is sent by itself to people who write; reviewers choose the messages, editors write them."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError
from campaigns.inbox.automatic.chosen_texts import choose, load_chosen
from campaigns.inbox.automatic.forms import AutomaticForm
from campaigns.inbox.automatic.suggested_texts import add_suggested
from campaigns.inbox.conversations.models import Occasion
from campaigns.inbox.conversations.offered.prepared import load_prepared
from campaigns.messages.models import Message
from campaigns.messages.queries import current_texts, unreviewed_of
from campaigns.messages.translations.withdrawn_copies import find_withdrawn
from campaigns.places.place_names.name_table import CREDIT
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.session import session

pages = Blueprint("automatic", __name__, url_prefix="/inbox/automatic")

Page = str | Response | tuple[str, int]


@pages.get("")
@requires(Permission.READ_CONTENT)
def index() -> Page:
    """Show what is sent by itself."""
    chosen = load_chosen(session(), current_organisation().id)
    form = _form(chosen)
    form.show_chosen({occasion: message.id for occasion, message in chosen.items()})
    return _show(form, chosen)


@pages.post("")
@requires(Permission.REVIEW)
def save() -> Page:
    """Choose what is sent by itself from now on."""
    ours = current_organisation()
    chosen = load_chosen(session(), ours.id)
    form = _form(chosen)
    if form.validate_on_submit():
        try:
            choose(session(), ours, form.chosen(), by=current_member().id)
        except InputError as error:
            form.show(error)
        else:
            flash(_("Saved. From now on these texts are sent by themselves."), "good")
            return redirect(url_for("automatic.index"))
    return _show(form, chosen), form.status


@pages.post("/suggested")
@requires(Permission.EDIT)
def suggest() -> Response:
    """Add texts to begin with, which nobody has reviewed."""
    added = len(add_suggested(session(), current_organisation().id, by=current_member().id))
    if added:
        told = ngettext(
            "%(num)s message is added. Another member who reads its languages reviews it, then it can be chosen.",
            "%(num)s messages are added. Members who read their languages review them, then they can be chosen.",
            added,
        )
        flash(told, "good")
    else:
        flash(_("They are among your messages already."), "info")
    return redirect(url_for("messages.index"))


def _form(chosen: Mapping[Occasion, Message]) -> AutomaticForm:
    form = AutomaticForm()
    offered = dict(load_prepared(session(), current_organisation().id))
    # What was chosen stays to be seen, also while its text waits for a review.
    offered |= {message.id: message.title for message in chosen.values()}
    form.offer(offered, nothing=_("Nothing is sent"))
    return form


def _show(form: AutomaticForm, chosen: Mapping[Occasion, Message]) -> str:
    wrong = find_withdrawn(session(), chosen.values())
    return render_template(
        "inbox/automatic.html",
        form=form,
        credit=CREDIT,
        chosen={occasion.value: message for occasion, message in chosen.items()},
        reviewed={occasion.value: list(current_texts(message)) for occasion, message in chosen.items()},
        withdrawn={occasion.value for occasion, message in chosen.items() if message.id in wrong},
        awaited={occasion.value: unreviewed_of(message) for occasion, message in chosen.items()},
    )
