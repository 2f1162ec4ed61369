"""These forms ask for a rule of an audience part by part, and for a contact file."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from flask_wtf.file import FileField, FileRequired
from werkzeug.datastructures import MultiDict
from wtforms import DateField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from campaigns.audience.file_telling import NOTHING_TOLD, FileTelling
from campaigns.audience.models import Channel, ContactGroup, GroupKind, PositionSource
from campaigns.audience.rules import MAX_AGE_DAYS, AudienceRule, Direction, RoutePart
from campaigns.core.errors import AudienceRuleError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.places.models import Region, Route
from campaigns.web.filters import alphabetical, country_name, language_name, region_name
from campaigns.web.forms import Form, LongSelect, LongTicks, Ticks, options
from campaigns.web.number_fields import WholeNumberField, whole_number

DEFAULT_AGE_DAYS = 30
#: Countries whose national way of writing numbers can be chosen for a file.
FILE_COUNTRIES = (
    *("UA", "PL", "RO", "MD", "SK", "HU", "DE", "CZ", "AT", "GB"),
    *("KE", "ET", "UG", "TZ", "SA", "AE", "LB", "JO"),
)
#: What a select of a route's stretch says.
DIRECTIONS = {
    "": _l("Not this route"),
    Direction.ALL: _l("The whole route"),
    Direction.AT: _l("At the waypoint"),
    Direction.BEFORE: _l("Before the waypoint"),
    Direction.PAST: _l("Past the waypoint"),
}
#: What the names of its fields begin with, before the id of the route.
_STRETCH = ("route", "stop")

#: What channels are called; names of products stay as they are.
CHANNELS = {Channel.SMS: _l("SMS"), Channel.WHATSAPP: "WhatsApp", Channel.TELEGRAM: "Telegram"}
#: How we know where somebody is.
SOURCES = {
    PositionSource.ENTRY_POINT: _l("from the way in which they joined"),
    PositionSource.SHARED: _l("shared by them"),
    PositionSource.TOLD_US: _l("told us"),
    PositionSource.IMPORT: _l("from an imported file"),
}
#: How we know what somebody agreed to or withdrew, as the ledger has it (`Consent.method`).
METHODS = {
    "form": _lp("consent", "On a page or form"),
    "import": _lp("consent", "From a file"),
    "journal": _lp("consent", "Kept from before a restore"),
    "keyword": _lp("consent", "By a message"),
    "list": _lp("consent", "From a list of an older system"),
    "member": _lp("consent", "Written down by a member"),
    "provider": _lp("consent", "Told by the provider"),
    "telegram_start": _lp("consent", "By pressing Start in Telegram"),
}
#: What the people of a group have in common.
GROUP_KINDS = {
    GroupKind.PROGRAMME: _l("Programme"),
    GroupKind.PARTNER: _l("Partner organisation"),
    GroupKind.COHORT: _l("Cohort"),
}
#: What a file was read as, by Report.encoding.
ENCODINGS = {"utf-8": "UTF-8", "utf-16": "UTF-16", "cp1251": _l("Windows-1251 (Cyrillic)")}


class FoundRoutes(LongTicks):
    """The routes whose stretches a page asks for; those of which one is chosen count as ticked."""


class AudienceForm(Form):
    """A rule; stretches of routes are read from the fields `route-ID` and `stop-ID` beside it."""

    name = StringField(_l("Name"), [InputRequired(), Length(max=200)])
    place_ids = LongTicks(_l("Places"), coerce=whole_number)
    routes = FoundRoutes(_l("Routes"), coerce=whole_number, validate_choice=False)
    region_codes = Ticks(_l("Regions"))
    countries = Ticks(_l("Countries"))
    languages = Ticks(_l("Languages"))
    group_ids = Ticks(_l("Groups"), coerce=whole_number)
    max_position_age_days = WholeNumberField(
        _l("How old a last known place may be, in days"),
        [Optional(), NumberRange(1, MAX_AGE_DAYS)],
        description=_l("People move on. Leave empty to accept any age."),
    )
    silent_days = WholeNumberField(
        _l("Only who wrote nothing for so many days"),
        [Optional(), NumberRange(1, MAX_AGE_DAYS)],
        description=_l("Their phone may be in other hands. Such a campaign asks each once whether to go on."),
    )

    def offer(
        self,
        *,
        places: Iterable[tuple[int, str]],
        routes: Sequence[tuple[int, str]],
        regions: Collection[Region],
        groups: Iterable[ContactGroup],
    ) -> None:
        """Fill in what can be chosen."""
        self.place_ids.choices = options((str(each), name) for each, name in places)
        self.routes.choices = options((str(each), name) for each, name in routes)
        #: Names of the fields of stretches, also of routes that are not listed.
        self.stretches = names_of_stretches(each for each, _name in routes)
        self.group_ids.choices = options((each.id, each.name) for each in groups)  # type: ignore[misc]
        self.region_codes.choices = options((region.code, region_name(region)) for region in regions)
        countries = {region.country: country_name(region.country) for region in regions}
        self.countries.choices = options(sorted(countries.items(), key=lambda pair: alphabetical(pair[1])))
        self.languages.choices = options((code, language_name(code)) for code in all_languages())

    def list_routes(self, given: Mapping[str, str]) -> tuple[int, ...]:
        """Return the ids of the routes that the page asks for: those of which a stretch is given, and others."""
        chosen = (name for name, text in given.items() if text and name.startswith("route-"))
        self.routes.data = list(routes_named(chosen))
        return tuple(int(each.value) for each in self.routes.iter_choices())

    def rule(self, routes: Iterable[Route], given: MultiDict[str, str]) -> AudienceRule:
        """Return the rule the form says. Raises AudienceRuleError."""
        return AudienceRule(
            place_ids=tuple(self.place_ids.data or ()),
            route_parts=read_route_parts(routes, given),
            region_codes=tuple(self.region_codes.data or ()),
            countries=tuple(self.countries.data or ()),
            languages=tuple(self.languages.data or ()),
            group_ids=tuple(self.group_ids.data or ()),
            max_position_age_days=self.max_position_age_days.data,
            silent_days=self.silent_days.data,
        )


def read_route_parts(routes: Iterable[Route], given: MultiDict[str, str]) -> tuple[RoutePart, ...]:
    """Return the stretches of routes that the fields name. Raises AudienceRuleError for one without its stop."""
    parts = []
    for route in routes:
        direction, stop = given.get(f"route-{route.id}", ""), given.get(f"stop-{route.id}", "")
        if not direction:
            continue
        if direction != Direction.ALL and not stop.isdecimal():
            raise AudienceRuleError(N_("Choose the waypoint of the route %(name)s."), name=route.name)
        parts.append(RoutePart(route.id, direction, None if direction == Direction.ALL else whole_number(stop)))
    return tuple(parts)


def routes_named(names: Iterable[str]) -> set[int]:
    """Return the ids of the routes of whose stretches these fields speak."""
    parts = (name.partition("-") for name in names)
    # What is longer is no id that a row could have.
    return {int(key) for part, _dash, key in parts if part in _STRETCH and key.isdecimal() and len(key) < 19}


def names_of_stretches(route_ids: Iterable[int]) -> list[str]:
    """Return the names of the fields that ask for a stretch of each route."""
    return [f"{part}-{route_id}" for route_id in route_ids for part in _STRETCH]


def words_of_stretches(routes: Iterable[Route], given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return for some of these fields how the page labels them, and calls what they say."""
    words: list[tuple[str, str]] = []
    for route in routes:
        stops = {str(stop.position): f"{stop.position + 1}. {stop.place.name}" for stop in route.stops}
        for part, label, choices in (("route", _("Stretch"), DIRECTIONS), ("stop", _("Waypoint"), stops)):
            text = given.get(f"{part}-{route.id}")
            if text is not None:
                words.append((f"{route.name} · {label}", str(choices.get(text, text)) or "–"))
    return words


