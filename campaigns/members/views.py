"""Settings show the organisation's members, what they are trusted with, and their access."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.inbox.duty.queries import load_readers
from campaigns.inbox.escalation.passing_on import pass_on
from campaigns.members import service
from campaigns.members.forgotten.reset_links import invite_by_mail
from campaigns.members.forms import MemberForm, RolesForm
from campaigns.members.founding import find_founding, is_other_admin
from campaigns.members.invitations import VALID_DAYS, invite
from campaigns.members.proposed import PASSWORD, ROLES, reset_password
from campaigns.proposals.models import Proposal
from campaigns.proposals.queries import find_waiting_for
from campaigns.proposals.views import kinds_now
from campaigns.staff.auth import current_member, current_organisation, renew_session, requires
from campaigns.staff.forms import ROLE_NAMES
from campaigns.staff.models import Member, Membership
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_membership, load_member_names, select_memberships
from campaigns.staff.sign_in.password_checks import seal_password
from campaigns.staff.sign_in.passwords import make_one_time_password
from campaigns.web.current import settings
from campaigns.web.error_words import refusals_told
from campaigns.web.filters import alphabetical, number
from campaigns.web.keyed_pages import asked_names
from campaigns.web.number_fields import whole_number
from campaigns.web.session import session

pages = Blueprint("members", __name__, url_prefix="/settings/members")

Page = str | Response | tuple[str, int]


@pages.get("")
@requires(Permission.ADMINISTER)
def index() -> Page:
    """List the organisation's members."""
    ours = current_organisation().id
    page = asked_names(session(), select_memberships(ours), Member.name, Member.id, words="members")
    founding = find_founding(session(), ours)
    return render_template(
        "members/index.html", page=page, role_names=ROLE_NAMES, founding=founding, now=clock.now()
    )


@pages.route("/add", methods=["GET", "POST"])
@requires(Permission.ADMINISTER, fresh=True)
def add_member() -> Page:
    """Add a member; their one-time password is shown once, on the answer to this form."""
    form, ours = MemberForm(), current_organisation()
    if form.validate_on_submit():
        one_time = make_one_time_password()
        try:
            added, proposal = service.add_member(
                session(),
                ours,
                kinds_now()[ROLES],
                email=form.text("email"),
                name=form.text("name"),
                password_hash=seal_password(one_time),
                roles=form.roles.data or [],
                by=current_member().id,
            )
        except InputError as error:
            form.show(error)
        else:
            is_mailed = bool(settings().smtp_url)
            if is_mailed:
                invite_by_mail(session(), added)
            return _told(one_time, added.memberships[0], proposal, is_mailed=is_mailed)
    founding = find_founding(session(), ours.id)
    return render_template("members/add.html", form=form, founding=founding), form.status


@pages.route("/<int:member_id>", methods=["GET", "POST"])
@requires(Permission.ADMINISTER, fresh=True)
def edit_member(member_id: int) -> Page:
    """Change a member's roles."""
    membership = _membership(member_id)
    form, kind = RolesForm(obj=membership), kinds_now()[ROLES]
    if form.validate_on_submit():
        try:
            proposal = service.change_roles(
                session(), membership, kind, form.roles.data or [], by=current_member().id
            )
        except (InputError, RefusedError) as error:
            form.show(error)
        else:
            _stay_if_own(membership)
            if proposal is not None:
                flash(_("Another administrator has to agree before the member has these roles."), "good")
                return redirect(url_for("proposals.show", proposal_id=proposal.id))
            flash(_("The roles are saved. The member must sign in again."), "good")
            return redirect(url_for("members.index"))
    guarded = service.roles_that_take_two(session(), membership.organisation_id, by=current_member().id)
    waiting = find_waiting_for(session(), membership.organisation_id, kind.name, membership.member)
    return render_template(
        "members/edit.html",
        form=form,
        membership=membership,
        waiting=waiting,
        takes_two=not guarded.isdisjoint(membership.roles),
        may_be_agreed=is_other_admin(
            session(), membership.organisation_id, besides=(member_id, current_member().id)
        ),
        takers=_takers(membership),
    ), form.status


@pages.post("/<int:member_id>/password")
@requires(Permission.ADMINISTER, fresh=True)
def issue_password(member_id: int) -> Page:
    """Replace a forgotten password by a one-time one, shown once; its first half where it takes two."""
    one_time = make_one_time_password()
    hashed, membership = seal_password(one_time), _membership(member_id)
    kind = kinds_now()[PASSWORD]
    reset = reset_password(
        session(), membership, kind, password=one_time, password_hash=hashed, by=current_member().id
    )
    return _told(reset.password, membership, reset.proposal, is_half=reset.proposal is not None)


@pages.post("/<int:member_id>/access")
@requires(Permission.ADMINISTER, fresh=True)
def bar_member(member_id: int) -> Page:
    """Keep a member from signing in, or let them in again."""
    active = request.form.get("active") == "1"
    service.set_active(session(), _membership(member_id), active, by=current_member().id)
    return redirect(url_for("members.edit_member", member_id=member_id))


@pages.post("/<int:member_id>/pass-on")
@requires(Permission.ADMINISTER, fresh=True)
def pass_on_work(member_id: int) -> Page:
    """Give what a member has to another one, or to the team."""
    membership, chosen = _membership(member_id), request.form.get("to", "")
    if chosen and not chosen.isdecimal():
        raise BadRequest
    with refusals_told(InputError):
        passed = pass_on(
            session(),
            membership.organisation_id,
            membership.member,
            to=whole_number(chosen) if chosen else None,
            by=current_member().id,
        )
        flash(
            _(
                "Passed on. Conversations: %(conversations)s, duties: %(duties)s.",
                conversations=number(passed.conversations),
                duties=number(passed.duties),
            ),
            "good",
        )
    return redirect(url_for("members.edit_member", member_id=member_id))


def _told(
    password: str,
    membership: Membership,
    proposal: Proposal | None,
    *,
    is_half: bool = False,
    is_mailed: bool = False,
) -> str:
    token = invite(membership.member, settings().secret_key)
    return render_template(
        "members/one_time_password.html",
        password=password,
        of=membership.member,
        proposal=proposal,
        is_half=is_half,
        is_mailed=is_mailed,
        link=f"{settings().public_url.rstrip('/')}{url_for('invitation.accept', token=token)}",
        valid_days=VALID_DAYS,
    )


def _takers(membership: Membership) -> dict[int, str]:
    """Return the names of those who could take over what a member has."""
    readers = load_readers(session(), membership.organisation_id)
    names = load_member_names(session(), readers)
    return {
        each: names[each]
        for each in sorted(names, key=lambda each: alphabetical(names[each]))
        if each != membership.member_id
    }


def _membership(member_id: int) -> Membership:
    return get_membership(session(), current_organisation().id, member_id)


def _stay_if_own(membership: Membership) -> None:
    if membership.member_id == current_member().id:
        renew_session()
