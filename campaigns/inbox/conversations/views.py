"""The queue of those who wait for somebody of the team, and one conversation with its answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.forms import CHANNELS
from campaigns.core import clock
from campaigns.core.errors import ChangedError, GateError, InputError, RefusedError, TransitionError
from campaigns.core.words import N_
from campaigns.delivery.monitoring.causes import cause_in_words
from campaigns.directory.labels import KINDS
from campaigns.directory.signposting.choice import Need
from campaigns.inbox.conversations import queries, service
from campaigns.inbox.conversations.addressees import Addressee, load_addressee, load_need
from campaigns.inbox.conversations.forms import AnswerForm, CloseForm, SnoozeForm, ThemesForm
from campaigns.inbox.conversations.labels import KINDS_OF_MEDIA, OUTCOMES, SHELVES, TOPICS, answered_words
from campaigns.inbox.conversations.left_answers import count_alike
from campaigns.inbox.conversations.models import Conversation, Draft, Outcome, UnnamedReport
from campaigns.inbox.conversations.noting_themes import find_themes, note_themes
from campaigns.inbox.conversations.offered.helplines import find_offers
from campaigns.inbox.conversations.offered.prepared import fill_prepared, load_prepared
from campaigns.inbox.conversations.offered.reminders import load_reminders, send_reminder
from campaigns.inbox.conversations.queue_filters import read_filters
from campaigns.inbox.conversations.thread import load_thread
from campaigns.inbox.conversations.wait import due_at
from campaigns.inbox.conversations.window import closes_at, find_obstacle
from campaigns.inbox.display import visible
from campaigns.inbox.duty.queries import load_roster
from campaigns.inbox.models import WEB
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.models import Message
from campaigns.messages.queries import load_help
from campaigns.messages.translations.withdrawn_copies import says_withdrawn
from campaigns.places.place_names.name_table import CREDIT
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned, load_member_names
from campaigns.staff.typed.typed_marks import TypedMark
from campaigns.staff.typed.views import keeps_typed, open_mark
from campaigns.web.current import settings, vault
from campaigns.web.error_words import refusals_told, said
from campaigns.web.filters import language_name
from campaigns.web.number_fields import whole_number
from campaigns.web.session import session

pages = Blueprint("conversations", __name__, url_prefix="/inbox")

Page = str | Redirect | tuple[str, int]

#: How long after they showed last a member counts as looking on.
PRESENT_FOR = timedelta(seconds=45)


@pages.get("/<int:conversation_id>")
@requires(Permission.ANSWER)
def show(conversation_id: int) -> Page:
    """Show one conversation."""
    conversation = _own(conversation_id)
    form = AnswerForm(formdata=None)
    draft = session().get(Draft, (conversation.id, current_member().id))
    if draft is not None:
        form.words.data = vault().open(
            draft.sealed_text, table="draft", column="sealed_text", row_id=conversation.id
        )
    return _show(conversation, form, draft=draft)


@pages.post("/<int:conversation_id>/answer")
@requires(Permission.ANSWER)
def answer(conversation_id: int) -> Page:
    """Answer; whatever is refused, what was written stays before the member's eyes."""
    conversation, form = _own(conversation_id), AnswerForm()
    if not form.validate_on_submit():
        return _show(conversation, form), form.status
    try:
        service.answer(
            session(),
            conversation,
            form.text("words"),
            by=current_member().id,
            seen=form.seen(),
            vault=vault(),
            known=_known(conversation),
            numbers_are_meant=bool(form.numbers_are_meant.data),
            to_alike=bool(form.to_alike.data),
        )
    except (InputError, RefusedError) as error:
        form.show(error, "words")
        status = 409 if isinstance(error, ChangedError) else 422
        return _show(_own(conversation_id), form, doubts=isinstance(error, GateError)), status
    flash(answered_words(conversation), "good")
    return redirect(url_for("conversations.show", conversation_id=conversation_id))


@pages.post("/<int:conversation_id>/insert/<kind>")
@requires(Permission.ANSWER)
def insert(conversation_id: int, kind: str) -> Page:
    """Put a helpline into the answer that is being written; nothing is sent."""
    conversation, form = _own(conversation_id), AnswerForm()
    offers = {offer.kind: offer for offer in find_offers(_known(conversation), _need(conversation))}
    if kind in offers:
        words = form.text("words").rstrip()
        form.words.data = "\n".join(filter(None, [words, offers[kind].words(conversation.language or "")]))
    return _show(conversation, form)


@pages.post("/<int:conversation_id>/prepared")
@requires(Permission.ANSWER)
def insert_prepared(conversation_id: int) -> Page:
    """Put a reviewed message into the answer that is being written; nothing is sent."""
    conversation, form = _own(conversation_id), AnswerForm()
    message = get_owned(
        session(), Message, request.form.get("message", 0, type=whole_number), conversation.organisation_id
    )
    if says_withdrawn(session(), message):
        told = _(
            "This version of the message was withdrawn because something in it is wrong. Change its text first."
        )
        flash(told, "warning")
        return _show(conversation, form)
    prepared = fill_prepared(message, _need(conversation), _known(conversation))
    if prepared is None:
        flash(_("None of its texts is reviewed as it stands now."), "warning")
        return _show(conversation, form)
    form.words.data = "\n".join(filter(None, [form.text("words").rstrip(), prepared.words]))
    if prepared.is_of_another_language:
        told = _(
            "There is no reviewed text in their language: this one is in %(language)s. Translate it first.",
            language=language_name(prepared.language),
        )
        flash(told, "warning")
    return _show(conversation, form)


