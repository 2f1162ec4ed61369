"""What a WSGI server loads: `wsgi:application`, configured from the environment."""

from __future__ import annotations

from campaigns.app import create_app
from campaigns.core.errors import FingerpostError
from campaigns.core.logging import configure_logging
from campaigns.core.settings import load_settings
from campaigns.instance import open_instance

try:
    settings = load_settings()
    open_instance(settings)
except FingerpostError as error:
    raise SystemExit(f"fingerpost: {error}") from None
configure_logging(settings.log_level)
application = create_app(settings)
