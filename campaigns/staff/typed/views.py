"""What is typed into a form is kept while it is typed, and when a save meets an expired sign-in.

A page takes part by `refill(form)` in its view and `keeps(form)` in its template; all else happens here.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Flask, flash, g, redirect, request, url_for
from flask_babel import gettext as _
from flask_security import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from campaigns.core.errors import RefusedError
from campaigns.core.words import N_
from campaigns.staff.auth import current_member, requires
from campaigns.staff.typed.typed_fields import find_typed, forget_typed, keep_typed
from campaigns.staff.typed.typed_marks import FIELD, TypedMark, read_mark, write_mark
from campaigns.web.current import settings, vault
from campaigns.web.error_pages import answer_http
from campaigns.web.forms import Form
from campaigns.web.session import session

pages = Blueprint("typed", __name__, url_prefix="/typed")

#: Kinds of fields that are kept, by their names: text and choices; never a password, a number or a file.
KEPT_KINDS = frozenset({"StringField", "TextAreaField", "RadioField"})
#: Under these a member gives their password first, and then comes back.
_SIGN_IN = ("/sign-in", "/settings/password")


@pages.post("")
@requires()
def keep() -> Response:
    """Keep what is typed now; the script of the form asks for it every few seconds."""
    keep_typed(session(), _own_mark(), request.form, vault=vault())
    return Response(status=204)


@pages.post("/discard")
@requires()
def discard() -> Response:
    """Forget what was typed, and show the page as it is saved."""
    mark = _own_mark()
    forget_typed(session(), mark.member_id, mark.path)
    return redirect(mark.path)


def refill(form: Form) -> None:
    """Fill a form that is opened with what its member typed here and did not save."""
    found = find_typed(session(), current_member().id, request.path, vault=vault())
    if found is None or request.method != "GET":
        return
    for field in form:
        if field.type in KEPT_KINDS and field.short_name in found.fields:
            if (field.data or "") != found.fields[field.short_name]:
                g.typed_at = found.saved_at
            field.data = found.fields[field.short_name]


def init_typed(app: Flask) -> None:
    """Let forms carry marks, and keep what they hold when a save cannot be done yet."""
    app.add_template_global(_mark_of, "typed_mark")
    app.add_template_global(lambda: g.get("typed_at"), "typed_at")
    app.add_template_global(lambda: g.get("typed_mark", ""), "written_mark")
    app.register_error_handler(CSRFError, _answer_expired)
    app.after_request(_settle)


def _mark_of(form: Form) -> str:
    names = [field.short_name for field in form if field.type in KEPT_KINDS]
    g.typed_mark = write_mark(settings().secret_key, current_member().id, request.path, names)
    return str(g.typed_mark)


def _read() -> TypedMark | None:
    return read_mark(settings().secret_key, request.form.get(FIELD, ""))


def _own_mark() -> TypedMark:
    mark = _read()
    if mark is None or mark.member_id != current_member().id:
        raise RefusedError(N_("This form was opened by somebody else, or too long ago."))
    return mark


def _answer_expired(error: CSRFError) -> Response:
    """Keep what was typed, and lead back to the form, by way of the sign-in where nobody is signed in."""
    mark = _read()
    if mark is None or (current_user.is_authenticated and current_member().id != mark.member_id):
        return answer_http(error)
    keep_typed(session(), mark, request.form, vault=vault())
    flash(_("This form was open too long. What you typed is kept: look at it, and save it again."), "warning")
    g.has_typed = True
    if current_user.is_authenticated:
        return redirect(mark.path)
    return redirect(url_for("security.login", next=mark.path))


def _settle(response: Response) -> Response:
    """Forget what was typed once it is saved; keep it where the password is asked for first."""
    if request.method != "POST" or response.status_code not in (302, 303) or g.get("has_typed"):
        return response
    mark = _read() if current_user.is_authenticated and request.blueprint != pages.name else None
    if mark is not None and mark.member_id == current_member().id:
        if urlsplit(response.location or "").path.startswith(_SIGN_IN):
            keep_typed(session(), mark, request.form, vault=vault())
        else:
            forget_typed(session(), mark.member_id, mark.path)
    return response
