"""Names of the messages step's vocabularies in the reader's language."""

from __future__ import annotations

from datetime import date

from babel.dates import get_day_names
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from campaigns.core.words import Phrase
from campaigns.messages.hours import WEEKDAYS
from campaigns.messages.models import AS_STATED, SIMULATED, CheckOutcome, ForeignSim, OperatorType, ServiceKind
from campaigns.messages.reasons import Reason
from campaigns.messages.themes import Theme
from campaigns.web.filters import day, language_name

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

KINDS: dict[ServiceKind, LazyString] = {
    ServiceKind.TRAFFICKING: _l("Trafficking support"),
    ServiceKind.EMERGENCY: _l("Emergency"),
    ServiceKind.LABOUR: _l("Labour complaints"),
    ServiceKind.CONSULAR: _l("Consular help"),
    ServiceKind.CHILD: _l("Children"),
    ServiceKind.VIOLENCE: _l("Violence"),
    ServiceKind.VICTIMS: _l("Victims of crime"),
    ServiceKind.INFORMATION: _l("Information"),
    ServiceKind.SHELTER: _l("A place to stay"),
    ServiceKind.LEGAL: _l("Legal advice"),
    ServiceKind.OTHER: _l("Other"),
}

OPERATORS: dict[OperatorType, LazyString] = {
    OperatorType.NGO: _l("Non-governmental organisation"),
    OperatorType.IGO: _l("International organisation"),
    OperatorType.CONSULATE: _l("Consulate"),
    OperatorType.GOVERNMENT: _l("Government"),
    OperatorType.POLICE: _l("Police"),
    OperatorType.UNKNOWN: _l("Not known"),
}

FOREIGN_SIM: dict[ForeignSim, LazyString] = {
    ForeignSim.YES: _l("Yes"),
    ForeignSim.NO: _l("No"),
    ForeignSim.UNKNOWN: _l("Not known"),
}

CONFIDENTIAL: dict[str, LazyString] = {"": _l("Not known"), "yes": _l("Yes"), "no": _l("No")}

OUTCOMES: dict[CheckOutcome, LazyString] = {
    CheckOutcome.ANSWERS: _l("It answers"),
    CheckOutcome.SILENT: _l("Nobody answers: do not use it"),
    CheckOutcome.CLOSED: _l("It is closed for good"),
    CheckOutcome.WRONG: _l("What is stated here is wrong: do not use it"),
}

#: Ways to verify a service, by what is stored.
WAYS: dict[str, LazyString] = {
    "test call, local and foreign SIM": _l("Test calls from a local and a foreign SIM"),
    "test call, local SIM": _l("Test call from a local SIM"),
    "test call, foreign SIM": _l("Test call from a foreign SIM"),
    "confirmed by the service": _l("The service itself confirmed it"),
    AS_STATED: _l("A member said so who changed it"),
    SIMULATED: _l("Simulated for the demo"),
}

#: What each placeholder stands for.
PLACEHOLDERS: dict[str, LazyString] = {
    "hotline": _l("the number of the nearest verified service, else the country's emergency number"),
    "place": _l("the place this is about"),
    "link": _l("the campaign's link"),
    "code": _l("the campaign's code"),
    "stop": _l("how to stop, where an answer reaches us; else nothing"),
}


def country_name(code: str) -> str:
    """Return a country's name (also of "EU") in the reader's language, else its code."""
    locale = get_locale()
    return str(locale.territories.get(code, code)) if locale else code


def reason_words(reason: Reason) -> str:
    """Return why a service is chosen or passed over in the reader's language."""
    return str(_(reason.template) % {name: _reason_value(name, value) for name, value in reason.values.items()})


def _reason_value(name: str, value: object) -> object:
    if isinstance(value, date):
        return day(value).striptags()
    if isinstance(value, list | tuple):
        return ", ".join(language_name(code) if name == "languages" else _weekday(code) for code in value)
    if name == "language":
        return language_name(str(value)) if value else _("an unknown language")
    if name == "kind":
        return KINDS.get(ServiceKind(str(value)), str(value))
    return _(value) if isinstance(value, Phrase) else value


def _weekday(code: str) -> str:
    names = get_day_names("abbreviated", locale=get_locale() or "en")
    return str(names[WEEKDAYS.index(code)])
