"""The vocabularies of the messages step have their names in the reader's language here."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from campaigns.messages.themes import Theme

THEMES: dict[Theme, LazyString] = {
    Theme.DOCS_KEEP: _l("Keep your documents"),
    Theme.SHARE_LOCATION: _l("Tell somebody your way"),
    Theme.CODE_WORD: _l("Agree a code word"),
    Theme.PLATE_PHOTO: _l("Send the number plate"),
    Theme.OFFICIAL_TRANSPORT: _l("Official transport"),
    Theme.HELPER_BADGE: _l("Ask for badge and registration"),
    Theme.VERIFY_JOB: _l("Check the job offer"),
    Theme.NO_UPFRONT_DEBT: _l("No debt for a job or lift"),
    Theme.PHONE_CHARGE: _l("Phone charged and with you"),
    Theme.STAY_TOGETHER: _l("Stay together"),
    Theme.AID_IS_FREE: _l("Aid is free"),
    Theme.KNOW_STATUS: _l("Know your rights"),
    Theme.CONSULATE_CONTACT: _l("Save the consulate's line"),
    Theme.ASK_FOR_HELP: _l("Ask for help"),
    Theme.CHILDREN_SAFE: _l("Keep children safe"),
}


#: What each placeholder stands for.
PLACEHOLDERS: dict[str, LazyString] = {
    "hotline": _l("the number of the nearest verified service, else the country's emergency number"),
    "place": _l("the place this is about"),
    "link": _l("the campaign's link"),
    "code": _l("the campaign's code"),
    "stop": _l("how to opt out: by a word where an answer reaches us, else on a page of ours"),
}
