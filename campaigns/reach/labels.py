"""Names of the steps of reach in the reader's language, and how each step is counted."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from campaigns.reach.counting.ladder import Proof, Step

STEPS: dict[Step, LazyString] = {
    Step.ESTIMATED: _l("Estimated"),
    Step.PLATFORM_REPORTED: _l("Reported by platforms"),
    Step.ACCEPTED: _l("Accepted"),
    Step.DELIVERED: _l("Delivered"),
    Step.READ: _l("Read"),
    Step.ENGAGED: _l("Replied"),
    Step.SIGNPOSTED: _l("Turned to a service"),
    Step.ASSISTED: _l("Helped"),
}

HOW: dict[Step, LazyString] = {
    Step.ESTIMATED: _l(
        "Somebody's estimate: leaflets handed out, listeners of a station, heads counted by a partner."
    ),
    Step.PLATFORM_REPORTED: _l("An advert platform's own figure. Nobody outside can check it."),
    Step.ACCEPTED: _l("The provider took the message for them."),
    Step.DELIVERED: _l("A delivery receipt says so, from the phone or at least from the mobile network."),
    Step.READ: _l("The app's delivery receipt says so. SMS and Telegram have none."),
    Step.ENGAGED: _l("They wrote back. Words such as STOP and START do not count."),
    Step.SIGNPOSTED: _l("A service says that they turned to it and quoted the code of the campaign."),
    Step.ASSISTED: _l("A partner says that they got help and quoted the code of the campaign."),
}

PROOFS: dict[Proof, LazyString] = {
    Proof.HANDSET: _l("the phone or the app confirms it"),
    Proof.CARRIER: _l("the mobile network confirms it, no phone does"),
    Proof.UNKNOWN: _l("a delivery receipt confirms it; whose word it is we do not know"),
    Proof.NONE: _l("there are no delivery receipts: what the provider took counts as reached"),
}
