"""Flask-Security signs members in; this finds the current member and organisation, and what they may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import Flask, abort, current_app, flash, g, redirect, request, url_for
from flask import session as cookie
from flask_babel import gettext as _
from flask_login import user_logged_out
from flask_security import Security, UserDatastore, UserMixin, current_user, login_user
from flask_security.utils import check_and_update_authn_fresh
from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import selectinload
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import ForbiddenError, NotFoundError
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.staff import service
from campaigns.staff.models import Member, Membership, Organisation
from campaigns.staff.permissions import Permission, may_as
from campaigns.staff.sign_in.password_checks import Verdict, check_again
from campaigns.web.session import database

P = ParamSpec("P")
R = TypeVar("R")

#: How long a sign-in lasts at most, and how long the password counts as just given.
LONGEST_SESSION = timedelta(hours=12)
FRESH = timedelta(minutes=5)
#: Where the chosen organisation is kept between requests.
ORGANISATION_KEY = "organisation_id"


class Account(UserMixin):
    """A member as the sign-in library wants it: a copy of what it reads, beside the row itself.

    Not a mapped subclass of Member: the session would then hold two objects for one row.
    """

    #: The library looks for it on the class.
    fs_uniquifier = ""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.id = member.id
        self.email = member.email
        self.password = member.password
        self.active = member.active
        self.fs_uniquifier = member.fs_uniquifier
        #: Read by web/locale.py.
        self.locale = member.locale

    def get_auth_token(self) -> str:
        """Raise ForbiddenError: nobody declared tokens of members, so there are none."""
        raise ForbiddenError(N_("Members sign in with a session, never with an API key."))

    def verify_auth_token(self, tdata: dict[str, Any]) -> bool:
        """Say no to every token that names this account, whoever signed it."""
        return False


@cache
def _select_member(attribute: str) -> Select[Member]:
    """Return the statement that finds a member by one attribute, kept because every page asks."""
    found = select(Member).where(getattr(Member, attribute) == bindparam("wanted"))
    # Every page shows the organisations, so they come along at once.
    return found.options(selectinload(Member.memberships).joinedload(Membership.organisation))


class Accounts(UserDatastore):
    """Finds accounts for the sign-in library; commits nothing, because the edge of the request does."""

    def __init__(self) -> None:
        super().__init__(Account, None)  # type: ignore[arg-type] # roles live in memberships

    def find_user(self, case_insensitive: bool = False, **kwargs: Any) -> Account | None:
        """Return the account whose attribute (the one keyword) has this value, or None."""
        ((attribute, value),) = kwargs.items()
        # Addresses are stored in small letters.
        wanted = str(value).casefold() if case_insensitive else value
        member = database.session.scalar(_select_member(attribute), {"wanted": wanted})
        return None if member is None else Account(member)

    def put(self, model: Account) -> Account:
        """Write back what the library may change: a hash with newer parameters."""
        model.member.password = model.password
        return model

    def commit(self) -> None:
        """Leave the commit to the edge."""


def init_auth(app: Flask, settings: Settings, *, sign_in: type[Any], again: type[Any]) -> None:
    """Put sign-in and sign-out on `app`, with the forms of both occasions to give a password."""
    app.config.update(
        PERMANENT_SESSION_LIFETIME=LONGEST_SESSION,
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - the name of a scheme
        SECURITY_PASSWORD_SCHEMES=["argon2"],
        SECURITY_PASSWORD_SINGLE_HASH=["argon2"],
        SECURITY_PASSWORD_SALT=settings.secret_key,
        SECURITY_JOIN_USER_ROLES=False,
        SECURITY_LOGIN_URL="/sign-in",
        SECURITY_LOGOUT_URL="/sign-out",
        SECURITY_VERIFY_URL="/sign-in/again",
        SECURITY_LOGIN_USER_TEMPLATE="staff/sign_in/sign_in.html",
        SECURITY_VERIFY_TEMPLATE="staff/sign_in/sign_in_again.html",
        SECURITY_POST_LOGOUT_VIEW="/sign-in",
        SECURITY_FLASH_MESSAGES=False,
        SECURITY_STATIC_FOLDER=None,
        SECURITY_CACHE_CONTROL=None,
        SECURITY_POST_VERIFY_VIEW="/",
        SECURITY_CLI_USERS_NAME=None,
        SECURITY_CLI_ROLES_NAME=None,
        SECURITY_API_ENABLED_METHODS=["session"],
    )
    security = Security(app, Accounts(), login_form=sign_in, verify_form=again)
    # Its pages answer as pages only, and nothing but the session says who asks: the library would look for a token
    # in the header, the address and the body of every request of somebody who is not signed in.
    security.want_json(lambda request: False)
    app.login_manager.request_loader(None)  # type: ignore[attr-defined] # the library puts it there
    user_logged_out.connect(_end_sessions, app)
    app.before_request(_remember_zone)
    app.add_template_global(may_now, "may")

    @app.context_processor
    def who() -> dict[str, object]:
        membership = _membership()
        return {
            "member": current_member() if current_user.is_authenticated else None,
            "organisation": membership.organisation if membership else None,
        }


def requires(
    permission: Permission | None = None, *, fresh: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Guard a view: anonymous people are sent to sign in, members without `permission` get ForbiddenError.

    None admits every signed-in member. `fresh` asks for the password again when it was last given more than
    five minutes ago. The permission stays readable as `view.permission`.
    """

    def guard(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            detour = _detour(fresh=fresh and (permission is None or may_now(permission)))
            if detour is not None:
                return cast(R, detour)
            if permission is not None and not may_now(permission):
                raise ForbiddenError(
                    N_("Your roles do not allow this. Ask an administrator of your organisation.")
                )
            return view(*args, **kwargs)

        guarded.permission = permission or "member"  # type: ignore[attr-defined] # read by navigation and tests
        guarded.is_fresh = fresh  # type: ignore[attr-defined] # read by tests
        return guarded

    return guard


def renew_session() -> None:
    """Keep the member of this request signed in after all their sessions were ended."""
    begin_session(current_member())


def begin_session(member: Member) -> None:
    """Sign in somebody who has just chosen their own password."""
    login_user(Account(member), authn_via=["password"])


def is_own_password(password: str) -> bool:
    """Say whether this is the password of the signed-in member.

    After too many wrong ones all their sessions have ended: the answer then is the sign-in, instead of any page.
    """
    verdict = check_again(current_member(), password)
    if verdict is Verdict.CLOSED:
        cookie.clear()
        flash(_("Five wrong passwords: you were signed out, on every device. Sign in again."), "bad")
        abort(redirect(url_for("security.login")))
    return verdict is Verdict.RIGHT


def may_open(endpoint: str) -> bool:
    """Say whether the signed-in member may open the page of an endpoint, by what its `requires` asks."""
    asked = getattr(current_app.view_functions[endpoint], "permission", None)
    return asked is not None and (asked == "member" or may_now(asked))


def current_member() -> Member:
    """Return the signed-in member. Raises ForbiddenError when nobody is signed in."""
    if not current_user.is_authenticated:
        raise ForbiddenError(N_("Sign in first."))
    return cast(Member, current_user.member)


def current_organisation() -> Organisation:
    """Return the organisation the member works in now. Raises ForbiddenError for a member of none."""
    return current_membership().organisation


def current_membership() -> Membership:
    """Return the member's membership in the organisation they work in now. Raises ForbiddenError for none."""
    membership = _membership()
    if membership is None:
        raise ForbiddenError(N_("You do not belong to an organisation yet. Ask its administrator to add you."))
    return membership


def may_now(permission: Permission | str) -> bool:
    """Say whether the signed-in member may do this in the current organisation (a template global: `may`)."""
    membership = _membership()
    return membership is not None and may_as(membership, Permission(permission), now=clock.now())


def choose_organisation(organisation_id: int) -> None:
    """Work in another of the member's organisations. Raises NotFoundError for a foreign or missing one."""
    if all(one.organisation_id != organisation_id for one in current_member().memberships):
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    if not works_in(organisation_id):
        # A form that was opened in one organisation is not saved in another, such as a list of people.
        cookie.pop(current_app.config["WTF_CSRF_FIELD_NAME"], None)
    cookie[ORGANISATION_KEY] = organisation_id


def works_in(organisation_id: int) -> bool:
    """Say whether the signed-in member works in this organisation now."""
    membership = _membership()
    return membership is not None and membership.organisation_id == organisation_id


def _membership() -> Membership | None:
    if "membership" not in g:
        g.membership = _find_membership()
    return cast("Membership | None", g.membership)


def _find_membership() -> Membership | None:
    if not current_user.is_authenticated:
        return None
    memberships = current_member().memberships
    chosen = cookie.get(ORGANISATION_KEY)
    return next(
        (one for one in memberships if one.organisation_id == chosen), memberships[0] if memberships else None
    )


def _remember_zone() -> None:
    if request.endpoint not in (None, "static"):
        membership = _membership()
        g.time_zone = membership.organisation.time_zone if membership else None


def _detour(*, fresh: bool) -> Response | None:
    """Return the redirect to what must be done first, or None."""
    if not current_user.is_authenticated:
        if request.headers.get("HX-Request"):
            # A part of a page cannot show the sign-in: let the whole page load again and be sent there.
            return Response(status=204, headers={"HX-Refresh": "true"})
        return redirect(url_for("security.login", next=_return_address()))
    if current_member().password_is_temporary and request.endpoint != "account.password":
        return redirect(url_for("account.password"))
    # No grace period: five minutes are five minutes.
    if fresh and not check_and_update_authn_fresh(FRESH, timedelta(0)):
        return redirect(url_for("security.verify", next=_return_address()))
    return None


def _return_address() -> str:
    """Return the page to come back to: this one, or for an act the nearest page above it.

    An act is never repeated by itself; that is the person's decision.
    """
    if request.method == "GET":
        return request.full_path.rstrip("?")
    path, urls = request.path, current_app.url_map.bind("")
    while path and not urls.test(path, "GET"):
        path = path.rpartition("/")[0]
    return path or "/"


def _end_sessions(app: Flask, user: Account) -> None:
    if user.is_authenticated:
        service.sign_out(database.session, user.member)
