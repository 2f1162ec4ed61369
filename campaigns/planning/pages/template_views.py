"""Staff pages of WhatsApp templates show what was asked for, what became of it, and how many wait."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from campaigns.audience.figures import Freshness
from campaigns.audience.models import Channel
from campaigns.audience.rules import UNKNOWN_ZONE
from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError, PlaceholderError, RefusedError
from campaigns.core.small_numbers import size
from campaigns.messages.text.how_to_stop import with_stop_said
from campaigns.planning import queries
from campaigns.planning.estimates.audience_counts import Tally, load_resolution
from campaigns.planning.estimates.kept_people import find_people_of
from campaigns.planning.estimates.sender_choices import load_asked
from campaigns.planning.forms import TemplatesForm
from campaigns.planning.models import Campaign, Sender, WhatsAppTemplate
from campaigns.planning.whatsapp import requests
from campaigns.planning.whatsapp.template_text import template_of
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.credentials import load_credentials
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.web.current import settings
from campaigns.web.error_words import refusals_told
from campaigns.web.session import session

pages = Blueprint("templates", __name__, url_prefix="/<int:campaign_id>/templates")

Page = str | Response | tuple[str, int]


@dataclass(frozen=True, slots=True)
class TemplateStanding:
    """One language of a campaign's message at WhatsApp."""

    language: str
    text: str
    #: None: nobody asked for it yet.
    template: WhatsAppTemplate | None
    #: Why WhatsApp would not take the text; None: nothing is known against it.
    fault: PlaceholderError | None
    #: Who would be written to over WhatsApp with an approved template.
    people: int

    @property
    def may_be_asked(self) -> bool:
        """Whether asking (again) makes sense."""
        return self.fault is None and (self.template is None or self.template.state in requests.OVER)

    @property
    def is_missing(self) -> bool:
        """Whether it is asked for along with all that are missing."""
        return self.fault is None and requests.is_missing(self.template)


@pages.get("")
@requires(Permission.EDIT)
def show(campaign_id: int) -> Page:
    """Show each language with what became of its template."""
    campaign = _campaign(campaign_id)
    sender = _sender_of(session(), campaign)
    standings, counted = ([], None) if sender is None else load_standings(session(), campaign)
    content = queries.load_content(session(), campaign)
    return render_template(
        "planning/whatsapp/templates.html",
        campaign=campaign,
        sender=sender,
        standings=standings,
        counted=counted,
        missing_corrections=requests.count_missing_corrections(session(), campaign, content) if sender else 0,
        form=TemplatesForm(),
    )


@pages.post("")
@requires(Permission.EDIT)
def ask(campaign_id: int) -> Page:
    """Ask for one language, or for all that are missing."""
    campaign, form = _campaign(campaign_id), TemplatesForm()
    with refusals_told(InputError, RefusedError, NotFoundError):
        asked = _ask(campaign, form, request.form.get("language", ""))
        told = ngettext("%(num)s text is asked for.", "%(num)s texts are asked for.", asked)
        wait = _("WhatsApp decides mostly within an hour, at times within two days.")
        flash(f"{told} {wait}", "good")
    return redirect(url_for("planning.templates.show", campaign_id=campaign.id))


def load_standings(session: Session, campaign: Campaign) -> tuple[list[TemplateStanding], Freshness]:
    """Return the languages of a campaign's reviewed texts, most wanted first, and how their figures stand."""
    content = queries.load_content(session, campaign)
    asked = load_asked(session, content)
    resolution = load_resolution(session, content, default_zone=UNKNOWN_ZONE, now=clock.now())
    everything = tuple(sorted(content.texts))
    senders = tuple(
        replace(choice, template_languages=everything) if choice.channel == Channel.WHATSAPP else choice
        for choice in resolution.senders
    )
    ours = {choice.id for choice in senders if choice.channel == Channel.WHATSAPP}
    found = find_people_of(content, replace(resolution, senders=senders))
    people = dict.fromkeys(everything, 0)
    for (language, sender_id), count in (found.tally or Tally(())).by_language_and_sender().items():
        people[language] += count if sender_id in ours else 0
    standings = [
        TemplateStanding(language, text, asked.get(language), _fault_of(text, language), people[language])
        for language, text in content.texts_on(Channel.WHATSAPP).items()
    ]
    return sorted(standings, key=lambda each: (-size(each.people), each.language)), found.standing


def _ask(campaign: Campaign, form: TemplatesForm, language: str) -> int:
    sender, by = _sender_of(session(), campaign), current_member().id
    credentials = load_credentials(session(), settings())
    if language and sender is not None:
        requests.ask_for_template(
            session(),
            campaign.message,
            language=language,
            sender=sender,
            category=form.chosen,
            by=by,
            credentials=credentials,
        )
        return 1
    return requests.ask_for_missing(session(), campaign, category=form.chosen, by=by, credentials=credentials)


def _fault_of(text: str, language: str) -> PlaceholderError | None:
    try:
        template_of(with_stop_said(text, language))
    except PlaceholderError as error:
        return error
    return None


def _sender_of(session: Session, campaign: Campaign) -> Sender | None:
    found = queries.load_senders(session, campaign)
    return next((sender for sender in found if sender.channel == Channel.WHATSAPP), None)


def _campaign(campaign_id: int) -> Campaign:
    return get_owned(session(), Campaign, campaign_id, current_organisation().id)
