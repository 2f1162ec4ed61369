"""Settings show who is behind the pages for everybody, and which languages members have reviewed."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from campaigns.core.errors import InputError, RefusedError
from campaigns.core.words import N_
from campaigns.proposals.queries import find_waiting_for
from campaigns.public_pages import queries, service
from campaigns.public_pages.forms import ProfileForm
from campaigns.public_pages.proposed import CONTACT, change_profile
from campaigns.public_pages.publisher import behind
from campaigns.staff.auth import current_member, current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import load_member_names
from campaigns.web.current import settings
from campaigns.web.error_words import refusals_told
from campaigns.web.people.public_words import SOURCE, Words, digest_of_words, public_languages, public_words
from campaigns.web.session import session

pages = Blueprint("public_pages", __name__, url_prefix="/settings/public-pages")

Page = str | Response | tuple[str, int]
#: Where an application keeps who says whether an organisation is being founded, and whether others may agree.
_IS_FOUNDING, _IS_OTHER_ADMIN = "fingerpost.is_founding", "fingerpost.is_other_admin"


def init_public_pages(
    app: Flask, *, is_founding: Callable[[Session, int], bool], is_other_admin: Callable[..., bool]
) -> None:
    """Tell the pages of `app` how to find out whether an organisation is being founded, and has administrators."""
    app.extensions[_IS_FOUNDING], app.extensions[_IS_OTHER_ADMIN] = is_founding, is_other_admin


@pages.get("")
@requires()
def index() -> str:
    """Show where the pages are, who is behind them, and how far each language is."""
    ours = current_organisation()
    reviews = {each.language: each for each in session().scalars(queries.select_latest_reviews())}
    return render_template(
        "public_pages/index.html",
        profile=queries.find_profile(session(), ours.id),
        proposal=find_waiting_for(session(), ours.id, CONTACT.name, ours),
        address=settings().people_address,
        languages=[code for code in public_languages() if code != SOURCE],
        reviewed=behind().languages,
        reviews=reviews,
        # Whoever reviewed them in another organisation is not named here.
        names=load_member_names(
            session(), {each.member_id for each in reviews.values() if each.organisation_id == ours.id}
        ),
    )


@pages.route("/profile", methods=["GET", "POST"])
@requires(Permission.ADMINISTER)
def edit() -> Page:
    """Open the pages to everybody or close them, and say who is behind them."""
    ours = current_organisation()
    kept = queries.find_profile(session(), ours.id)
    is_open = kept is not None and kept.is_open
    form = ProfileForm(obj=kept)
    is_old = bool(form.was_open.data and form.is_open.data and not is_open)
    form.was_open.data = "yes" if is_open else ""
    if is_old:
        # Who closed them meanwhile had a reason: a form that was open all the time does not undo that.
        form.is_open.data = False
        closed = N_("The pages were closed meanwhile. Tick it again if people are to read them.")
        form.show(InputError(closed), "is_open")
    elif form.validate_on_submit():
        wanted = service.Profile(bool(form.is_open.data), form.text("shown_name"), form.text("contact"))
        by = current_member().id
        try:
            proposal = change_profile(session(), ours, wanted, by=by, is_alone=_is_alone(ours.id, by))
        except InputError as error:
            form.show(error, "contact")
        else:
            if proposal is not None:
                if is_open and not proposal.before["is_open"]:
                    flash(_("The pages are closed. Within a minute nobody can read them."), "good")
                flash(_("Another administrator has to agree."), "good")
                return redirect(url_for("proposals.show", proposal_id=proposal.id))
            flash(_("Saved. The pages show it within a minute."), "good")
            return redirect(url_for("public_pages.index"))
    return render_template("public_pages/profile.html", form=form), form.status


@pages.get("/texts/<language>")
@requires()
def show_words(language: str) -> str:
    """Show what the pages say in a language, beside English."""
    source, words = public_words(SOURCE), _words(language)
    return render_template(
        "public_pages/words.html",
        code=language,
        direction=Words(language).direction,
        digest=digest_of_words(language),
        rows=[(source[name], words.get(name, "")) for name in source],
        is_reviewed=language in behind().languages,
        reads_it=language in current_member().languages,
    )


@pages.post("/texts/<language>")
@requires(Permission.REVIEW)
def review(language: str) -> Response:
    """Let people read a language, or take it back."""
    _words(language)
    is_fit, digest = request.form.get("fit") == "yes", digest_of_words(language)
    if is_fit and request.form.get("digest") != digest:
        # What they read on the page is not what people would read by now.
        flash(_("To be reviewed again"), "warning")
        return redirect(url_for("public_pages.show_words", language=language))
    with refusals_told(RefusedError):
        service.review_words(
            session(),
            current_organisation().id,
            language,
            digest=digest,
            is_fit=is_fit,
            by=current_member(),
        )
        flash(_("People may read it now.") if is_fit else _("People do not get it any more."), "good")
    return redirect(url_for("public_pages.index"))


def _is_alone(organisation_id: int, by: int) -> bool:
    """Say whether one administrator may say whom people write to, while nobody has read it.

    Then there is no other one, or the organisation is new. Once its pages were open, or others' are, with which
    its directory is read together, it takes two: whoever is the only one may have made that so.
    """
    if queries.was_ever_open(session(), organisation_id) or set(behind().organisation_ids) - {organisation_id}:
        return False
    app = current_app.extensions
    is_founding: bool = app[_IS_FOUNDING](session(), organisation_id)
    return is_founding or not app[_IS_OTHER_ADMIN](session(), organisation_id, besides=[by])


def _words(language: str) -> dict[str, str]:
    """Return what stands in a table. Raises NotFound for a language without one, and for English."""
    if language == SOURCE or language not in public_languages():
        raise NotFound
    return dict(public_words(language))
