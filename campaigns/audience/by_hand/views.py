"""On this page a data manager finds one contact."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.by_hand.forms import FindForm
from campaigns.audience.by_hand.number_search import MOST_NUMBERS, find_by_number
from campaigns.core.errors import AddressError, QuotaError
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.current import vault
from campaigns.web.session import session

pages = Blueprint("by_hand", __name__, url_prefix="/contacts")

Page = str | Redirect | tuple[str, int]


@pages.route("/find", methods=["GET", "POST"])
@requires(Permission.HANDLE_CONTACTS)
def find() -> Page:
    """Find a contact by a whole number, which is in no address and on no page."""
    form, found = FindForm(), None
    if form.validate_on_submit():
        by, of = current_member().id, current_organisation().id
        try:
            found = find_by_number(session(), of, form.text("number"), by=by, vault=vault())
        except (AddressError, QuotaError) as error:
            form.show(error, "number")
    if found is not None and len(found) == 1:
        return redirect(url_for("audience.contacts.show", contact_id=found[0]))
    page = render_template("audience/by_hand/find.html", form=form, found=found, most=MOST_NUMBERS)
    return page, form.status
