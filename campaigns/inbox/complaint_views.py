"""What is marked as a complaint about us is seen and answered by those who read complaints, and by nobody else."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_security import current_user
from sqlalchemy import select
from werkzeug.wrappers import Response as Redirect

from campaigns.core import clock
from campaigns.core.errors import ChangedError, GateError, InputError, NotFoundError, RefusedError, TransitionError
from campaigns.core.words import N_
from campaigns.inbox.automatic.sayings import say_by_itself
from campaigns.inbox.complaint_forms import DOUBTS, DoubtForm, MarkForm, ReadersForm
from campaigns.inbox.complaints import passing_complaints, readers, service
from campaigns.inbox.complaints.models import Complaint, Doubt
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.addressees import load_addressee
from campaigns.inbox.conversations.forms import AnswerForm, CloseForm
from campaigns.inbox.conversations.labels import answered_words
from campaigns.inbox.conversations.models import Conversation, Occasion, Outcome
from campaigns.inbox.conversations.queries import get_conversation, region_of
from campaigns.inbox.conversations.thread import load_thread
from campaigns.inbox.conversations.views import words
from campaigns.inbox.conversations.window import find_obstacle
from campaigns.inbox.media import service as media_service
from campaigns.inbox.media.models import Media
from campaigns.inbox.media.queries import get_media
from campaigns.inbox.media_views import give
from campaigns.inbox.models import Reply
from campaigns.messages.queries import load_help
from campaigns.planning.policy import Policy
from campaigns.staff import audit
from campaigns.staff.auth import current_member, current_organisation, may_now, requires
from campaigns.staff.models import Organisation
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import load_active_members, load_other_organisations
from campaigns.web.current import settings, vault
from campaigns.web.error_words import refusals_told, said
from campaigns.web.filters import listed, with_link
from campaigns.web.session import session, writing_apart

pages = Blueprint("complaints", __name__, url_prefix="/complaints")

Page = str | Redirect | tuple[str, int]


@pages.app_template_global()
def complaints_waiting() -> int:
    """Tell every page how many complaints wait for the member; nothing of what is in them."""
    if not current_user.is_authenticated or not current_member().memberships:
        return 0
    return readers.count_waiting_for(session(), _reading())


@pages.get("")
@requires()
def index() -> str:
    """List the complaints that the member reads."""
    rows = session().execute(readers.select_read_by(_reading()).limit(100)).all()
    owners = select(Organisation.id, Organisation.name).where(
        Organisation.id.in_([row.Complaint.organisation_id for row in rows])
    )
    names = {row.id: row.name for row in session().execute(owners)}
    return render_template("inbox/complaints/index.html", rows=rows, names=names, **words())


@pages.get("/<int:complaint_id>")
@requires()
def show(complaint_id: int) -> Page:
    """Show one complaint to whoever reads it; that they looked is recorded."""
    complaint, conversation = _read(complaint_id)
    facts = {"organisation_id": current_organisation().id, "member_id": current_member().id}
    with writing_apart() as writing:
        audit.record(writing, "complaint.read", subject=complaint, **facts)
    return _show(complaint, conversation, AnswerForm(formdata=None))


@pages.post("/<int:complaint_id>/answer")
@requires()
def answer(complaint_id: int) -> Page:
    """Answer whoever complained; whatever is refused, what was written stays before the member's eyes."""
    complaint, conversation = _read(complaint_id)
    form, by = AnswerForm(), current_member().id
    if not form.validate_on_submit():
        return _show(complaint, conversation, form), form.status
    known = load_help(session(), conversation.organisation_id, fresh_days=settings().service_max_age_days)
    sent, seen, meant = form.text("words"), form.seen(), bool(form.numbers_are_meant.data)
    try:
        conversations.answer(
            session(), conversation, sent, by=by, seen=seen, vault=vault(), known=known, numbers_are_meant=meant
        )
        _check_still_read(complaint_id)
    except (InputError, RefusedError) as error:
        form.show(error, "words")
        status = 409 if isinstance(error, ChangedError) else 422
        return _show(*_read(complaint_id), form, doubts=isinstance(error, GateError)), status
    flash(answered_words(conversation), "good")
    return redirect(url_for("complaints.show", complaint_id=complaint_id))


@pages.post("/<int:complaint_id>/close")
@requires()
def close(complaint_id: int) -> Redirect:
    """End a complaint; whatever the person writes next comes to its readers too."""
    _complaint, conversation = _read(complaint_id)
    form = CloseForm()
    with refusals_told(InputError, RefusedError):
        if not form.validate_on_submit():
            raise InputError(N_("Choose how they ended."))
        outcome, by = Outcome(form.text("outcome")), current_member().id
        conversations.close(session(), conversation, outcome, by=by, seen=form.seen())
        _check_still_read(complaint_id)
        flash(_("The conversation is closed. It opens again when they write."), "good")
    return redirect(url_for("complaints.show", complaint_id=complaint_id))


