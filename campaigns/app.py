"""This makes the web application, and is one of the few places that know every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from flask import Blueprint, Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from campaigns import begun, now
from campaigns.audience import views as audience
from campaigns.audience.figures import init_counts
from campaigns.audience.joining import public as joining
from campaigns.audience.joining.views import init_entry_points
from campaigns.core.errors import SettingsError
from campaigns.core.settings import PROJECT_ROOT, Mode, Settings
from campaigns.delivery import public as from_us
from campaigns.delivery import views as delivery
from campaigns.delivery.receipts.endpoint import StatusDoor
from campaigns.delivery.receipts.receipt_writer import ReceiptIntake
from campaigns.directory import proposal_labels as directory_proposed
from campaigns.directory import public as help_near
from campaigns.directory import views as directory
from campaigns.erasing import views as erasing
from campaigns.example import views as example
from campaigns.front.peer_limits import USUAL_BODY
from campaigns.gateways.callbacks import CallbackReader
from campaigns.gateways.factory import build_readers
from campaigns.inbox import complaint_views as complaints
from campaigns.inbox import media_views as media
from campaigns.inbox import public as replies
from campaigns.inbox import views as inbox
from campaigns.inbox.automatic import views as automatic
from campaigns.inbox.conversations import views as conversations
from campaigns.inbox.duty import team_views as teams
from campaigns.inbox.duty import views as duty
from campaigns.inbox.escalation import settings_views as escalation_settings
from campaigns.inbox.escalation import views as escalation
from campaigns.inbox.escalation.views import init_alerts
from campaigns.inbox.given import views as given
from campaigns.inbox.handing_over import views as handing_over
from campaigns.inbox.handing_over.exporting import views as export_keys
from campaigns.inbox.holds import opted_out_views as opted_out
from campaigns.inbox.holds import settling_views as settling
from campaigns.inbox.unnamed import public as unnamed
from campaigns.leaving import public as leaving
from campaigns.members import invitation_views as invitation
from campaigns.members import organisation_name
from campaigns.members import organisation_views as organisation
from campaigns.members import set_up_views as set_up
from campaigns.members import views as members
from campaigns.members.forgotten import views as forgotten
from campaigns.members.forgotten.reset_kind import RESET_KIND
from campaigns.members.founding import is_founding, is_other_admin
from campaigns.members.proposed import kinds_of_members
from campaigns.messages import public as advice
from campaigns.messages import views as messages
from campaigns.own_phone import views as own_phone
from campaigns.places import api as places_api
from campaigns.places import proposed as places_proposed
from campaigns.places import views as places
from campaigns.planning import views as planning
from campaigns.planning.senders.connections import find_in_use
from campaigns.planning.uses import find_used
from campaigns.proposals import views as proposals
from campaigns.proposals.proposal_kinds import Kind
from campaigns.proposals.views import init_proposals
from campaigns.public_pages import proposed as public_pages_proposed
from campaigns.public_pages import views as public_pages
from campaigns.public_pages.publisher import find_publisher
from campaigns.reach import api as reach_api
from campaigns.reach import public as go
from campaigns.reach import views as reach
from campaigns.reach.outcomes import proposed as outcomes_proposed
from campaigns.reach.place_told import tell_place
from campaigns.reach.releases import api as releases_api
from campaigns.reach.releases import joint as joint_releases
from campaigns.reach.releases import public as reports
from campaigns.reach.releases import views as releases
from campaigns.reach.releases.readers import views as readers
from campaigns.reach.themes import views as themes
from campaigns.readiness.health import HealthLook
from campaigns.staff import token_views as tokens
from campaigns.staff import views as staff
from campaigns.staff.auth import init_auth, may_open
from campaigns.staff.event_notes import init_noting
from campaigns.staff.forms import SignInAgainForm, SignInForm
from campaigns.staff.shown_numbers import init_showing
from campaigns.staff.sign_in.password_checks import seal_password
from campaigns.staff.typed import views as typed
from campaigns.staff.views import account
from campaigns.web.address_ids import init_routing
from campaigns.web.api import description
from campaigns.web.current import init_current
from campaigns.web.error_pages import init_errors
from campaigns.web.error_words import init_sentences
from campaigns.web.filters import init_filters
from campaigns.web.guards.bodies import init_bodies
from campaigns.web.guards.headers import init_headers
from campaigns.web.guards.hosts import init_hosts
from campaigns.web.guards.json_bodies import init_json_bodies
from campaigns.web.locale import init_locale
from campaigns.web.navigation import init_navigation
from campaigns.web.packing import init_packing
from campaigns.web.people import layout as people
from campaigns.web.session import database, init_database
from campaigns.web.state_names import init_states

#: Pages of staff, in the order of the steps.
PAGES: tuple[Blueprint, ...] = (
    now.pages,
    begun.pages,
    proposals.pages,
    account,
    places.pages,
    audience.pages,
    directory.pages,
    messages.pages,
    planning.pages,
    delivery.pages,
    inbox.pages,
    automatic.pages,
    media.pages,
    conversations.pages,
    given.pages,
    duty.pages,
    escalation.pages,
    escalation_settings.pages,
    handing_over.pages,
    complaints.pages,
    export_keys.pages,
    teams.pages,
    settling.pages,
    opted_out.pages,
    erasing.pages,
    reach.pages,
    go.pages,
    themes.pages,
    releases.pages,
    readers.pages,
    reports.pages,
    staff.pages,
    typed.pages,
    public_pages.pages,
    members.pages,
    organisation.pages,
    set_up.pages,
    invitation.pages,
    forgotten.pages,
    example.pages,
    own_phone.pages,
    tokens.pages,
    description.pages,
)
#: Changes that take two members, of all steps.
KINDS: tuple[Kind, ...] = (
    *places_proposed.KINDS,
    *directory_proposed.SHOWN_KINDS,
    *outcomes_proposed.KINDS,
    *joint_releases.KINDS,
    *public_pages_proposed.KINDS,
    *organisation_name.KINDS,
)
#: Pages for people on the move: no script, no cookie, and a layout of their own.
PEOPLE: tuple[Blueprint, ...] = (
    people.pages,
    help_near.pages,
    advice.pages,
    from_us.pages,
    unnamed.pages,
    joining.pages,
    leaving.pages,
)
#: What partners' programs ask, with a token instead of a session.
APIS: tuple[Blueprint, ...] = (places_api.api, releases_api.api, reach_api.api)
#: What providers call: signed by them instead of carrying a form's token.
HOOKS: tuple[Blueprint, ...] = (replies.hooks,)


def create_app(settings: Settings, *, readers: Mapping[str, CallbackReader] | None = None) -> Flask:
    """Build the application; `readers` read what each gateway calls us with, by default as configured.

    Raises SettingsError when the secret key is missing.
    """
    if not settings.secret_key:
        raise SettingsError("Set FINGERPOST_SECRET_KEY; `fingerpost keys` prints one.")
    app = Flask(
        "campaigns",
        root_path=str(PROJECT_ROOT),
        static_folder="static",
        template_folder="templates",
    )
    _configure(app, settings)
    init_packing(app)
    readers = build_readers(settings) if readers is None else readers
    init_hosts(app, settings)
    people.init_people(app, settings, find_publisher=find_publisher, find_help=help_near.find_help)
    init_current(app, settings, readers)
    init_noting(app)
    init_database(app, settings)
    people.keep_apart(app)
    init_json_bodies(app)
    csrf = CSRFProtect(app)
    init_routing(app)
    init_locale(app)
    init_auth(app, settings, sign_in=SignInForm, again=SignInAgainForm)
    for begin in (init_errors, init_filters, init_sentences, init_showing, init_states, typed.init_typed):
        begin(app)
    init_navigation(app, may_open=may_open)
    _tell_of_later_steps(app, settings)
    init_headers(app, https=app.config["SESSION_COOKIE_SECURE"])
    with app.app_context():
        now.init_health(app, HealthLook(database.engine, settings))
    for blueprint in (*PAGES, *PEOPLE, *HOOKS, *APIS):
        app.register_blueprint(blueprint)
    _exempt(app, csrf)
    _put_door_before(app, readers, settings.signed_addresses)
    return app


def _exempt(app: Flask, csrf: CSRFProtect) -> None:
    """Ask for no form's token where there is no session, and of whoever signs out.

    Who leaves a computer to others does so by any page that is open, however old; from other sites no cookie
    comes along.
    """
    for unsigned in (*PEOPLE, *HOOKS, *APIS, app.view_functions["security.logout"]):
        csrf.exempt(unsigned)


def _tell_of_later_steps(app: Flask, settings: Settings) -> None:
    """Tell pages what only later steps know."""
    init_entry_points(app, find_senders=find_in_use)
    approver_wait = timedelta(hours=settings.approver_wait_hours)
    init_proposals(app, (*KINDS, *kinds_of_members(approver_wait=approver_wait, seal=seal_password), RESET_KIND))
    places.init_places(app, find_used=find_used, tell_place=tell_place)
    public_pages.init_public_pages(app, is_founding=is_founding, is_other_admin=is_other_admin)
    init_counts(app)
    init_alerts(app)


def _put_door_before(app: Flask, readers: Mapping[str, CallbackReader], addresses: Sequence[str]) -> None:
    with app.app_context():
        intake = ReceiptIntake(database.engine)
    door = StatusDoor(app.wsgi_app, readers=readers, addresses=addresses, intake=intake)
    app.wsgi_app = door  # type: ignore[method-assign]


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.public_url.startswith("https://"),
        # A text that took two hours to write must still be saved; the token lives as long as the session.
        WTF_CSRF_TIME_LIMIT=None,
        # It asks for the Referer that our own policy forbids; token and SameSite cookie remain.
        WTF_CSRF_SSL_STRICT=False,
        MAX_CONTENT_LENGTH=USUAL_BODY,
    )
    # First of all that is done with a request: others read its form.
    init_bodies(app, settings)
    app.jinja_env.globals["is_demo"] = settings.mode is Mode.DEMO
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
