"""Names of the steps, sources and methods of reach in the reader's language, and how each step is counted."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from flask_babel.speaklater import LazyString

from campaigns.reach.counting import Proof, Step
from campaigns.reach.imported.models import Method, Source

STEPS: dict[Step, LazyString] = {
    Step.ESTIMATED: _l("Estimated"),
    Step.PLATFORM_REPORTED: _l("Reported by platforms"),
    Step.ACCEPTED: _l("Accepted"),
    Step.DELIVERED: _l("Delivered"),
    Step.READ: _l("Read"),
    Step.ENGAGED: _l("Engaged"),
    Step.SIGNPOSTED: _l("Signposted"),
    Step.ASSISTED: _l("Assisted"),
}

HOW: dict[Step, LazyString] = {
    Step.ESTIMATED: _l(
        "Somebody's estimate: leaflets handed out, listeners of a station, heads counted by a partner."
    ),
    Step.PLATFORM_REPORTED: _l("An advert platform's own figure. Nobody outside can check it."),
    Step.ACCEPTED: _l("The provider took the message for them."),
    Step.DELIVERED: _l("A delivery receipt says so, from the phone or at least from the carrier."),
    Step.READ: _l("The app's receipt says so. SMS and Telegram have none."),
    Step.ENGAGED: _l("They wrote back. Stop and start words do not count."),
    Step.SIGNPOSTED: _l("A service says that they turned to it and quoted the code of the campaign."),
    Step.ASSISTED: _l("A partner says that they got help and quoted the code of the campaign."),
}

PROOFS: dict[Proof, LazyString] = {
    Proof.HANDSET: _l("the phone or the app confirms it"),
    Proof.CARRIER: _l("the carrier confirms it, no phone does"),
    Proof.UNKNOWN: _l("a receipt confirms it; whose word it is we do not know"),
    Proof.NONE: _l("there are no receipts: what the provider took counts as reached"),
}

SOURCES: dict[Source, LazyString] = {
    Source.META_ADS: _l("Meta ads manager"),
    Source.GOOGLE_ADS: _l("Google Ads"),
    Source.OTHER_ADS: _l("Another advert platform"),
    Source.LEAFLETS: _l("Leaflets and posters"),
    Source.RADIO: _l("Radio and television"),
    Source.U_REPORT: _l("U-Report"),
    Source.PARTNER: _l("Partner form (5W)"),
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
    "status": _l("State of the activity"),
    "note": _l("Note"),
    "female": _l("Women and girls"),
    "male": _l("Men and boys"),
    "children": _l("Children"),
}
