"""Words for the occasions on which a text is sent by itself."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp

from campaigns.inbox.conversations.models import Occasion

OCCASIONS = {
    Occasion.WELCOME: _lp("automatic answer", "Welcome"),
    Occasion.HELP: _lp("automatic answer", "Call for help"),
    Occasion.INFO: _lp("automatic answer", "Who writes?"),
    Occasion.MOVED: _lp("automatic answer", "Where they are now"),
    Occasion.WHICH_PLACE: _lp("automatic answer", "Which place?"),
    Occasion.UNKNOWN_PLACE: _lp("automatic answer", "Unknown place"),
    Occasion.OFF_DUTY: _lp("automatic answer", "Nobody is on duty"),
    Occasion.STILL_WAITING: _lp("automatic answer", "No answer yet"),
    Occasion.COMPLAINT: _lp("automatic answer", "A complaint about us"),
}
#: When each is sent.
WHEN = {
    Occasion.WELCOME: _l(
        "Sent to whoever joins, once in 30 days. Where nobody knows their language, the languages of this message "
        "are offered below it with numbers."
    ),
    Occasion.HELP: _l("Sent to whoever writes HELP in any of our languages. The team is asked to read it too."),
    Occasion.INFO: _l("Sent to whoever writes INFO in any of our languages."),
    Occasion.MOVED: _l(
        "Sent to whoever writes MOVED and a place, or shares where they are. ((place)) names it, ((hotline)) the "
        "helpline there."
    ),
    Occasion.WHICH_PLACE: _l("Sent when several places have that name; at most three are offered below it."),
    Occasion.OFF_DUTY: _l(
        "Sent to whoever writes while nobody is on duty, once in 12 hours; instead of the answer to HELP, too. "
        "((emergency)) names the emergency number of their country, ((hotline)) an open helpline, ((again)) when "
        "somebody reads again."
    ),
    Occasion.STILL_WAITING: _l(
        "Sent once, by day, to whoever asked five days ago and has no answer. Never to whoever opted out since, "
        "shares a phone or told of danger: somebody else may read it. ((emergency)) names the emergency number of "
        "their country, ((hotline)) a helpline."
    ),
    Occasion.COMPLAINT: _l(
        "Sent when somebody of the team marks what they wrote as a complaint about you. Say in it who reads it: "
        "somebody else than those who answered them."
    ),
    Occasion.UNKNOWN_PLACE: _l("Sent once a day when no place has that name. The team is asked to read it too."),
}