@pages.post("/<int:conversation_id>/remind")
@requires(Permission.ANSWER)
def remind(conversation_id: int) -> Page:
    """Ask somebody by an approved template to write again; what was written is kept until then."""
    conversation, form, by = _own(conversation_id), AnswerForm(), current_member().id
    with refusals_told(InputError, RefusedError):
        chosen, seen = request.form.get("template", 0, type=whole_number), form.seen()
        send_reminder(session(), conversation, chosen, by=by, seen=seen, vault=vault())
        if form.text("words").strip():
            words = form.text("words")
            service.keep_draft(session(), conversation, words, by=by, vault=vault())
        flash(_("They are asked to write again. Your answer is kept until they do."), "good")
    return redirect(url_for("conversations.show", conversation_id=conversation_id))


@pages.post("/<int:conversation_id>/draft")
@requires(Permission.ANSWER)
def keep_draft(conversation_id: int) -> Page:
    """Keep what was written; it is offered when the person writes again. A script asks for it without a page."""
    conversation, form = _own(conversation_id), AnswerForm()
    if request.args.get("silently"):
        open_mark()
    if request.args.get("silently") and not form.text("words").strip():
        service.drop_draft(session(), conversation, by=current_member().id)
    else:
        service.keep_draft(session(), conversation, form.text("words"), by=current_member().id, vault=vault())
    if request.args.get("silently"):
        return Redirect(status=204)
    flash(_("It is kept. You find it here again when they write."), "good")
    return redirect(url_for("conversations.show", conversation_id=conversation_id))


def _keep_expired(mark: TypedMark, entered: Mapping[str, str]) -> None:
    """Keep an answer that was sent after the sign-in had expired, as the draft of whoever opened the form."""
    which, words = (request.view_args or {}).get("conversation_id", 0), entered.get("words", "")
    if words.strip() and mark.path == url_for("conversations.show", conversation_id=which):
        conversation = queries.get_conversation(session(), which, mark.organisation_id)
        service.keep_draft(session(), conversation, words, by=mark.member_id, vault=vault())


keeps_typed(pages.name, _keep_expired)


@pages.post("/<int:conversation_id>/take")
@requires(Permission.ANSWER)
def take(conversation_id: int) -> Redirect:
    """Take a conversation."""
    service.take(session(), _own(conversation_id), by=current_member().id)
    return redirect(url_for("conversations.show", conversation_id=conversation_id))


@pages.post("/<int:conversation_id>/give-back")
@requires(Permission.ANSWER)
def give_back(conversation_id: int) -> Redirect:
    """Give a conversation back to the team."""
    service.give_back(session(), _own(conversation_id), by=current_member().id)
    flash(_("It waits for whoever takes it."), "good")
    return redirect(url_for("inbox.queue"))


@pages.post("/<int:conversation_id>/put-off")
@requires(Permission.ANSWER)
def snooze(conversation_id: int) -> Redirect:
    """Put a conversation off."""
    conversation, form = _own(conversation_id), SnoozeForm()
    with refusals_told(InputError, TransitionError):
        if not form.validate_on_submit():
            raise InputError(N_("Choose for how long."))
        until = clock.now() + timedelta(hours=int(form.text("hours")))
        service.snooze(session(), conversation, by=current_member().id, until=until)
        flash(_("It is put off. It comes back at that time, or when they write."), "good")
    return redirect(url_for("inbox.queue"))


@pages.post("/<int:conversation_id>/themes")
@requires(Permission.ANSWER)
def save_themes(conversation_id: int) -> Redirect:
    """Note what a conversation is about."""
    conversation, form = _own(conversation_id), ThemesForm()
    with refusals_told(InputError, TransitionError):
        if not form.validate_on_submit():
            raise InputError(N_("Choose from the list."))
        ticked = [Theme(each) for each in form.themes.data or []]
        note_themes(session(), conversation, ticked, by=current_member().id)
        flash(_("It is noted. Whatever the word lists find is added when they write again."), "good")
    return redirect(url_for("conversations.show", conversation_id=conversation_id))


@pages.post("/<int:conversation_id>/close")
@requires(Permission.ANSWER)
def close(conversation_id: int) -> Page:
    """End a conversation."""
    conversation, form = _own(conversation_id), CloseForm()
    if not form.validate_on_submit():
        return _show(conversation, AnswerForm(formdata=None), close_form=form), form.status
    after = url_for("conversations.show", conversation_id=conversation_id)
    with refusals_told(InputError, RefusedError):
        outcome, by, seen = Outcome(form.text("outcome")), current_member().id, form.seen()
        service.close(session(), conversation, outcome, by=by, seen=seen)
        flash(_("The conversation is closed. It opens again when they write."), "good")
        after = url_for("inbox.queue")
    return redirect(after)


