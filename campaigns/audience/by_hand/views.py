"""On these pages a data manager finds, changes and adds one contact."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Redirect

from campaigns.audience.by_hand.adding import Agreed, add_person
from campaigns.audience.by_hand.contact_changes import change_contact
from campaigns.audience.by_hand.forms import AddForm, ChangeForm, FindForm
from campaigns.audience.by_hand.number_search import MOST_NUMBERS, find_by_number
from campaigns.audience.grouping import groups_of, select_groups
from campaigns.audience.models import Channel, Contact
from campaigns.core.errors import AddressError, InputError, QuotaError, TransitionError
from campaigns.places.models import Place
from campaigns.places.queries import place_ids_and_names
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned
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


@pages.route("/new", methods=["GET", "POST"])
@requires(Permission.HANDLE_CONTACTS, fresh=True)
def add() -> Page:
    """Add one person who agreed; the answer is the same for whoever opted out before."""
    form = AddForm()
    _offer(form)
    if form.validate_on_submit():
        channels = tuple(Channel(each) for each in form.channels.data or ())
        agreed = Agreed(
            form.text("number"), channels, form.consent_on.data, form.text("consent_how"), form.named_groups()
        )
        by, of = current_member().id, current_organisation().id
        try:
            add_person(session(), of, agreed, form.told(), by=by, vault=vault())
        except AddressError as error:
            form.show(error, "number")
        except (InputError, QuotaError) as error:
            form.show(error)
        else:
            flash(_("It is written down. Unless they opted out before, they are among your contacts now."), "good")
            return redirect(url_for("audience.contacts.index"))
    return render_template("audience/by_hand/add.html", form=form), form.status


@pages.route("/<int:contact_id>/change", methods=["GET", "POST"])
@requires(Permission.HANDLE_CONTACTS)
def change(contact_id: int) -> Page:
    """Write down what a contact reads now, or where they are."""
    contact = get_owned(session(), Contact, contact_id, current_organisation().id)
    back = redirect(url_for("audience.contacts.show", contact_id=contact_id))
    if contact.erased_at is not None:
        return back
    known = {"language": contact.language, "other_language": contact.other_language or ""}
    form = ChangeForm(data=known | {"group_ids": [group.id for group in groups_of(session(), contact_id)]})
    _offer(form)
    if form.validate_on_submit():
        try:
            change_contact(session(), contact, form.told(), by=current_member().id)
        except (InputError, TransitionError) as error:
            form.show(error)
        else:
            flash(_("The contact is changed."), "good")
            return back
    return render_template("audience/by_hand/change.html", contact=contact, form=form), form.status


def _offer(form: ChangeForm) -> None:
    of = current_organisation().id
    places = place_ids_and_names(session(), of)
    # What is sent may be anything; only the place that is chosen is read whole.
    chosen = next((place_id for place_id, _name in places if str(place_id) == form.place_id.data), None)
    place = None if chosen is None else get_owned(session(), Place, chosen, of)
    form.offer(places, place, session().scalars(select_groups(of)).all())
