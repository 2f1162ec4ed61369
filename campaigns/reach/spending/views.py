"""This page shows members what was spent, and lets an administrator limit what campaigns spend in a month."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.gateways.kinds import get_kind
from campaigns.planning.spending.queries import MonthMoney, find_left, load_month
from campaigns.planning.spending.service import set_spending_limit
from campaigns.reach.spending.forms import LimitForm
from campaigns.reach.spending.month_sheets import load_sheets
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.credentials import load_credentials
from campaigns.staff.permissions import Permission
from campaigns.web.current import settings
from campaigns.web.session import session

pages = Blueprint("spending", __name__, url_prefix="/spending")

Page = str | Response | tuple[str, int]


@pages.get("")
@requires(Permission.READ_PLANS)
def show() -> Page:
    """Show what was spent by month and country."""
    money = _money()
    return _page(LimitForm(data={"limit": money.limit}), money)


@pages.post("")
@requires(Permission.ADMINISTER)
def set_limit() -> Page:
    """Limit what campaigns spend in a month, or take the limit away."""
    form = LimitForm()
    if form.validate_on_submit():
        try:
            set_spending_limit(session(), current_organisation(), form.cents, by=current_member().id)
        except InputError as error:
            form.show(error, "limit")
        else:
            flash(_("The monthly limit is saved."), "good")
            return redirect(url_for("reach.spending.show"))
    return _page(form, _money()), form.status


def _page(form: LimitForm, money: MonthMoney) -> str:
    now, organisation_id = clock.now(), current_organisation().id
    return render_template(
        "reach/spending/show.html",
        form=form,
        money=money,
        sheets=load_sheets(session(), organisation_id, now=now),
        left=find_left(session(), _own_keys(organisation_id), now=now),
        gateway_title=lambda name: get_kind(name).title,
    )


def _money() -> MonthMoney:
    return load_month(session(), current_organisation().id, now=clock.now())


def _own_keys(organisation_id: int) -> list[str]:
    """Return the names of the credentials that the organisation may use: nobody else's balance is told."""
    return load_credentials(session(), settings()).names_of(organisation_id)
