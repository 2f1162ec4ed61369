"""Names of the directory's vocabularies in the reader's language."""

from __future__ import annotations

import re
from datetime import date

from babel import Locale
from babel.dates import get_day_names
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from flask_babel.speaklater import LazyString

from campaigns.core.words import Phrase
from campaigns.directory.models import AS_STATED, SIMULATED, CheckOutcome, ForeignSim, OperatorType, ServiceKind
from campaigns.directory.opening_hours import WEEKDAYS
from campaigns.directory.signposting.reasons import Reason
from campaigns.places.geography.atlas import load_atlas
from campaigns.web.filters import alphabetical, day, language_name, listed, region_name

#: Two letters are a country, but for what CLDR keeps there beside them.
_COUNTRY = re.compile(r"(?!EZ|QO|UN|XA|XB|ZZ)[A-Z]{2}")

KINDS: dict[ServiceKind, LazyString] = {
    ServiceKind.TRAFFICKING: _l("Help for trafficked persons"),
    ServiceKind.EMERGENCY: _l("Emergency"),
    ServiceKind.LABOUR: _l("Labour complaints"),
    ServiceKind.CONSULAR: _l("Consular help"),
    ServiceKind.CHILD: _lp("kind of help", "Children"),
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


def country_name(code: str) -> str:
    """Return a country's name (also of "EU") in the reader's language, else its code."""
    locale = get_locale()
    return str(locale.territories.get(code, code)) if locale else code


def countries_by_name() -> list[tuple[str, str]]:
    """Return the code of each country and of the European Union with its name, by the reader's alphabet."""
    locale = get_locale() or Locale("en")
    named = [(code, str(name)) for code, name in locale.territories.items() if _COUNTRY.fullmatch(code)]
    return sorted(named, key=lambda pair: alphabetical(pair[1]))


def reason_words(reason: Reason) -> str:
    """Return why a service is chosen or passed over in the reader's language."""
    return str(_(reason.template) % {name: _reason_value(name, value) for name, value in reason.values.items()})


def _reason_value(name: str, value: object) -> object:
    if isinstance(value, date):
        return day(value).striptags()
    if isinstance(value, list | tuple):
        return listed(language_name(code) if name == "languages" else weekday_name(code) for code in value)
    if name == "language":
        return language_name(str(value)) if value else _("an unknown language")
    if name == "kind":
        return KINDS.get(ServiceKind(str(value)), str(value))
    if name == "place" and not isinstance(value, Phrase):
        region = load_atlas().get(str(value))
        return region_name(region) if region else country_name(str(value))
    return _(value) if isinstance(value, Phrase) else value


def weekday_name(code: str) -> str:
    """Return the short name of a weekday ("mon") in the reader's language."""
    names = get_day_names("abbreviated", locale=get_locale() or "en")
    return str(names[WEEKDAYS.index(code)])
