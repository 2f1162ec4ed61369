"""The web application: one of the few places that know every step."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from flask import Flask
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from campaigns.core.errors import SettingsError
from campaigns.core.settings import PROJECT_ROOT, Mode, Settings
from campaigns.gateways.base import CallbackReader
from campaigns.gateways.factory import build_callback_reader
from campaigns.staff.auth import init_auth, may_open
from campaigns.staff.forms import SignInAgainForm, SignInForm
from campaigns.web.current import init_current
from campaigns.web.errors import init_errors
from campaigns.web.filters import init_filters
from campaigns.web.headers import init_headers
from campaigns.web.locale import init_locale
from campaigns.web.navigation import init_navigation
from campaigns.web.session import init_database
from campaigns.web.states import init_states

#: Staff pages and, behind them, what providers call: blueprints by module and name.
PAGES = (
    "campaigns.now:pages",
    "campaigns.staff.views:pages",
    "campaigns.staff.views:account",
    "campaigns.places.views:pages",
    "campaigns.audience.views:pages",
    "campaigns.messages.views:pages",
    "campaigns.planning.views:pages",
    "campaigns.delivery.views:pages",
    "campaigns.inbox.views:pages",
    "campaigns.reach.views:pages",
)
#: Signed by the provider instead of carrying a form's token.
HOOKS = (
    "campaigns.delivery.webhooks:hooks",
    "campaigns.inbox.public:hooks",
)
#: Name of the credential that signs callbacks.
CALLBACK_SECRET = "twilio"  # noqa: S105 - a name, not a secret


def create_app(settings: Settings, *, callbacks: CallbackReader | None = None) -> Flask:
    """Build the application; `callbacks` reads what a provider calls us with, by default as configured.

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
    init_current(app, settings, callbacks or _callbacks(settings))
    init_database(app, settings)
    csrf = CSRFProtect(app)
    init_locale(app)
    init_auth(app, settings, sign_in=SignInForm, again=SignInAgainForm)
    init_errors(app)
    init_filters(app)
    init_states(app)
    init_navigation(app, may_open=may_open)
    init_headers(app, https=app.config["SESSION_COOKIE_SECURE"])
    for place in PAGES:
        _register(app, place)
    for place in HOOKS:
        hooks = _register(app, place)
        if hooks is not None:
            csrf.exempt(hooks)
    return app


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
        MAX_CONTENT_LENGTH=settings.import_max_megabytes * 1024 * 1024,
    )
    app.jinja_env.globals["is_demo"] = settings.mode is Mode.DEMO
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def _callbacks(settings: Settings) -> CallbackReader | None:
    # An instance without a credential yet has pages to set it up; its hooks answer 503.
    if CALLBACK_SECRET.upper() not in settings.secrets:
        return None
    return build_callback_reader("twilio", settings=settings, secret_name=CALLBACK_SECRET)


def _register(app: Flask, place: str) -> Any:
    module, _, name = place.partition(":")
    if find_spec(module) is None:
        return None
    blueprint = getattr(import_module(module), name)
    app.register_blueprint(blueprint)
    return blueprint
