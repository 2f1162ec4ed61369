"""What is typed into a form is kept while it is typed, and when a save meets an expired sign-in.

A page takes part by `refill(form)` in its view and `keeps(form)` in its template; all else happens here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, flash, g, redirect, request, url_for
from flask import session as cookie
from flask_babel import gettext as _
from flask_security import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response
from wtforms import SelectField, SelectMultipleField

from campaigns.core import clock
from campaigns.core.errors import RefusedError
from campaigns.core.words import N_
from campaigns.staff.auth import (
    ORGANISATION_KEY,
    current_member,
    current_organisation,
    requires,
    works_in,
)
from campaigns.staff.typed.typed_fields import find_typed, forget_typed, is_over, keep_typed
from campaigns.staff.typed.typed_marks import FIELD, TypedMark, page_of, read_mark, write_mark
from campaigns.web.current import settings, vault
from campaigns.web.error_pages import answer_http
from campaigns.web.filters import listed
from campaigns.web.forms import Form
from campaigns.web.session import session

pages = Blueprint("typed", __name__, url_prefix="/typed")

#: Kinds of fields that are kept, by their names, as they were typed; never a password or a file.
KEPT_KINDS = frozenset(
    {"StringField", "TextAreaField", "RadioField", "SelectField", "LongSelect", "WholeNumberField", "AmountField"}
    | {"DateField", "DateTimeLocalField", "TimeField", "NumberField"}
)
#: Those of them that are chosen from a list.
_CHOICES = frozenset({"SelectField", "LongSelect", "RadioField"})
#: Kinds whose boxes are kept, ticked and unticked; a form sends those that are ticked only.
TICKED_KINDS = frozenset({"BooleanField", "Ticks", "LongTicks"})
#: Kind that says what the page showed, such as its version: not kept, but what was typed stands for it.
_SHOWN_KIND = "HiddenField"

Keeper = Callable[[TypedMark, Mapping[str, str]], None]
#: Those that keep what was typed in a blueprint in a place of their own, by its name.
_KEEPERS: dict[str, Keeper] = {}
#: Under these a member gives their password first, and then comes back.
_SIGN_IN = ("/sign-in", "/settings/password")
#: Stands for what was emptied.
_NOTHING = "–"


@pages.post("")
@requires()
def keep() -> Response:
    """Keep what is typed now; the script of the form asks for it every few seconds."""
    _keep_form(open_mark())
    return Response(status=204)


@pages.post("/discard")
@requires()
def discard() -> Response:
    """Forget what was typed, and show the page as it is saved."""
    mark = _own_mark()
    forget_typed(session(), mark)
    return redirect(mark.path)


def open_mark() -> TypedMark:
    """Return the mark of the form that a script keeps. Raises RefusedError where it was saved since."""
    mark = _own_mark()
    if is_over(session(), mark):
        raise RefusedError(N_("This form was opened before you saved it last."))
    return mark


def keeps_typed(blueprint: str, keeper: Keeper) -> None:
    """Let another function keep what was typed in a blueprint when a save meets an expired sign-in."""
    _KEEPERS[blueprint] = keeper


def refill(
    form: Form,
    beside: MutableMapping[str, str] | None = None,
    in_words: Callable[[Mapping[str, str]], Iterable[tuple[str, str]]] | None = None,
    *,
    is_new: bool = False,
    stored: Mapping[str, str] | None = None,
) -> bool:
    """Fill a form that is opened with what its member typed here and did not save; say whether there was any.

    Where what is saved was changed since they began, it is shown, and what they typed stands beside it. Of what
    `is_new` nothing is saved: what the form proposes, such as a date, may be another each time. `stored` holds
    the codes of fields that show them in words of the reader's language. Fields of the page that are not the
    form's are filled likewise in `beside`, by their names; `in_words` gives the label and the words of those that
    were typed.
    """
    if request.method != "GET":
        return False
    beside = {} if beside is None else beside
    g.shown_digest = _digest(form, {**beside, **(stored or {})})
    page = page_of(current_organisation().id, request.path)
    found = find_typed(session(), current_member().id, page, vault=vault())
    if found is None:
        return False
    texts = [(field, found.fields[field.name]) for field in _kept(form) if field.name in found.fields]
    texts = [(field, text) for field, text in texts if _raw(field) != text]
    boxes = [(field, found.ticks[field.name]) for field in _boxes(form) if field.name in found.ticks]
    boxes = [(field, values) for field, values in boxes if _ticked(field) != sorted(values)]
    moved = {name: text for name, text in found.fields.items() if beside.get(name, text) != text}
    if not (texts or boxes or moved):
        return False
    g.typed_at = found.saved_at
    if not is_new and found.shown != g.shown_digest:
        g.typed_beside = [*_told(texts, boxes), *(in_words(moved) if in_words else moved.items())]
        return False
    _fill(texts, boxes)
    for name, text in moved.items():
        beside[name] = text
    return True


def stand_for(form: Form, stored: Mapping[str, str]) -> None:
    """Let the form of this page stand for what is saved, whatever else is proposed in it; `form` shows that."""
    g.shown_digest = _digest(form, stored)


def led_back(form: Form, stored: Mapping[str, str]) -> Response | None:
    """Return the way back to a form whose thing was changed since it was opened, or None.

    There what is saved is shown, and what was typed beside it. `form` shows what is saved now, and `stored` is as
    in `refill`. The thing is held, so that nobody changes it before this request does.
    """
    mark = _read()
    if mark is None or mark.shown == _digest(form, stored):
        return None
    _keep_form(mark)
    g.has_typed = True
    flash(_("Nothing was saved: somebody changed this since you opened the form."), "warning")
    return redirect(mark.path)


def _told(
    texts: Iterable[tuple[Any, str]], boxes: Iterable[tuple[Any, Sequence[str]]]
) -> Iterator[tuple[str, str]]:
    """Yield label and words of what was typed and ticked."""
    for field, text in texts:
        yield field.label.text, _in_words(field, text)
    for field, values in boxes:
        yield field.label.text, _ticks_in_words(field, values)


def _fill(texts: Iterable[tuple[Any, str]], boxes: Iterable[tuple[Any, Sequence[str]]]) -> None:
    for field, text in texts:
        # What is no number is shown as it was typed, too.
        field.raw_data = [text]
        with suppress(ValueError):
            field.process_formdata([text])
    for field, values in boxes:
        # A box that is not there any more cannot be ticked.
        with suppress(ValueError):
            field.process_formdata(list(values))


def init_typed(app: Flask) -> None:
    """Let forms carry marks, and keep what they hold when a save cannot be done yet."""
    app.add_template_global(_mark_of, "typed_mark")
    app.add_template_global(_own_place_mark, "own_mark")
    app.add_template_global(lambda: g.get("typed_at"), "typed_at")
    app.add_template_global(lambda: g.get("typed_beside"), "typed_beside")
    app.add_template_global(lambda: g.get("typed_mark", ""), "written_mark")
    app.register_error_handler(CSRFError, _answer_expired)
    app.after_request(_settle)


def _mark_of(form: Form, beside: Collection[str] = ()) -> str:
    before = _read() if request.method == "POST" else None
    # A form that is shown again after a mistake still stands for what was saved when it was opened.
    shown = before.shown if before else g.get("shown_digest") or _digest(form)
    names = tuple(sorted({*(field.name for field in _kept(form)), *beside}))
    ticked = tuple(sorted(field.name for field in _boxes(form)))
    g.typed_mark = _write_mark(request.path, names, shown, ticked=ticked)
    return str(g.typed_mark)


def _own_place_mark(path: str, name: str) -> str:
    """Return the mark of a form with one field that is kept in a place of its own."""
    return _write_mark(path, (name,), "")


def _write_mark(path: str, names: tuple[str, ...], shown: str, *, ticked: tuple[str, ...] = ()) -> str:
    who = current_member().id, current_organisation().id
    return write_mark(settings().secret_key, TypedMark(*who, path, names, shown, clock.now(), ticked))


def _kept(form: Form) -> Iterator[Any]:
    for field in form:
        for each in field if field.type == "FieldList" else (field,):
            if each.type in KEPT_KINDS:
                yield each


def _boxes(form: Form) -> Iterator[Any]:
    return (field for field in form if field.type in TICKED_KINDS)


def _ticked(field: Any) -> list[str]:
    """Return the values that a form with these ticks sends, in their order."""
    if field.type == "BooleanField":
        return [field._value()] if field.data else []
    return sorted(map(str, field.data or ()))


def _raw(field: Any) -> str:
    if field.type in _CHOICES:
        return "" if field.data is None else str(field.data)
    return str(field._value())


def _in_words(field: Any, typed: str) -> str:
    """Return what was typed, or of a choice how the page calls it."""
    if field.type not in _CHOICES:
        return typed or _NOTHING
    # Also those that a long list does not show.
    every: Iterable[Any] = SelectField.iter_choices(field)
    choices = {str(each.value): str(each.label) for each in every}
    return choices.get(typed, typed) or _NOTHING


def _ticks_in_words(field: Any, values: Sequence[str]) -> str:
    if field.type == "BooleanField":
        return str(_("Yes") if values else _("No"))
    # Also those that a long list does not show.
    every: Iterable[Any] = SelectMultipleField.iter_choices(field)
    ticked = [str(each.label) for each in every if str(each.value) in values]
    return str(listed(ticked)) or _NOTHING


def _digest(form: Form, known: Mapping[str, str] | None = None) -> str:
    """Return the digest of what is saved, as the form shows it or, of some fields, as it is `known`."""
    fields: dict[str, object] = {**{field.name: _raw(field) for field in _kept(form)}, **(known or {})}
    fields |= {field.name: _ticked(field) for field in _boxes(form)}
    fields |= {field.name: _raw(field) for field in form if field.type == _SHOWN_KIND}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


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
    _keep_for(mark)
    g.has_typed = True
    if current_user.is_authenticated and not works_in(mark.organisation_id):
        _warn_once(_("You opened this form in another organisation. What you typed is kept there."))
        return redirect("/")
    _warn_once(_("This form was open too long. What you typed is kept: look at it, and save it again."))
    if current_user.is_authenticated:
        return redirect(mark.path)
    _come_back_to(mark)
    return redirect(url_for("security.login", next=mark.path))


def _warn_once(words: str) -> None:
    """Say something on the next page; the script of a form that stayed open comes here every few seconds."""
    if words not in (said for _kind, said in cookie.get("_flashes", ())):
        flash(words, "warning")


def _come_back_to(mark: TypedMark) -> None:
    """Let whoever signs in, and works in several organisations, work in the one in which it is kept."""
    if not current_user.is_authenticated:
        cookie[ORGANISATION_KEY] = mark.organisation_id


def _keep_for(mark: TypedMark) -> None:
    keeper = _KEEPERS.get(request.blueprint or "")
    if keeper is None:
        _keep_form(mark)
    else:
        keeper(mark, request.form)


def _keep_form(mark: TypedMark) -> None:
    ticks = {name: request.form.getlist(name) for name in mark.ticked}
    keep_typed(session(), mark, request.form, vault=vault(), ticks=ticks)


def _settle(response: Response) -> Response:
    """Forget what was typed once it is saved; keep it where the password is asked for first."""
    if request.method != "POST" or response.status_code not in (302, 303) or g.get("has_typed"):
        return response
    mark = _read() if request.blueprint != pages.name else None
    if mark is None or (current_user.is_authenticated and mark.member_id != current_member().id):
        return response
    if urlsplit(response.location or "").path.startswith(_SIGN_IN):
        _keep_for(mark)
        _come_back_to(mark)
    elif current_user.is_authenticated:
        forget_typed(session(), mark)
    return response
