"""The web server: the console, the public pages and the providers' callbacks, in processes of their own."""

from __future__ import annotations

import logging

from granian import Granian
from granian.constants import Interfaces

from campaigns.core.settings import PROJECT_ROOT, Settings

#: Threads of a process that answer callbacks and pages. A receipt holds one until its commit, so as many can be
#: written together; more than these were no faster.
WEB_THREADS = 64
#: The logger of the web server; what it says is masked and goes to standard error, as all of ours does.
_SERVER = "_granian"


def serve_pages(settings: Settings, processes: int) -> None:
    """Serve in so many processes until SIGTERM or Ctrl-C."""
    # It advises against so many threads at each start; they are meant.
    logging.getLogger(_SERVER).addFilter(lambda record: "Python threads" not in record.getMessage())
    Granian(
        "wsgi:application",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=processes,
        blocking_threads=WEB_THREADS,
        working_dir=PROJECT_ROOT,
        websockets=False,
        log_level="warning",  # type: ignore[arg-type]
        log_dictconfig={"handlers": {}, "loggers": {_SERVER: {"propagate": True}}},
    ).serve()
