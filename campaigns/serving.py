"""The web server runs the console, and the answers to providers, each in processes of their own."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from ipaddress import ip_address

from campaigns.core.errors import SettingsError
from campaigns.core.processes.loading import loading
from campaigns.core.processes.seats import Seat, keep_seats
from campaigns.core.settings import Settings
from campaigns.members.set_up_code import digest_of

#: Processes that were told to end finish their requests; after this number of seconds they are killed.
KILL_SECONDS = 4.0
#: Between two looks whether the server answers, in seconds.
LOOK_EVERY = 0.1
#: Where a system without members is set up, and with which code.
SET_UP = "nobody is a member yet: open {} and enter the code {}"


def serve_pages(settings: Settings, processes: int, *, say: Callable[[str], None], set_up_code: str = "") -> None:
    """Serve in `processes` processes of each kind until SIGTERM or Ctrl-C, and say where as soon as they answer.

    One that dies is started again. With `set_up_code` the system has no member yet: where it is set up, and that
    code, is said too. Raises SettingsError when the server cannot have its places.
    """
    ports = {"console": settings.port} | ({"hooks": settings.hooks_port} if settings.hooks_port else {})
    host = settings.host
    for port in ports.values():
        host = find_place(settings.host, port)
    code = digest_of(set_up_code) if set_up_code else ""
    seats = [
        Seat(f"{part} {number}", _attend, settings, part, host, port, code)
        for part, port in ports.items()
        for number in range(1, processes + 1)
    ]
    told = {settings.port: "listening at {}", settings.hooks_port: "listening for providers at {}"}
    places = {port: told[port].format(_address(host, port)) for port in ports.values()}
    if set_up_code:
        places[settings.port] += f"\n{SET_UP.format(f'{find_console(settings, host)}/set-up', set_up_code)}"
    threading.Thread(target=_say_when_up, args=(host, places, say), daemon=True).start()
    keep_seats(seats, end_seconds=KILL_SECONDS)


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


def find_console(settings: Settings, host: str) -> str:
    """Return an address at which a browser finds the console that listens at `host`, a number.

    That is the public one where a proxy with TLS stands before it: a browser sends no cookie back without.
    """
    if settings.public_url.startswith("https:"):
        return settings.public_url.rstrip("/")
    return _address(_reached(host), settings.port)


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


def _attend(settings: Settings, part: str, host: str, port: int, code: str) -> None:
    """Be one of the processes."""
    with loading():
        from campaigns.attending import Part, attend

    attend(settings, Part(part), host, port, set_up_code=code)


def _say_when_up(host: str, places: dict[int, str], say: Callable[[str], None]) -> None:
    """Say of each port once somebody answers there; the daemon thread goes with its process."""
    pause, asked = threading.Event(), _reached(host)
    for port, sentence in places.items():
        while not pause.wait(LOOK_EVERY):
            try:
                socket.create_connection((asked, port), 1).close()
            except OSError:
                continue
            say(sentence)
            break


def _reached(host: str) -> str:
    """Return a number of this machine at which what listens at `host` is reached: nothing is at 0.0.0.0 itself."""
    if not ip_address(host).is_unspecified:
        return host
    return "::1" if ":" in host else "127.0.0.1"


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
