"""Members play and look at what people sent, write down what they heard, and lock what no team should see."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as Redirect

from campaigns.core.errors import InputError, NotFoundError, TransitionError
from campaigns.inbox.complaints.readers import select_about
from campaigns.inbox.conversations.labels import KINDS_OF_MEDIA
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.holds.heard_words import write_down
from campaigns.inbox.media import service
from campaigns.inbox.media.models import Media
from campaigns.inbox.media.queries import find_locked, get_media, read_content
from campaigns.inbox.models import Reply
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import owned
from campaigns.web.current import vault
from campaigns.web.error_words import refusals_told
from campaigns.web.filters import with_link
from campaigns.web.session import session

pages = Blueprint("media", __name__, url_prefix="/inbox/media")

#: A file of a stranger's: whatever it holds runs nothing and asks for nothing.
_HARMLESS = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"


@pages.get("/<int:media_id>")
@requires(Permission.ANSWER)
def content(media_id: int) -> Response:
    """Give a file to a member who answers; what is locked is not here."""
    media = get_media(session(), current_organisation().id, media_id)
    if media.locked_at is not None:
        raise NotFoundError
    _find_seen(media)
    return give(media)


@pages.post("/<int:media_id>/lock")
@requires(Permission.ANSWER)
def lock(media_id: int) -> Redirect:
    """Lock a file in which a member suspects a child or sexual content."""
    media = _own(media_id)
    conversation = _find_seen(media)
    with refusals_told(TransitionError):
        service.lock(session(), media, by=current_member().id, organisation_id=current_organisation().id)
        _tell(media, conversation, _("It is locked. Tell a data manager: they alone see it from now on."))
    return _back(conversation)


@pages.post("/<int:media_id>/words")
@requires(Permission.ANSWER)
def transcribe(media_id: int) -> Redirect:
    """Keep what a member heard; word lists read it as if it had been written, a stop too."""
    by, of = current_member().id, current_organisation().id
    media = get_media(session(), of, media_id)
    conversation = _find_seen(media)
    with refusals_told(InputError, TransitionError):
        words = request.form.get("words", "")
        if write_down(session(), media, conversation, words, by=by, organisation_id=of, vault=vault()):
            flash(_("They may have opted out. Decide that first; then they can be answered."), "warning")
        _tell(media, conversation, _("What you heard stands beside it."))
    return _back(conversation)


@pages.get("")
@requires(Permission.HANDLE_CONTACTS)
def locked() -> str:
    """List what is locked and still kept."""
    hidden = select_about(current_member().id)
    found = find_locked(session(), current_organisation().id, but=hidden, vault=vault())
    return render_template("inbox/conversations/locked.html", locked=found, media_names=KINDS_OF_MEDIA)


@pages.post("/<int:media_id>/open")
@requires(Permission.HANDLE_CONTACTS)
def open_locked(media_id: int) -> Response:
    """Give a locked file to a data manager; that they looked is recorded."""
    media = _managed(media_id)
    if media.locked_at is None:
        raise NotFoundError
    given = give(media)
    service.note_seen(session(), media, by=current_member().id, organisation_id=current_organisation().id)
    return given


@pages.post("/<int:media_id>/unlock")
@requires(Permission.HANDLE_CONTACTS)
def unlock(media_id: int) -> Redirect:
    """Let everybody who answers see a file again."""
    with refusals_told(TransitionError):
        of, by = current_organisation().id, current_member().id
        service.unlock(session(), _managed(media_id), by=by, organisation_id=of)
        flash(_("Everybody who answers sees it again."), "good")
    return redirect(url_for("media.locked"))


@pages.post("/<int:media_id>/remove")
@requires(Permission.HANDLE_CONTACTS)
def remove(media_id: int) -> Redirect:
    """Remove a locked file for good."""
    with refusals_told(TransitionError):
        of, by = current_organisation().id, current_member().id
        service.remove_locked(session(), _managed(media_id), by=by, organisation_id=of)
        flash(_("It is removed here. At the provider it is deleted next."), "good")
    return redirect(url_for("media.locked"))


def _own(media_id: int) -> Media:
    return get_media(session(), current_organisation().id, media_id, locked=True)


def _managed(media_id: int) -> Media:
    """Return a file for a data manager; of a complaint about themselves nothing is theirs to see or to remove."""
    media = _own(media_id)
    theirs = select_about(current_member().id).join(Reply, Reply.contact_id == Conversation.contact_id)
    if session().scalar(theirs.where(Reply.id == media.reply_id).limit(1)) is not None:
        raise NotFoundError
    return media


def _find_seen(media: Media) -> Conversation | None:
    """Return the conversation to which a file belongs, None where there is none.

    Raises NotFoundError for what is part of a complaint about the team.
    """
    theirs = owned(select(Conversation), Conversation, current_organisation().id)
    theirs = theirs.join(Reply, Reply.contact_id == Conversation.contact_id)
    conversation = session().scalar(theirs.where(Reply.id == media.reply_id))
    if conversation is not None and conversation.is_complaint:
        raise NotFoundError
    return conversation


def give(media: Media) -> Response:
    """Answer with a file as its bytes say what it is; nobody may keep it, or show it in a page of theirs."""
    given = read_content(media, vault())
    if given is None:
        raise NotFoundError
    answer = Response(given, content_type=media.content_type)
    answer.headers["Content-Security-Policy"] = _HARMLESS
    answer.headers["Content-Disposition"] = (
        f'inline; filename="{media.kind}.{media.content_type.partition("/")[2]}"'
    )
    # A browser plays from the middle only what it can ask for in parts.
    answer.make_conditional(request, accept_ranges=True, complete_length=len(given))
    return answer


def _tell(media: Media, conversation: Conversation | None, done: str) -> None:
    if conversation is not None:
        there = url_for("conversations.show", conversation_id=conversation.id, _anchor=f"media-{media.id}")
        done = with_link(done, there, _("Show the file"))
    flash(done, "good")


def _back(conversation: Conversation | None) -> Redirect:
    if conversation is None:
        return redirect(url_for("inbox.history"))
    return redirect(url_for("conversations.show", conversation_id=conversation.id))
