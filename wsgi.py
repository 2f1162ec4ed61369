"""Another WSGI server loads `wsgi:application` from here, configured from the environment.

`fingerpost serve` needs none. A server that stands here must read bodies with a deadline before it takes a thread
for them, and it gives no sign that opt-outs can arrive: leave providers to `serve`, or set
`hooks_gone_after_seconds` to 0.
"""

from __future__ import annotations

from campaigns.app import create_app
from campaigns.core.errors import FingerpostError
from campaigns.core.logging import configure_logging
from campaigns.core.settings import load_settings
from campaigns.readiness.instance import open_instance

try:
    settings = load_settings()
    open_instance(settings)
except FingerpostError as error:
    raise SystemExit(f"fingerpost: {error}") from None
configure_logging(settings.log_level)
application = create_app(settings)
