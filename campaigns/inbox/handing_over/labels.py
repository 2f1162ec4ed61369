"""Words for offers to other organisations."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp

from campaigns.inbox.handing_over.service import Confirmed, Field

FIELDS = {
    Field.LANGUAGE: _l("Their language"),
    Field.PLACE: _l("The region where they are"),
    Field.TOPICS: _l("What it is about, by the word lists"),
}
CONFIRMED = {
    Confirmed.CAME: _lp("somebody who was handed over", "They came to us"),
    Confirmed.HELPED: _lp("somebody who was handed over", "They were helped"),
}