def route_fields(rule: AudienceRule) -> dict[str, str]:
    """Return the fields `route-ID` and `stop-ID` that say a rule's stretches."""
    fields: dict[str, str] = {}
    for part in rule.route_parts:
        fields[f"route-{part.route_id}"] = str(part.direction)
        fields[f"stop-{part.route_id}"] = "" if part.stop_position is None else str(part.stop_position)
    return fields


def form_data(rule: AudienceRule, name: str) -> dict[str, Any]:
    """Return the data that fills an AudienceForm with a rule."""
    lists = ("place_ids", "region_codes", "countries", "languages", "group_ids")
    return {key: list(getattr(rule, key)) for key in lists} | {
        "name": name,
        "max_position_age_days": rule.max_position_age_days,
        "silent_days": rule.silent_days,
    }


class EntryPointForm(Form):
    """A way to join: what hangs where, and what it says of those who join."""

    name = StringField(
        _l("Name"),
        [InputRequired(), Length(max=200)],
        description=_l("For you only, for example: poster at gate 3."),
    )
    place_id = LongSelect(
        _l("Place"),
        [Optional()],
        description=_l("Where it hangs. Whoever joins is taken to be there on that day."),
    )
    language = SelectField(
        _l("Language of those who join"),
        [Optional()],
        description=_l(
            "Left open, it is that of their app where it is known. Else they have none until they choose."
        ),
    )
    code = StringField(
        _lp("of a way to join", "Code"),
        [Optional(), Length(max=64)],
        description=_l("Latin letters, digits, _ and -. Left empty, it gets a short one."),
    )

    def offer(self, places: Iterable[tuple[int, str]]) -> None:
        """Fill in what can be chosen."""
        named = [(str(each), name) for each, name in places]
        languages = [(code, language_name(code)) for code in all_languages()]
        self.place_id.choices = options([("", _("No place")), *named])
        self.language.choices = options([("", _("Left open")), *languages])

    @property
    def place(self) -> int | None:
        """The id of the chosen place."""
        return int(self.place_id.data) if self.place_id.data else None


