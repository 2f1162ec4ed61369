"""Each named error is answered with one status, and with a page of its sentence or the same as problem JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence

from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed

from campaigns.core.errors import (
    BusyError,
    FieldsError,
    FingerpostError,
    ForbiddenError,
    InputError,
    NotFoundError,
    RefusedError,
    SettingsError,
    SignatureError,
    TokenError,
    UnavailableError,
)
from campaigns.core.languages import INTERFACE_LANGUAGES, is_right_to_left
from campaigns.front.wording import RETRY_AFTER
from campaigns.web.error_words import said
from campaigns.web.people.layout import error_page, is_for_people
from campaigns.web.session import refuse_commit

log = logging.getLogger(__name__)

#: Below it programs ask, whatever they say they accept.
API = "/api/"
#: Below it providers ask, who try again where something broke.
HOOKS = "/hooks/"
#: How PostgreSQL and its library say that no row can hold a value.
_OUT_OF_RANGE, _NUL = "22003", "cannot contain NUL"
#: How PostgreSQL and SQLite say that a row is there already.
_UNIQUE_VIOLATION, _TWICE = "23505", ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")

#: The nearest class in an error's ancestry decides.
STATUSES: dict[type[FingerpostError], int] = {
    InputError: 422,
    ForbiddenError: 403,
    RefusedError: 409,
    NotFoundError: 404,
    SignatureError: 403,
    TokenError: 401,
    UnavailableError: 503,
}


def status_of(error: FingerpostError) -> int:
    """Return the HTTP status of a named error: 500 for what only damage can cause."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def init_errors(app: Flask) -> None:
    """Answer every error of `app` with a page or problem JSON that leaks nothing."""
    app.register_error_handler(FingerpostError, _answer_named)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(InternalServerError, _answer_unexpected)


def _answer_named(error: FingerpostError) -> Response:
    # For whoever notes what was refused.
    g.told = error
    status = status_of(error)
    if status == 500:
        if isinstance(error, SettingsError):
            log.error("a setting is wrong: %s", error)
        else:
            log.error("damaged data", exc_info=error)
        return _answer(500)
    # Foreign and missing things give the same answer, so the sentence of a 404 is always ours.
    answer = _answer(
        status,
        "" if status == 404 else said(error),
        errors=error.problems if isinstance(error, FieldsError) else (),
    )
    if status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, BusyError):
        answer.headers["Retry-After"] = RETRY_AFTER
    return answer


def answer_http(error: HTTPException) -> Response:
    """Answer what Flask or the forms' token refused."""
    if error.response is not None or error.code is None or error.code < 400:
        return make_response(error.get_response())
    if isinstance(error, CSRFError):
        return _answer(400, _("This form was open too long. Go back, load the page again and repeat."))
    answer = _answer(error.code)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _answer_unexpected(error: InternalServerError) -> Response:
    if _is_double(error.original_exception) and not request.path.startswith(HOOKS):
        # Whoever pressed twice sees only what became of the second.
        return _answer(
            409,
            _("The same was saved at this moment, perhaps by you: look whether it is there, else do it again."),
        )
    if _cannot_be_stored(error.original_exception):
        return _answer(400)
    if not isinstance(error.original_exception, OperationalError | InterfaceError | PoolTimeoutError):
        return _answer(500)
    answer = _answer(503)
    answer.headers["Retry-After"] = RETRY_AFTER
    return answer


def _is_double(error: BaseException | None) -> bool:
    """Say whether the database refused a second row of what may be there once."""
    cause = error.orig if isinstance(error, IntegrityError) else None
    is_said = getattr(cause, "sqlstate", "") == _UNIQUE_VIOLATION
    return is_said or getattr(cause, "sqlite_errorname", "") in _TWICE


def _cannot_be_stored(error: BaseException | None) -> bool:
    """Say whether PostgreSQL was asked for what no row of it can hold: a NUL in a text, or too large a number."""
    cause = error.orig if isinstance(error, DataError) else None
    return getattr(cause, "sqlstate", None) == _OUT_OF_RANGE or (cause is not None and _NUL in str(cause))


def _answer(status: int, sentence: str = "", *, errors: Sequence[Mapping[str, str]] = ()) -> Response:
    refuse_commit()
    if is_for_people():
        return error_page(status)
    if status < 500:
        return _written(status, sentence, "errors/error.html", errors)
    # Whoever asks cannot be looked up when the database is what broke: the page does without.
    with force_locale(request.accept_languages.best_match(INTERFACE_LANGUAGES) or INTERFACE_LANGUAGES[0]):
        return _written(status, sentence, "errors/broken.html")


def _written(status: int, sentence: str, template: str, errors: Sequence[Mapping[str, str]] = ()) -> Response:
    title = _titles().get(status, _("This did not work"))
    sentence = sentence or _sentences().get(status, _("The request could not be understood."))
    if _asks_for_json():
        problem: dict[str, object] = {"type": "about:blank", "title": title, "status": status, "detail": sentence}
        if errors:
            problem["errors"] = list(errors)
        return Response(json.dumps(problem), status, content_type="application/problem+json")
    values = {"status": status, "title": title, "sentence": sentence}
    if status < 500:
        return make_response(render_template(template, **values), status)
    # Not render_template: its context processors ask the database.
    language = str(get_locale())
    values |= {"language": language, "text_direction": "rtl" if is_right_to_left(language) else "ltr"}
    return make_response(current_app.jinja_env.get_template(template).render(values), status)


def _asks_for_json() -> bool:
    offered = ["text/html", "application/json"]
    return request.path.startswith(API) or request.accept_mimetypes.best_match(offered) == "application/json"


def _titles() -> dict[int, str]:
    return {
        401: _("Who is asking?"),
        403: _("You may not do this"),
        404: _("There is nothing here"),
        405: _("This did not work"),
        409: _("This is not possible now"),
        413: _("The file is too large"),
        421: _("Not by this name"),
        422: _("Something is not right yet"),
        429: _("Too many attempts"),
        500: _("Something broke on our side"),
        503: _("Not available at the moment"),
    }


def _sentences() -> dict[int, str]:
    return {
        403: _("Your roles do not allow this. Ask an administrator of your organisation."),
        404: _("The page or thing you asked for does not exist, or is not yours to see."),
        413: _("Send a smaller file."),
        415: _("Send a form, as this page has it."),
        421: _(
            "This system does not know the host that was asked for. Its operator may name it in trusted_hosts."
        ),
        429: _("Wait a few minutes and try again."),
        500: _("Nothing was changed. The error was written to the log."),
        503: _("The database or a service does not answer. Nothing was changed. Try again in a minute."),
    }
