"""The directory's forms ask for a service, a test call, an emergency number, a sheet, and who asks for help."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import available_timezones

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    RadioField,
    SelectField,
    StringField,
)
from wtforms.validators import InputRequired, Length, Optional, Regexp, ValidationError

from campaigns.core.errors import InputError
from campaigns.directory.labels import CONFIDENTIAL, FOREIGN_SIM, KINDS, OPERATORS, OUTCOMES, WAYS
from campaigns.directory.models import (
    AS_STATED,
    SIMULATED,
    SOURCED,
    CheckOutcome,
    ForeignSim,
    OperatorType,
    Service,
    ServiceKind,
)
from campaigns.directory.opening_hours import read_hours, write_hours
from campaigns.directory.service import DOCUMENT_LIMIT
from campaigns.directory.spoken_languages import read_spoken, write_spoken
from campaigns.directory.wordings import is_number
from campaigns.places.geography.region_words import read_region, write_region
from campaigns.web.error_words import said
from campaigns.web.forms import Form, options

#: What is stored for each choice of the form, and the other way round.
_CONFIDENTIAL = {"": None, "yes": True, "no": False}
CONFIDENTIAL_WORDS = {stored: word for word, stored in _CONFIDENTIAL.items()}
#: `Service.source_status` of a service added by hand whose number no source states.
UNSOURCED = "no source yet"
#: Characters of the names of regions: those of all regions of Slovenia, which has the most, are some 3,000.
LONGEST_REGIONS = 4000
#: What stands between the names of regions, in any script.
_COMMAS = re.compile(r"[,;،]")
#: Fields whose data is a column's as it stands.
_SAME_NAME = (
    *("name", "kind", "number_national", "number_from_abroad", "works_from_foreign_sim", "time_zone"),
    *("by_appointment", "operator_type", "operator", "cost", "expires_on", "source", "note"),
)


def check_number(form: Form, field: StringField) -> None:
    """Refuse what cannot be dialled."""
    if field.data and not is_number(field.data.strip()):
        raise ValidationError(_("Use digits, spaces, hyphens and a leading plus."))


def check_hours(form: Form, field: StringField) -> None:
    """Refuse hours that cannot be read."""
    if field.data and not read_hours(field.data):
        raise ValidationError(_("Write 24/7, daily 08:00–23:00, or Mon–Fri 08:30–16:30, Sat 10:00–14:00."))


def check_spoken(form: Form, field: StringField) -> None:
    """Refuse languages that cannot be read."""
    try:
        read_spoken(field.data or "")
    except InputError as error:
        raise ValidationError(said(error)) from None


def check_regions(form: Form, field: StringField) -> None:
    """Refuse a name that several regions have."""
    try:
        _codes(field.data or "")
    except InputError as error:
        raise ValidationError(said(error)) from None


class ServiceForm(Form):
    """A service and who can reach it."""

    name = StringField(_l("Name"), [InputRequired(), Length(max=200)])
    kind = SelectField(
        _l("Kind of help"),
        [InputRequired()],
        choices=options(KINDS.items()),
        description=_l("A text never names another kind of help."),
    )
    country = StringField(
        _l("Country"),
        [InputRequired(), Regexp(r"^[A-Za-z]{2}$", message=_l("Two letters, such as PL, or EU."))],
        description=_l("Two letters, such as PL; EU for numbers of every member state."),
        render_kw={"dir": "ltr", "autocapitalize": "characters", "list": "countries", "autocomplete": "off"},
    )
    region_codes = StringField(
        _l("Only in these regions"),
        [Optional(), Length(max=LONGEST_REGIONS), check_regions],
        description=_l("Their names in any language, with commas between them. Empty covers the whole country."),
        render_kw={"dir": "auto"},
    )
    number_national = StringField(
        _l("Number within the country"), [Optional(), Length(max=60), check_number], render_kw={"dir": "ltr"}
    )
    number_from_abroad = StringField(
        _l("Number for foreign SIM cards and from abroad"),
        [Optional(), Length(max=60), check_number],
        render_kw={"dir": "ltr"},
    )
    works_from_foreign_sim = SelectField(
        _l("Does the national number work with a foreign SIM card?"),
        [InputRequired()],
        choices=options(FOREIGN_SIM.items()),
        # Nobody finds out by leaving it as it was.
        default=ForeignSim.UNKNOWN,
    )
    languages_text = StringField(
        _l("Languages answered"),
        [Optional(), Length(max=200), check_spoken],
        description=_l(
            "Codes such as uk, en, ru Mon & Thu, only those that are certain; mul: any other through interpreters."
        ),
        render_kw={"dir": "ltr"},
    )
    hours_text = StringField(
        _l("Hours"),
        [Optional(), Length(max=200), check_hours],
        description=_l("24/7, daily 08:00–23:00, or Mon–Fri 08:30–16:30, Sat 10:00–14:00. Empty is not known."),
        render_kw={"dir": "ltr"},
    )
    time_zone = SelectField(
        _l("Time zone"),
        [InputRequired()],
        choices=options((zone, zone) for zone in sorted(available_timezones()) if "/" in zone or zone == "UTC"),
    )
    by_appointment = BooleanField(_l("By appointment only"))
    operator_type = SelectField(
        _l("Who answers"),
        [InputRequired()],
        choices=options(OPERATORS.items()),
        default=OperatorType.UNKNOWN,
        description=_l("A line of the state can expose somebody without papers; independent ones come first."),
    )
    operator = StringField(_l("Operator"), [Optional(), Length(max=200)])
    confidential = SelectField(_l("Is it confidential?"), choices=options(CONFIDENTIAL.items()), default="")
    cost = StringField(_l("Cost of a call"), [Optional(), Length(max=100)])
    expires_on = DateField(_l("Last day, when it is known to end"), [Optional()])
    source = StringField(
        _l("Source"),
        [Optional(), Length(max=300)],
        description=_l(
            "A page or document that states the number. Without one nobody can verify it, and no text names it."
        ),
    )
    is_sourced = BooleanField(_l("The source states this number"))
    note = StringField(_l("Note"), [Optional(), Length(max=300)])
    is_wrong = BooleanField(
        _l("What stands there now is wrong or dead"),
        description=_l("No text names the service from now on, until another member agreed to what is right."),
    )
    reason = StringField(_l("Why, for whoever has to agree"), [Optional(), Length(max=200)])

    @classmethod
    def of(cls, service: Service) -> ServiceForm:
        """Return the form filled with a service's facts."""
        form: ServiceForm = cls(
            data={name: getattr(service, name) for name in _SAME_NAME}
            | {
                "country": service.country,
                "region_codes": ", ".join(_region_words(code) for code in service.region_codes),
                "languages_text": write_spoken(service.languages, service.language_days),
                "confidential": CONFIDENTIAL_WORDS[service.confidential],
                "hours_text": write_hours(service.hours),
                "is_sourced": service.source_status == SOURCED,
            }
        )
        return form

    def facts(self) -> dict[str, Any]:
        """Return what the form states, by column of Service."""
        sourced = bool(self.is_sourced.data and self.text("source").strip())
        languages, days = read_spoken(self.text("languages_text"))
        return {name: self[name].data for name in _SAME_NAME} | {
            "country": self.text("country").upper(),
            "region_codes": _codes(self.text("region_codes")),
            "languages": languages,
            "language_days": days,
            "confidential": _CONFIDENTIAL[self.text("confidential")],
            "hours": read_hours(self.text("hours_text")),
            "source_status": SOURCED if sourced else UNSOURCED,
        }


