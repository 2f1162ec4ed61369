"""Names of the sources, methods and columns of imported reach, in the reader's language."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from flask_babel.speaklater import LazyString

from campaigns.reach.imported.models import Method, Source

SOURCES: dict[Source, LazyString] = {
    Source.META_ADS: _l("Meta ads manager"),
    Source.GOOGLE_ADS: _l("Google Ads"),
    Source.OTHER_ADS: _l("Another advert platform"),
    Source.LEAFLETS: _l("Leaflets and posters"),
    Source.RADIO: _l("Radio and television"),
    Source.U_REPORT: _l("U-Report"),
    Source.PARTNER: _l("Partner form (who, what, where, when, for whom)"),
}

METHODS: dict[Method, LazyString] = {
    Method.PLATFORM_UNIQUE: _l("people as the platform counts them"),
    Method.ONE_LEAFLET_ONE_PERSON: _l("one leaflet, one person"),
    Method.FOOTFALL_ESTIMATE: _l("estimate of who passed by"),
    Method.BROADCAST_ESTIMATE: _l("estimate of who listened or watched"),
    Method.POLL_ANSWERS: _l("answers to a poll"),
    Method.HEADCOUNT: _l("heads counted on the spot"),
    Method.OTHER: _l("another method"),
}

FIELDS: dict[str, LazyString] = {
    "label": _l("Activity or advert"),
    "partner": _l("Partner"),
    "region": _l("Region"),
    "country": _l("Country"),
    "starts_on": _l("First day"),
    "ends_on": _l("Last day"),
    "month": _l("Month"),
    "people": _l("People reached"),
    "targeted": _l("People targeted"),
    "impressions": _l("Impressions"),
    "link_clicks": _l("Clicks on the link"),
    "frequency": _lp("of an advert", "Frequency"),
    "spend": _l("Money spent"),
    "currency": _l("Currency"),
    "channel": _l("Channel"),
    "language": _l("Language"),
    "recurrent": _l("Counted before"),
    "method": _l("How it was counted"),
    "code": _l("Code of the campaign"),
    "status": _l("Status of the activity"),
    "note": _l("Note"),
    "female": _l("Women and girls"),
    "male": _l("Men and boys"),
    "children": _lp("a group of people", "Children"),
}