@pages.route("/<int:complaint_id>/give-on", methods=["GET", "POST"])
@requires()
def give_on(complaint_id: int) -> Page:
    """Let somebody else read a complaint in place of whoever reads it now."""
    complaint, _conversation = _read(complaint_id)
    form, after = MarkForm(), url_for("complaints.give_on", complaint_id=complaint_id)
    _offer_others(complaint, form)
    if not form.validate_on_submit():
        return render_template("inbox/complaints/give_on.html", complaint=complaint, form=form), form.status
    with refusals_told(InputError, TransitionError):
        passing_complaints.give_on(session(), complaint, form.chosen(), who=_reading())
        flash(_("It is given on. Whoever reads it now is told that it waits."), "good")
        after = url_for("complaints.index")
    return redirect(after)


@pages.post("/<int:complaint_id>/doubt")
@requires()
def doubt(complaint_id: int) -> Redirect:
    """Say that a complaint is none, until another reader agrees."""
    complaint, _conversation = _read(complaint_id)
    form = DoubtForm()
    with refusals_told(InputError, RefusedError):
        if not form.validate_on_submit():
            raise InputError(N_("Choose from the list."))
        passing_complaints.doubt(session(), complaint, Doubt(form.text("why")), who=_reading())
        flash(_("It is noted. Another reader has to agree before the team sees it."), "good")
    return redirect(url_for("complaints.show", complaint_id=complaint_id))


@pages.post("/<int:complaint_id>/keep")
@requires()
def keep(complaint_id: int) -> Redirect:
    """Let a complaint be one after all."""
    complaint, _conversation = _read(complaint_id)
    with refusals_told(TransitionError):
        passing_complaints.keep(session(), complaint, who=_reading())
        flash(_("It stays a complaint."), "good")
    return redirect(url_for("complaints.show", complaint_id=complaint_id))


@pages.post("/<int:complaint_id>/give-back")
@requires()
def give_back(complaint_id: int) -> Redirect:
    """Agree that a complaint is none: the team sees all of it again."""
    complaint, _conversation = _read(complaint_id)
    after = url_for("complaints.show", complaint_id=complaint_id)
    with refusals_told(RefusedError):
        passing_complaints.give_back(session(), complaint, who=_reading())
        flash(_("It is no complaint any more. The team sees it again."), "good")
        after = url_for("complaints.index")
    return redirect(after)


@pages.get("/<int:complaint_id>/media/<int:media_id>")
@requires()
def content(complaint_id: int, media_id: int) -> Response:
    """Give a file of a complaint to whoever reads it; what is locked is not here."""
    media = _file(complaint_id, media_id)
    if media.locked_at is not None:
        raise NotFoundError
    return give(media)


@pages.post("/<int:complaint_id>/media/<int:media_id>/lock")
@requires()
def lock(complaint_id: int, media_id: int) -> Redirect:
    """Lock a file of a complaint in which whoever reads it suspects a child or sexual content."""
    media = _file(complaint_id, media_id, locked=True)
    with refusals_told(TransitionError):
        of, by = current_organisation().id, current_member().id
        media_service.lock(session(), media, by=by, organisation_id=of)
        done = _("It is locked. Tell a data manager: they alone see it from now on.")
        there = url_for("complaints.show", complaint_id=complaint_id, _anchor=f"media-{media_id}")
        flash(with_link(done, there, _("Show the file")), "good")
    return redirect(url_for("complaints.show", complaint_id=complaint_id))


@pages.get("/mark/<int:conversation_id>")
@requires(Permission.ANSWER)
def ask(conversation_id: int) -> str:
    """Ask who reads a complaint, before it is one."""
    conversation = get_conversation(session(), conversation_id, current_organisation().id)
    form = MarkForm(formdata=None)
    return _ask(conversation, form, is_named=_offer(conversation, form))


@pages.post("/mark/<int:conversation_id>")
@requires(Permission.ANSWER)
def mark(conversation_id: int) -> Page:
    """Let a conversation be a complaint: from now on the team does not see it."""
    conversation = get_conversation(session(), conversation_id, current_organisation().id)
    form, by = MarkForm(), current_member().id
    is_named = _offer(conversation, form)
    if not form.validate_on_submit():
        return _ask(conversation, form, is_named=is_named), form.status
    with refusals_told(InputError, TransitionError):
        # Whoever answers locks the address first, too.
        addressee = load_addressee(session(), conversation, locked=True)
        service.complain(session(), conversation, by=by, chosen=form.chosen())
        if say_by_itself(
            session(),
            conversation,
            addressee,
            Occasion.COMPLAINT,
            reply_id=conversation.last_reply_id,
            policy=Policy.of(settings()),
            vault=vault(),
        ):
            flash(_("It is a complaint now, and the person is told who reads it."), "good")
        else:
            told = _("It is a complaint now. The person was not told: there is no text, or nobody may write.")
            flash(told, "warning")
    return redirect(url_for("inbox.queue"))