class UploadForm(Form):
    """A file of people, and the country of their numbers."""

    file = FileField(
        _l("File"),
        [FileRequired(_l("Choose the file first."))],
        description=_l("An Excel workbook (XLSX), or CSV in UTF-8, UTF-16 or Windows-1251."),
    )
    country = SelectField(
        _l("Country of numbers without a country code"),
        [Optional()],
        description=_l("Leave it empty when every number begins with +. Nothing is guessed."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = sorted(
            ((code, country_name(code)) for code in FILE_COUNTRIES), key=lambda pair: alphabetical(pair[1])
        )
        self.country.choices = options([("", _("None: all numbers begin with +")), *named])


class ImportForm(UploadForm):
    """A file of people who agreed to be written to, and what counts for rows that do not say it."""

    language = SelectField(_l("Language"), [Optional()])
    consent_on = DateField(_l("On which day they agreed"), [Optional()])
    consent_how = StringField(
        _l("How they agreed"),
        [Optional(), Length(max=200)],
        description=_l("For example: form at the reception desk. Write no names and no numbers."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        languages = sorted(
            ((code, language_name(code)) for code in all_languages()), key=lambda pair: alphabetical(pair[1])
        )
        self.language.choices = options([("", _("As each row says")), *languages])

    @staticmethod
    def said_in(telling: FileTelling) -> dict[str, object]:
        """Return what a form is filled with that says what was said of another file."""
        otherwise = telling.otherwise
        day = otherwise.get("consent_date")
        said = {name: otherwise.get(name) for name in ("language", "consent_how")}
        return said | {"country": telling.default_country, "consent_on": date.fromisoformat(day) if day else None}

    def telling(self, before: FileTelling = NOTHING_TOLD) -> FileTelling:
        """Return what is said of the file, and of what its cells mean what was said of another one."""
        day = self.consent_on.data
        said = {"language": self.text("language"), "consent_how": " ".join(self.text("consent_how").split())}
        said["consent_date"] = day.isoformat() if day else ""
        otherwise = {name: text for name, text in said.items() if text}
        # Its columns may stand elsewhere.
        return replace(before, default_country=self.text("country") or None, otherwise=otherwise, columns={})
