"""A staff page shows which emergency number each country's people are given where no verified service fits."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError, NotFoundError
from campaigns.core.folding import has_words
from campaigns.directory.emergency import EmergencyRow, all_emergency_rows
from campaigns.directory.forms import EmergencyForm
from campaigns.directory.labels import country_name
from campaigns.directory.models import EmergencyNumber
from campaigns.directory.proposed import propose_emergency_number
from campaigns.directory.queries import load_confirmed_emergencies
from campaigns.directory.service import check_emergency_number
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import load_member_names
from campaigns.web.filters import alphabetical
from campaigns.web.keyed_pages import asked_part
from campaigns.web.session import session

pages = Blueprint("emergency", __name__, url_prefix="/emergency")

#: Characters of a country's name that are looked for.
_LONGEST_SOUGHT = 100
Page = str | Response | tuple[str, int]


@dataclass(frozen=True, slots=True)
class CountryNumbers:
    """One country as the page shows it."""

    name: str
    row: EmergencyRow
    confirmed: EmergencyNumber | None

    @property
    def number(self) -> str | None:
        """The number that is named; None where a member has to say which."""
        return self.confirmed.number if self.confirmed else self.row.single_number


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> Page:
    """List the countries, or those in whose names something stands; those without a number to name come first."""
    find = request.args.get("find", "").strip()[:_LONGEST_SOUGHT]
    confirmed = load_confirmed_emergencies(session(), current_organisation().id)
    countries = [
        CountryNumbers(country_name(code), row, confirmed.get(code)) for code, row in all_emergency_rows().items()
    ]
    if find:
        countries = [each for each in countries if has_words(each.name, find)]
    countries.sort(key=lambda each: (each.number is not None, alphabetical(each.name), each.row.country))
    page = asked_part(countries, lambda each: each.row.country, words="countries")
    names = load_member_names(session(), [each.confirmed.member_id for each in page.rows if each.confirmed])
    return render_template("directory/emergency.html", page=page, names=names, find=find)


@pages.route("/<country>", methods=["GET", "POST"])
@requires(Permission.EDIT, fresh=True)
def confirm(country: str) -> Page:
    """Say by a document which number a country's people are given."""
    row = all_emergency_rows().get(country)
    if row is None:
        raise NotFoundError
    form = EmergencyForm(data={"number": row.single_number or ""})
    if form.validate_on_submit() and form.document_date.data:
        try:
            stated = check_emergency_number(
                number=form.text("number"),
                document=form.text("document"),
                document_date=form.document_date.data,
            )
            proposal = propose_emergency_number(
                session(), current_organisation(), country, stated, by=current_member().id
            )
        except InputError as error:
            form.show(error, "number")
        else:
            flash(_("Another member has to agree. Until then texts name what they named before."), "good")
            return redirect(url_for("proposals.show", proposal_id=proposal.id))
    return render_template("directory/emergency_form.html", form=form, row=row), form.status
