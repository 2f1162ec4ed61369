"""Words for offers: what is told beside a summary, why nobody was asked, and what came of it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from flask_babel import ngettext

from campaigns.inbox.handing_over.models import OfferState, Override
from campaigns.inbox.handing_over.service import Confirmed, Field

FIELDS = {
    Field.LANGUAGE: _l("Their language"),
    Field.PLACE: _l("The region where they are"),
    Field.TOPICS: _l("What it is about, by the word lists"),
}
#: Why somebody was not asked.
OVERRIDES = {
    Override.LIFE: _l("Somebody’s life is in danger now"),
    Override.CHILD: _l("A child is in danger"),
    Override.UNABLE: _l("They cannot answer, and waiting would harm them"),
    Override.LAW: _l("A law obliges us to tell"),
}
CONFIRMED = {
    Confirmed.CAME: _lp("somebody who was handed over", "They came to us"),
    Confirmed.HELPED: _lp("somebody who was handed over", "They were helped"),
}


def offer_words(state: OfferState, offers: int) -> str:
    """Say that offers wait for a member: as the second one while they are proposed, to take them afterwards."""
    if state == OfferState.PROPOSED:
        words = ngettext(
            "%(num)s conversation waits for a second member to agree",
            "%(num)s conversations wait for a second member to agree",
            offers,
        )
    else:
        words = ngettext(
            "%(num)s conversation is offered to you", "%(num)s conversations are offered to you", offers
        )
    return str(words)