@pages.post("/<int:conversation_id>/open-again")
@requires(Permission.ANSWER)
def reopen(conversation_id: int) -> Redirect:
    """Open a closed conversation."""
    with refusals_told(TransitionError):
        service.reopen(session(), _own(conversation_id), by=current_member().id)
    return redirect(url_for("conversations.show", conversation_id=conversation_id))


@pages.post("/close")
@requires(Permission.ANSWER)
def close_many() -> Redirect:
    """Close those conversations that were ticked, but for the urgent ones and for what came meanwhile."""
    ids = request.form.getlist("conversation", type=whole_number)
    with refusals_told(InputError):
        if not ids:
            raise InputError(N_("Tick the conversations first."))
        try:
            outcome = Outcome(request.form.get("outcome", ""))
        except ValueError:
            raise InputError(N_("Choose how they ended.")) from None
        chosen = queries.load_chosen(session(), current_organisation().id, ids)
        seen = {each: request.form.get(f"seen-{each}", 0, type=whole_number) for each in ids}
        closed, left = service.close_many(session(), chosen, outcome, by=current_member().id, seen=seen)
        flash(ngettext("%(num)s conversation is closed.", "%(num)s conversations are closed.", closed), "good")
        if left:
            told = ngettext(
                "%(num)s is left: it may be urgent, or they wrote meanwhile. Open it.",
                "%(num)s are left: they may be urgent, or the people wrote meanwhile. Open them.",
                left,
            )
            flash(told, "warning")
    return redirect(url_for("inbox.queue", **read_filters(request.form).shown))


@pages.post("/<int:conversation_id>/presence")
@requires(Permission.ANSWER)
def presence(conversation_id: int) -> str:
    """Note that a member has a conversation open; tell who else has, and whether something new came."""
    conversation, now, by = _own(conversation_id), clock.now(), current_member().id
    service.note_presence(session(), conversation, by=by)
    form = AnswerForm()
    return render_template(
        "inbox/conversations/_presence.html",
        conversation=conversation,
        others=queries.find_others(session(), conversation, by=by, since=now - PRESENT_FOR),
        is_new=form.seen() != service.seen_now(session(), conversation),
    )


def _show(
    conversation: Conversation,
    form: AnswerForm,
    *,
    draft: Draft | None = None,
    doubts: bool = False,
    close_form: CloseForm | None = None,
) -> str:
    now, addressee = clock.now(), load_addressee(session(), conversation)
    seen, ending = service.seen_now(session(), conversation), close_form or CloseForm(formdata=None)
    form.look(seen)
    ending.look(seen)
    obstacle = find_obstacle(addressee.writer, now=now)
    owners = [] if conversation.owner_id is None else [conversation.owner_id]
    return render_template(
        "inbox/conversations/conversation.html",
        conversation=conversation,
        entries=load_thread(session(), conversation, vault=vault(), now=now),
        form=form,
        close_form=ending,
        snooze_form=SnoozeForm(formdata=None),
        themes_form=ThemesForm(formdata=None, themes=find_themes(session(), conversation)),
        draft=draft,
        doubts=doubts,
        obstacle=obstacle,
        obstacle_words=said(service.OBSTACLES[obstacle]) if obstacle else "",
        closes_at=closes_at(addressee.writer.channel, addressee.writer.heard_at),
        state=addressee.writer.state,
        offers=find_offers(_known(conversation), _need(conversation, addressee)),
        reminders=load_reminders(session(), conversation, addressee),
        prepared=load_prepared(session(), conversation.organisation_id),
        region=queries.region_of(session(), conversation),
        report=session().get(UnnamedReport, conversation.id) if conversation.channel == WEB else None,
        alike=count_alike(session(), [conversation]).get(conversation.id, 0),
        due=due_at(conversation, load_roster(session(), current_organisation(), settings())),
        now=now,
        owner=load_member_names(session(), owners).get(conversation.owner_id or 0, ""),
        others=queries.find_others(session(), conversation, by=current_member().id, since=now - PRESENT_FOR),
        **words(),
    )


def words() -> dict[str, Any]:
    """Return what templates need to tell of conversations."""
    return {
        "topics": TOPICS,
        "outcomes": OUTCOMES,
        "shelves": SHELVES,
        "kind_names": KINDS,
        "media_names": KINDS_OF_MEDIA,
        "cause_in_words": cause_in_words,
        "visible": visible,
        "urgency_of": lambda level: Urgency(level).word,
        "channel_names": CHANNELS | {WEB: _l("Without a name")},
        "place_credit": CREDIT,
    }


def _known(conversation: Conversation) -> KnownHelp:
    return load_help(session(), conversation.organisation_id, fresh_days=settings().service_max_age_days)


def _need(conversation: Conversation, addressee: Addressee | None = None) -> Need:
    address = (addressee or load_addressee(session(), conversation)).address
    return load_need(session(), conversation, address, now=clock.now())


def _own(conversation_id: int) -> Conversation:
    return queries.get_conversation(session(), conversation_id, current_organisation().id)
