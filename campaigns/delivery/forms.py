"""Forms by which a member sends unconfirmed messages again, or a correction; and which messages were chosen."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.delivery.browse import PER_PAGE
from campaigns.delivery.resending import Chosen
from campaigns.planning.firing import LONGEST_REASON
from campaigns.web.forms import Form


class ResendForm(Form):
    """Why messages are sent again; which ones stands beside it."""

    reason = TextAreaField(
        _l("Why they are sent again"),
        [InputRequired(), Length(max=LONGEST_REASON)],
        description=_l("It stays in the audit trail with your name. Write no names and no numbers of people."),
    )


class CorrectForm(Form):
    """What is wrong with what a run says."""

    reason = TextAreaField(
        _l("What is wrong"),
        [InputRequired(), Length(max=LONGEST_REASON)],
        description=_l(
            "Members read it wherever the withdrawn text stood, also those of partners who copied it."
            " It stays in the audit trail."
        ),
    )


def read_chosen(values: MultiDict[str, str]) -> Chosen:
    """Read which messages were chosen: one by one, or all, perhaps of one cause. Raises InputError for none."""
    if values.get("all"):
        return Chosen(code=values.get("cause"))
    ids = [
        int(value) for value in values.getlist("chosen")[: PER_PAGE + 1] if value.isdecimal() and len(value) < 19
    ]
    if not ids or len(ids) != len(values.getlist("chosen")):
        raise InputError(N_("Choose the messages first that are to be sent again."))
    return Chosen(ids=ids)
