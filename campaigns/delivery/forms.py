"""By these forms a member sends unconfirmed messages again, or a correction, and says which were chosen."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.delivery.models import LONGEST_REASON
from campaigns.delivery.monitoring.rows import PER_PAGE
from campaigns.delivery.repair.resend import Chosen
from campaigns.web.forms import Form

#: What messages may have in common by which a member chooses them, as an address names it.
GROUPED_BY = ("cause", "language", "country", "channel")
#: Says in an address that a group is not of one cause, language and so on; what is empty says that none is known.
ANY = "*"


class ResendForm(Form):
    """Why messages are sent again; which ones stands beside it."""

    reason = TextAreaField(
        _l("Why they are sent again"),
        [InputRequired(), Length(max=LONGEST_REASON)],
        description=_l("It stays in the audit log with your name. Write no names and no numbers of people."),
    )


class CorrectForm(Form):
    """What is wrong with what a run says."""

    reason = TextAreaField(
        _l("What is wrong"),
        [InputRequired(), Length(max=LONGEST_REASON)],
        description=_l(
            "Members read it wherever the withdrawn text stood, also those of partners who copied it."
            " It stays in the audit log."
        ),
    )


def read_chosen(values: MultiDict[str, str], *, one_by_one: bool) -> Chosen:
    """Read which messages were chosen: all of a group, or, if that is allowed, one by one.

    Raises InputError for none. ANY in place of a thing that a group may have in common means whatever it is.
    """
    if values.get("all") or not one_by_one:
        code, language, country, channel = (_common(values, name) for name in GROUPED_BY)
        return Chosen(code=code, language=language, country=country, channel=channel)
    ids = [
        int(value) for value in values.getlist("chosen")[: PER_PAGE + 1] if value.isdecimal() and len(value) < 19
    ]
    if not ids or len(ids) != len(values.getlist("chosen")):
        raise InputError(N_("Choose the messages first that are to be sent again."))
    return Chosen(ids=ids)


def _common(values: MultiDict[str, str], name: str) -> str | None:
    value = values.get(name, ANY)
    return None if value == ANY else value[:40]
