"""Words for what stands on the paper of a hand-over."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext as _
from flask_babel import pgettext

from campaigns.inbox.conversations.labels import TOPICS
from campaigns.inbox.handing_over.exporting.exported import Document
from campaigns.inbox.handing_over.labels import OVERRIDES
from campaigns.inbox.handing_over.models import Override
from campaigns.places.models import Region
from campaigns.web.filters import day, language_name, listed, region_name
from campaigns.web.state_names import look_of


def rows_of(document: Document, region: Region | None) -> list[tuple[str, str]]:
    """Return what stands on the paper of a hand-over: labels in the reader's language, and words."""
    told = [
        (pgettext("hand-over", "From"), document.sender),
        (pgettext("hand-over", "To"), document.receiver),
        (_("Offered on"), _day(document.offered_on)),
        (_("Accepted on"), _day(document.accepted_on)),
        (_("How urgent it was"), look_of("urgency", document.urgency).name),
        (_("Language"), document.language and language_name(document.language)),
        (_("Region"), document.region and region_name(region)),
        (_("What it is about"), listed(TOPICS.get(each, each) for each in document.topics)),
        (_("What they have to know"), document.summary),
        (_("What the person answered when asked"), document.consent),
        (_("Why they were not asked"), document.unasked and OVERRIDES[Override(document.unasked)]),
        (_("They came"), _day(document.came_on)),
        (_("They were helped"), _day(document.helped_on)),
    ]
    return [(str(label), str(words)) for label, words in told if words]


def _day(value: date | None) -> str:
    return day(value).striptags() if value else ""
