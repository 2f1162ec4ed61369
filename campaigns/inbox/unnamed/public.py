"""People report something here without a name, and come back by a code; the team answers in its inbox.

Nothing is stored on the way, no cookie is set, and the code stands in bodies of forms alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.errors import InputError
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import UNKNOWN_LANGUAGE, all_languages
from campaigns.directory.public import emergency_of, help_in
from campaigns.inbox.complaints.readers import members_of_setting
from campaigns.inbox.conversations.models import Conversation, UnnamedReport
from campaigns.inbox.conversations.offered.helplines import find_named
from campaigns.inbox.conversations.thread import load_thread
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.unnamed import flood_limits, service
from campaigns.inbox.unnamed.form_stamp import make_stamp, nonce_of
from campaigns.inbox.unnamed.how_far import find_reader, state_of
from campaigns.inbox.unnamed.return_code import DIGITS, in_fours
from campaigns.inbox.unnamed.sent_forms import close_form, take_form, use_up
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.messages.queries import load_help
from campaigns.places.geography.atlas import RegionFacts, check_region
from campaigns.places.models import Region
from campaigns.public_pages.publisher import behind
from campaigns.staff.models import Organisation
from campaigns.staff.sign_in.attempt_limits import Limit, is_full, pour, pour_back
from campaigns.web.current import settings, vault
from campaigns.web.people.layout import check_country, leave, people_pages, private_page_of, words_for
from campaigns.web.session import database, refuse_commit, session, writing_apart

pages = people_pages("unnamed", __name__)

#: What a page says where a form cannot be taken, by the names of public sentences.
EMPTY, AGAIN, BUSY, WRONG = "tell_empty", "tell_again", "tell_busy", "code_wrong"
#: Whoever they chose is there no more, or names nobody who reads complaints.
GONE, UNREAD = "tell_gone", "tell_unread"
#: The form was sent before: what it held is not shown again.
USED = "code_used"

#: What somebody chooses who complains about the organisation itself.
ABOUT_US = "us"


@dataclass(frozen=True, slots=True)
class ReportReader:
    """To whom a report goes."""

    organisation_id: int
    #: '' for one that gives no name.
    name: str
    #: Somebody is named who reads what is about the organisation itself.
    takes_complaints: bool


@pages.route("/w", methods=["GET", "POST"])
def tell(language: str) -> Response:
    """Take a report about no particular country."""
    return _tell(language, "", None)


@pages.route("/<country:country>/w", methods=["GET", "POST"])
def tell_of_country(language: str, country: str) -> Response:
    """Take a report about a country."""
    return _tell(language, check_country(country), None)


@pages.route("/<area:region_code>/w", methods=["GET", "POST"])
def tell_of_region(language: str, region_code: str) -> Response:
    """Take a report about a region."""
    region = check_region(region_code)
    return _tell(language, region.country, region)


@pages.get("/x/<nonce>")
@pages.get("/<country:country>/x/<nonce>")
def leave_code(language: str, nonce: str, country: str = "") -> BaseResponse:
    """Lead out from the page with a code, as everywhere; going back and sending the form again gives no other."""
    answer = leave(country)
    # First of all they are gone: the database may be busy, and nobody waits for it in front of somebody else.
    answer.call_on_close(partial(_close_form, make_sessions(database.engine), nonce, vault()))
    return answer


def _close_form(sessions: sessionmaker[Session], nonce: str, vault: Vault) -> None:
    with sessions.begin() as session:
        close_form(session, nonce, vault=vault)


@pages.get("/n")
def ask_for_code(language: str) -> Response:
    """Ask for the code by which somebody comes back."""
    return _code_form(language, 200)


@pages.post("/n")
def come_back(language: str) -> Response:
    """Show a report to whoever has its code, and do what they ask."""
    with writing_apart() as writing:
        limits = flood_limits.try_code(writing, settings().secret_key, request.environ, now=clock.now())
    if limits is None:
        return _code_form(language, 429, "code_busy", unsent=_find_unsent())
    if not _use_stamp():
        # Whoever goes back after the way out sends a form again, without knowing what it shows.
        with writing_apart() as writing:
            pour_back(writing, limits)
        unsent = _find_unsent()
        return _code_form(language, 422, AGAIN if unsent else USED, unsent=unsent)
    report = service.find_report(session(), request.form.get("code", ""), vault=vault())
    if report is None:
        return _code_form(language, 422, WRONG)
    # Whoever has the code does not guess.
    with writing_apart() as writing:
        pour_back(writing, limits)
    act = request.form.get("act")
    adds = act in ("add", "reach")
    limit = flood_limits.limit_on_report(settings().secret_key, report.conversation_id)
    problem = BUSY if adds and not _pour([limit]) else ""
    # What is written apart undoes what the request wrote: from here on nothing is.
    use_up(session(), report)
    if act == "erase":
        service.erase_report(session(), report)
        return private_page_of("people/erased.html", language, languages={})
    problem = _add(report, act) if adds and not problem else problem
    return _thread(language, report, problem=problem, done=act if not problem else "")


def _code_form(
    language: str, status: int, problem: str = "", *, unsent: Mapping[str, str] = MappingProxyType({})
) -> Response:
    stamp = make_stamp(settings().secret_key, now=clock.now())
    return private_page_of(
        "people/code.html",
        language,
        status=status,
        problem=problem,
        digits=DIGITS,
        stamp=stamp,
        unsent=unsent,
        longest=service.LONGEST,
    )


def _find_unsent() -> Mapping[str, str]:
    """Return what somebody wrote for their report, and as what, by a form that was never taken; else nothing.

    It is lost neither while others guess codes nor when the page lay open over night. What a browser sends again
    is not shown to whoever goes back.
    """
    act, text, key = request.form.get("act", ""), _written(), settings().secret_key
    stamp, latest = request.form.get("stamp", ""), flood_limits.REMEMBERED
    nonce = nonce_of(stamp, key, now=clock.now(), soonest=timedelta(), latest=latest)
    if act not in ("add", "reach") or not text or nonce is None:
        return {}
    with writing_apart() as writing:
        was_sent = is_full(writing, [flood_limits.limit_on_stamp(key, nonce)], now=clock.now())
    return {} if was_sent else {"act": act, "text": text}


def _tell(language: str, country: str, region: RegionFacts | None) -> Response:
    if not (readers := _readers()):
        raise NotFound
    chosen = request.form.get("to", "")
    reader = next((each for each in readers if str(each.organisation_id) == chosen), None)
    shown = partial(_form, language, country, region, readers)
    if request.method != "POST":
        return shown(readers[0])
    if reader is None:
        # Never to another one than they chose.
        return shown(readers[0], GONE)
    nonce, limits = _nonce(), _limits_on_writing()
    if problem := _problem(reader) or (AGAIN if nonce is None else ""):
        return shown(reader, problem)
    if not _pour(limits):
        return shown(reader, BUSY)
    try:
        taken = take_form(session(), nonce or "", _told(language, country, region, reader), vault=vault())
    except InputError:
        # Whoever read complaints went just now.
        refuse_commit()
        return shown(reader, UNREAD)
    if taken.code is None:
        with writing_apart() as writing:
            pour_back(writing, limits)
        # What they wrote anew is not lost; what a browser remembers, and sends again, is not shown.
        return _code_form(language, 422, USED) if taken.is_same else shown(reader, AGAIN)
    if not taken.is_first:
        pour_back(session(), limits)
    code = in_fours(taken.code)
    return private_page_of("people/code_once.html", language, country, code=code, form=nonce, languages={})


def _told(language: str, country: str, region: RegionFacts | None, reader: ReportReader) -> service.Told:
    return service.Told(
        reader.organisation_id,
        _written(),
        language if language in all_languages() else UNKNOWN_LANGUAGE,
        may_answer=request.form.get("answer") == "yes",
        theme=_theme(),
        country=country,
        region_id=_region_id(region),
        is_complaint=_is_complaint(),
    )


def _problem(reader: ReportReader) -> str:
    """Return the name of what is wrong with what somebody sent, '' for nothing."""
    if not 0 < len(_written()) <= service.LONGEST:
        return EMPTY
    # Never to those whom it is about.
    return UNREAD if _is_complaint() and not reader.takes_complaints else ""


def _nonce() -> str | None:
    """Return by what the form is known that was sent; None: it is forged, too new or too old, or of a machine."""
    nonce = nonce_of(request.form.get("stamp", ""), settings().secret_key, now=clock.now())
    return None if request.form.get("url") else nonce


def _limits_on_writing() -> Sequence[Limit]:
    return flood_limits.limits_on_writing(settings().secret_key, request.environ, now=clock.now())


def _form(
    language: str,
    country: str,
    region: RegionFacts | None,
    readers: Sequence[ReportReader],
    reader: ReportReader,
    problem: str = "",
) -> Response:
    shown: dict[str, Any] = {}
    if country:
        shown["emergency"] = emergency_of(country)
    if problem == BUSY and country:
        # Nobody is sent away without a number.
        shown |= help_in(country, region.code if region else None, words_for(language, country).language)
    return private_page_of(
        "people/tell.html",
        language,
        country,
        status=429 if problem == BUSY else 422 if problem else 200,
        problem=problem,
        region=region,
        readers=readers,
        reader=reader,
        read_at=_read_at(reader),
        now=clock.now(),
        themes=[*Theme, *([ABOUT_US] if any(each.takes_complaints for each in readers) else [])],
        longest=service.LONGEST,
        days=service.KEPT_FOR.days,
        stamp=make_stamp(settings().secret_key, now=clock.now()),
        given=request.form,
        **shown,
    )


def _readers() -> list[ReportReader]:
    return [
        ReportReader(owner, name, takes_complaints=bool(members_of_setting(session(), owner)))
        for owner, name in behind().shown_names.items()
    ]


def _read_at(reader: ReportReader) -> datetime | None:
    """Return when somebody reads it, on the clock of the organisation; None where nobody can say."""
    if _is_complaint():
        # It is read by others than those on duty.
        return None
    organisation = session().get_one(Organisation, reader.organisation_id)
    roster = load_roster(session(), organisation, settings())
    if not roster.entries or not roster.readers:
        # The usual hours of a setting promise nobody.
        return None
    moment = roster.next_answer(clock.now())
    return moment and moment.astimezone(ZoneInfo(organisation.time_zone))


def _is_complaint() -> bool:
    return request.form.get("theme") == ABOUT_US


def _written() -> str:
    """Return what they wrote, as long as their browser counts it."""
    return request.form.get("text", "").replace("\r\n", "\n").strip()


def _theme() -> Theme | None:
    chosen = request.form.get("theme", "")
    return Theme(chosen) if chosen in set(Theme) else None


def _region_id(region: RegionFacts | None) -> int | None:
    return session().scalar(select(Region.id).where(Region.code == region.code)) if region else None


def _use_stamp() -> bool:
    """Say whether the form that was sent may be taken; it is not again. A code is quickly pasted."""
    key = settings().secret_key
    nonce = nonce_of(request.form.get("stamp", ""), key, now=clock.now(), soonest=timedelta())
    return nonce is not None and _pour([flood_limits.limit_on_stamp(key, nonce)])


def _pour(limits: Sequence[Limit]) -> bool:
    with writing_apart() as writing:
        return pour(writing, limits, now=clock.now())


def _add(report: UnnamedReport, act: str | None) -> str:
    """Add what was written to a report; return the name of what is wrong with it, '' for nothing."""
    text, write = _written(), service.add_to if act == "add" else service.reveal
    try:
        write(session(), report, text, vault=vault())
    except InputError:
        return EMPTY
    return ""


def _thread(language: str, report: UnnamedReport, *, problem: str, done: str | None) -> Response:
    conversation = session().get_one(Conversation, report.conversation_id, populate_existing=True)
    zone = ZoneInfo(session().get_one(Organisation, conversation.organisation_id).time_zone)
    known = load_help(session(), conversation.organisation_id, fresh_days=settings().service_max_age_days)
    entries = load_thread(session(), conversation, vault=vault(), now=clock.now())
    return private_page_of(
        "people/told.html",
        language,
        report.country,
        problem=problem,
        done=done,
        # One way on, and the code in no other page.
        languages={},
        entries=[(each, each.at.astimezone(zone).date()) for each in entries],
        # A number that was right when it was written may be dead by now.
        is_doubtful=lambda text: bool(find_named(text, known, at=clock.now()).doubtful),
        state=state_of(session(), conversation),
        reader=find_reader(session(), conversation, behind().shown_names),
        code=request.form.get("code", ""),
        stamp=make_stamp(settings().secret_key, now=clock.now()),
        longest=service.LONGEST,
        days=service.KEPT_FOR.days,
        given=request.form if problem else {},
    )
