"""The web server: the console, the public pages and the providers' callbacks, in processes of their own."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address

from granian import Granian
from granian.constants import Interfaces

from campaigns.core.errors import SettingsError
from campaigns.core.settings import PROJECT_ROOT, Settings

#: Threads of a process that answer callbacks and pages. A receipt holds one until its commit, so as many can be
#: written together; more than these were no faster.
WEB_THREADS = 64
#: A process that was told to end finishes its requests; after so many seconds it is killed.
KILL_SECONDS = 4
#: Between two looks whether the server answers, in seconds.
LOOK_EVERY = 0.1
#: The logger of the web server; what it says is masked and goes to standard error, as all of ours does.
_SERVER = "_granian"


def serve_pages(settings: Settings, processes: int, *, say: Callable[[str], None]) -> None:
    """Serve in so many processes until SIGTERM or Ctrl-C, and say where as soon as it answers.

    Raises SettingsError when the server cannot have its place.
    """
    address = find_place(settings.host, settings.port)
    # It advises against so many threads at each start; they are meant.
    logging.getLogger(_SERVER).addFilter(lambda record: "Python threads" not in record.getMessage())
    # A process for requests inherits what the parent does on SIGTERM, which is to note it. Told to end before it
    # has loaded the application and set what it does itself, it would go on for ever, and the parent wait for it.
    os.register_at_fork(after_in_child=_end_when_told)
    server = Granian(
        "wsgi:application",
        address=address,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=processes,
        workers_kill_timeout=KILL_SECONDS,
        blocking_threads=WEB_THREADS,
        working_dir=PROJECT_ROOT,
        websockets=False,
        log_level="warning",  # type: ignore[arg-type]
        log_dictconfig={"handlers": {}, "loggers": {_SERVER: {"propagate": True}}},
    )
    place = f"[{address}]" if ":" in address else address
    told = f"listening at http://{place}:{settings.port}"
    watcher = threading.Thread(target=_say_when_up, args=(address, settings.port, lambda: say(told)), daemon=True)
    server.on_startup(watcher.start)
    server.serve()


def find_place(host: str, port: int) -> str:
    """Return the address of `host` after trying it with `port`. Raises SettingsError when it cannot be had."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise SettingsError(f"host {host} is no name or address that this machine knows.") from None
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
        except OSError as error:
            raise SettingsError(why_not(error, host, port)) from None
    return str(place[0])


def why_not(error: OSError, host: str, port: int) -> str:
    """Return a sentence about a place that was refused."""
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is in use: something listens there already."
        case errno.EACCES:
            return f"this user may not open port {port}: set one above 1023, and let a proxy have the others."
        case errno.EADDRNOTAVAIL:
            return f"host {host} is no address of this machine."
    return f"nothing can listen at port {port} of {host}: {error.strerror}."


def _end_when_told() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Ctrl-C reaches the parent too, which tells this process to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _say_when_up(address: str, port: int, say: Callable[[], None]) -> None:
    """Say so once somebody answers; the daemon thread goes with its process."""
    pause, is_any = threading.Event(), ip_address(address).is_unspecified
    asked = address if not is_any else "::1" if ":" in address else "127.0.0.1"
    while not pause.wait(LOOK_EVERY):
        try:
            socket.create_connection((asked, port), 1).close()
        except OSError:
            continue
        say()
        return