class TriedForm(Form):
    """When and how somebody tried a service."""

    on = DateField(_l("Tried on"), [InputRequired()])
    how = SelectField(_l("How"), validators=[InputRequired()])

    def offer(self, *, is_demo: bool) -> None:
        """Name the ways to verify a service; only a demo simulates."""
        tried = ((way, words) for way, words in WAYS.items() if way != AS_STATED)
        ways = [(way, words) for way, words in tried if is_demo or way != SIMULATED]
        self.how.choices = options([("", _l("Choose")), *ways])


class VerifyForm(TriedForm):
    """Who made sure that a service answers, when and how."""


class DeadForm(TriedForm):
    """Who found that a service may not be used, when, how and why."""

    outcome = RadioField(
        _l("Result of the call"),
        choices=options((one, words) for one, words in OUTCOMES.items() if one != CheckOutcome.ANSWERS),
        default=CheckOutcome.SILENT.value,
    )


class EmergencyForm(Form):
    """The number for emergencies of one country, and the document that states it."""

    number = StringField(_l("Number"), [InputRequired()], render_kw={"inputmode": "numeric", "dir": "ltr"})
    document = StringField(
        _l("Document"),
        [InputRequired(), Length(max=DOCUMENT_LIMIT)],
        description=_l("The page of the ministry or regulator that states it. Never try an emergency number."),
    )
    document_date = DateField(_l("Date of the document"), [InputRequired()])


class SheetForm(Form):
    """A sheet of services."""

    file = FileField(
        _l("File"),
        [FileRequired(_l("Choose a file."))],
        description=_l(
            "CSV, such as an export of the directory. Other directories of help write the same kind (Open Referral"
            " HSDS)."
        ),
        render_kw={"accept": ".csv,.txt,.tsv"},
    )


class NeedForm(Form):
    """Somebody who might be pointed to a service; sent by GET, so without a token."""

    place = SelectField(_l("Where"), [InputRequired()])
    language = SelectField(_l("Language of the text"), [InputRequired()])
    kind = SelectField(_l("Kind of help"), choices=options(KINDS.items()), default=ServiceKind.TRAFFICKING.value)
    sim = SelectField(
        _l("SIM card"), choices=options([("abroad", _l("Of another country")), ("home", _l("Of this country"))])
    )
    at = DateTimeLocalField(
        _l("Read at"), [Optional()], description=_l("In the time zone of your organisation; empty is now.")
    )


def _codes(text: str) -> list[str]:
    codes = [read_region(part) for part in _COMMAS.split(text)]
    return list(dict.fromkeys(code for code in codes if code))


def _region_words(code: str) -> str:
    words = write_region(code, str(get_locale() or ""))
    return code if _COMMAS.search(words) else words