@pages.route("/readers", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def choose() -> Page:
    """Choose who reads complaints about the organisation."""
    ours, form = current_organisation(), ReadersForm()
    members = load_active_members(session(), ours.id)
    form.offer(members, load_other_organisations(session(), ours.id))
    if form.validate_on_submit():
        chosen, other = form.members.data or [], form.receiver_id()
        service.choose_readers(session(), ours, members=chosen, receiver_id=other, by=current_member().id)
        flash(_("It is saved."), "good")
        return redirect(url_for("complaints.choose"))
    receiver_id = readers.find_reading_organisation(session(), ours.id)
    by_setting = readers.members_of_setting(session(), ours.id)
    if not form.is_submitted():
        form.look([] if receiver_id else sorted(by_setting), receiver_id)
    return render_template("inbox/complaints/readers.html", form=form, has_readers=bool(by_setting)), form.status


def _ask(conversation: Conversation, form: MarkForm, *, is_named: bool) -> str:
    return render_template("inbox/complaints/mark.html", conversation=conversation, form=form, is_named=is_named)


def _offer(conversation: Conversation, form: MarkForm) -> bool:
    """Offer whoever may read a complaint; say whether the setting names somebody who may."""
    about = readers.whom_it_is_about(session(), conversation)
    candidates = readers.find_candidates(session(), conversation.organisation_id, about)
    form.offer(candidates)
    return bool(candidates.by_setting)


def _offer_others(complaint: Complaint, form: MarkForm) -> None:
    """Offer whoever may read a complaint in place of those who do; no names of members to another organisation."""
    about = readers.who_answered_before(session(), complaint)
    found = readers.find_candidates(session(), complaint.organisation_id, about)
    is_ours, by_setting = complaint.organisation_id == current_organisation().id, ""
    if found.by_setting and not readers.is_read_by_setting(session(), complaint):
        by_setting = listed(found.by_setting) if is_ours else _("Whoever they name to read complaints about them")
    reading = (current_member().id, complaint.reader_id)
    members = {key: name for key, name in found.members.items() if is_ours and key not in reading}
    others = {key: name for key, name in found.organisations.items() if key != complaint.receiver_id}
    form.offer_others(replace(found, members=members, organisations=others), by_setting=by_setting)


def _show(complaint: Complaint, conversation: Conversation, form: AnswerForm, *, doubts: bool = False) -> str:
    now, addressee = clock.now(), load_addressee(session(), conversation)
    obstacle, seen = find_obstacle(addressee.writer, now=now), conversations.seen_now(session(), conversation)
    ending = CloseForm(formdata=None)
    form.look(seen)
    ending.look(seen)
    return render_template(
        "inbox/complaints/show.html",
        complaint=complaint,
        conversation=conversation,
        entries=load_thread(session(), conversation, vault=vault(), now=now),
        form=form,
        doubts=doubts,
        close_form=ending,
        obstacle_words=said(conversations.OBSTACLES[obstacle]) if obstacle else "",
        region=region_of(session(), conversation),
        owner=session().get_one(Organisation, complaint.organisation_id),
        media_of=complaint.id,
        doubt_form=DoubtForm(formdata=None),
        doubts_of=DOUBTS,
        **words(),
    )


def _reading() -> readers.Reading:
    return readers.Reading(current_member().id, current_organisation().id, may_now(Permission.ANSWER))


def _read(complaint_id: int) -> tuple[Complaint, Conversation]:
    return readers.get_read(session(), complaint_id, _reading())


def _check_still_read(complaint_id: int) -> None:
    """Raise NotFoundError, which undoes the request, for a complaint that was given on while this member waited.

    To be called once the conversation is locked: whoever gives it on locks it first.
    """
    _read(complaint_id)


def _file(complaint_id: int, media_id: int, *, locked: bool = False) -> Media:
    """Return a file of a complaint that the member reads, `locked` until the transaction ends."""
    _complaint, conversation = _read(complaint_id)
    media = get_media(session(), conversation.organisation_id, media_id, locked=locked)
    if session().get_one(Reply, media.reply_id).contact_id != conversation.contact_id:
        raise NotFoundError
    return media
