"""What a WSGI server loads: `wsgi:application`, configured from the environment."""

from __future__ import annotations

from campaigns.app import create_app
from campaigns.core.logging import configure_logging
from campaigns.core.settings import load_settings

settings = load_settings()
configure_logging(settings.log_level)
application = create_app(settings)
