"""Administrators make and revoke, in the settings, the tokens by which partners' programs ask."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.models import ApiToken
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
from campaigns.staff.tokens import LONGEST_LIFE, ApiScope, is_good, issue_token, revoke_token, select_tokens
from campaigns.web.error_words import said
from campaigns.web.keyed_pages import asked_page
from campaigns.web.number_fields import whole_number
from campaigns.web.session import refuse_commit, session

pages = Blueprint("tokens", __name__, url_prefix="/settings/api-keys")

SCOPE_WORDS = {
    ApiScope.READ_RELEASES: _l("Read publications"),
    ApiScope.READ_PLACES: _l("Read regions and places, without coordinates"),
    ApiScope.WRITE_REACH: _l("Report reach of adverts, leaflets and radio"),
    ApiScope.WRITE_ASSISTED: _l("Report how many people came with a campaign code"),
}


@pages.get("")
@requires(Permission.ADMINISTER)
def list_tokens() -> str:
    """List the organisation's tokens, with a form for another one."""
    return _listed("")


@pages.post("")
@requires(Permission.ADMINISTER, fresh=True)
def issue() -> str | tuple[str, int]:
    """Make a token and show it, this once."""
    ours, member = current_organisation(), current_member()
    days = request.form.get("days", 0, type=whole_number)
    try:
        row, token = issue_token(
            session(),
            ours.id,
            name=request.form.get("name", ""),
            scopes=request.form.getlist("scopes"),
            days=days,
            by=member.id,
        )
    except InputError as error:
        refuse_commit()
        return _listed(said(error)), 422
    return render_template("staff/token.html", row=row, token=token)


@pages.post("/<int:token_id>/revoke")
@requires(Permission.ADMINISTER, fresh=True)
def revoke(token_id: int) -> Response:
    """Make a token worthless at once."""
    row = get_owned(session(), ApiToken, token_id, current_organisation().id)
    revoke_token(session(), row, by=current_member().id)
    flash(_("The API key no longer works."), "good")
    return redirect(url_for("tokens.list_tokens"))


def _listed(problem: str) -> str:
    page = asked_page(session(), select_tokens(current_organisation().id), ApiToken.id)
    now = clock.now()
    return render_template(
        "staff/tokens.html",
        page=page,
        good={row.id for row in page.rows if is_good(row, now=now)},
        scope_words=SCOPE_WORDS,
        longest=LONGEST_LIFE,
        problem=problem,
        given=request.form,
    )
