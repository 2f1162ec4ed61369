"""The inbox shows who waits for the team, what people ever wrote, and how many callbacks were not believed."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.by_hand.number_search import find_by_number
from campaigns.core import clock
from campaigns.core.errors import AddressError, QuotaError
from campaigns.core.languages import all_languages
from campaigns.delivery.receipts.request import refusals
from campaigns.inbox import queries
from campaigns.inbox.conversations import queries as conversations
from campaigns.inbox.conversations.queue_filters import Filters, read_filters
from campaigns.inbox.conversations.views import words
from campaigns.inbox.conversations.wait import due_at
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.duty.roster import Roster
from campaigns.inbox.duty.teams import load_teams
from campaigns.inbox.handing_over.queries import count_undecided, is_of_team
from campaigns.inbox.holds.hold_list import find_holds, waits_now
from campaigns.inbox.models import Reply
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.models import Member
from campaigns.staff.permissions import Permission
from campaigns.web.current import settings, vault
from campaigns.web.error_words import said
from campaigns.web.keyed_pages import asked_page
from campaigns.web.ordered_pages import asked_rows
from campaigns.web.session import refuse_commit, session

pages = Blueprint("inbox", __name__, url_prefix="/inbox")

Page = str | Redirect | tuple[str, int]

#: Why callbacks are refused, by the reasons of `Refusals`.
REASONS = {
    "signature": _l("Not signed by the provider, or to an address that nobody has"),
    "stale": _l("Signed once, but too old to act on"),
    "oversize": _l("Larger than any provider sends"),
    "rehearsal": _l("From the practice phones, about something that is no rehearsal"),
}


@pages.get("")
@requires(Permission.ANSWER)
def queue() -> str:
    """Show who waits, the most urgent first, and on top who may have said stop."""
    return _queue(read_filters(request.args))


@pages.post("/search")
@requires(Permission.ANSWER)
def search() -> Page:
    """Look for words, or for a whole number, which is in no address."""
    filters = read_filters(request.form)
    if not filters.is_number:
        return redirect(url_for("inbox.queue", **filters.shown))
    ours, by = current_organisation().id, current_member().id
    try:
        found = find_by_number(session(), ours, filters.text, by=by, vault=vault())
    except (AddressError, QuotaError) as error:
        refuse_commit()
        is_wrong = isinstance(error, AddressError)
        flash(_("Write a number whole, with + and its country code.") if is_wrong else said(error), "bad")
        return _queue(filters), 422
    return redirect(url_for("inbox.queue", **filters.of_contacts(found)))


def _queue(filters: Filters) -> str:
    organisation_id, now, by = current_organisation().id, clock.now(), current_member()
    roster = load_roster(session(), current_organisation(), settings())
    found = conversations.select_queue(organisation_id, _wanted(filters, by, roster), by=by.id, now=now)
    page = asked_rows(
        session(),
        found,
        conversations.keys_of(filters.shelf),
        words="queue",
        is_falling=conversations.is_latest_first(filters.shelf),
        per_page=conversations.PER_PAGE,
    )
    shown = conversations.load_rows(session(), page.rows, vault=vault())
    return render_template(
        "inbox/queue.html",
        undecided=count_undecided(session(), organisation_id, by.id),
        rows=shown,
        regions=conversations.load_regions(session(), organisation_id, filters.region, shown),
        all_languages=all_languages(),
        due={each.id: due_at(each, roster) for each in page.rows},
        overdue=conversations.count_overdue(session(), organisation_id, roster, now=now),
        now=now,
        filters=filters,
        page=page,
        waiting=conversations.count_waiting(session(), organisation_id, now=now),
        most_counted=conversations.MOST_COUNTED,
        urgent_complaints=conversations.count_urgent_complaints(session(), organisation_id, now=now),
        unread=conversations.find_unread_languages(session(), organisation_id, now=now),
        languages=by.languages,
        owners=conversations.load_owners(session(), organisation_id),
        teams=load_teams(session(), organisation_id),
        holds=find_holds(session(), organisation_id, vault=vault()),
        waits=waits_now(session(), current_organisation(), settings(), strangers=True),
        **words(),
    )


def _wanted(filters: Filters, by: Member, roster: Roster) -> conversations.Wanted:
    organisation_id = current_organisation().id
    is_queue = filters.shelf in (conversations.Shelf.WAITING, conversations.Shelf.MINE)
    since, before = filters.moments(current_organisation().time_zone)
    return conversations.Wanted(
        filters.shelf,
        languages=tuple(by.languages) if is_queue and not (filters.all_languages or filters.language) else (),
        language=filters.language,
        since=since,
        before=before,
        channel=filters.channel,
        tag=filters.tag,
        region=filters.region,
        owner_id=filters.owner_id,
        is_of_team=is_of_team(organisation_id, filters.team_id) if filters.team_id else None,
        words=conversations.words_in(filters.text, vault=vault()),
        overdue_by=roster if filters.is_overdue else None,
        contact_ids=filters.contact_ids,
    )


@pages.get("/history")
@requires(Permission.ANSWER)
def history() -> str:
    """List everything that people wrote and did, newest first, stops and shared places too."""
    organisation_id = current_organisation().id
    seen = queries.select_replies(organisation_id).where(conversations.is_seen_by_team(organisation_id))
    page = asked_page(session(), seen, Reply.id)
    return render_template(
        "inbox/history.html",
        page=page,
        replies=queries.open_replies(session(), page.rows, vault=vault()),
        opt_outs=queries.count_opt_outs(session(), organisation_id, now=clock.now()),
        **words(),
    )


@pages.get("/refused")
@requires(Permission.ADMINISTER)
def list_refusals() -> str:
    """Show how many callbacks this process refused, by reason."""
    counts = refusals.by_reason()
    unnamed = {reason: reason for reason in counts}
    return render_template(
        "inbox/refused.html", counts=counts, reasons=unnamed | REASONS, started_at=refusals.started_at
    )
