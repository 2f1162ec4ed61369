"""A pure check lets a link lead only to a page on a host that the organisation lists."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import SplitResult, urlsplit, urlunsplit

from campaigns.core.errors import InputError
from campaigns.core.words import N_

#: Name of the Kind (reach.outcomes.proposed) that leads a campaign's counted address elsewhere.
LINK_TARGET = "link_target"
#: Characters of the address of a page.
LONGEST_TARGET = 400
LONGEST_HOST = 253
NO_PAGE = N_("A link is the full address of a page and begins with https://.")
NO_HOST = N_("“%(host)s” is no name of a host such as help.example.org.")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
#: Names with letters in their last part: an address in digits, in whichever notation, has none there.
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?!0x)[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])")
#: Names that mean the reader's own device or network.
_OWN = frozenset({"localhost", "local", "internal", "lan", "home", "arpa", "localdomain"})


def check_address(text: str) -> SplitResult:
    """Return the parts of a link, its host in the letters that the net knows: what looks like others shows.

    Raises InputError for what is no https address of a named host, or names a user, or holds a character that is
    not to be seen.
    """
    address = text.strip()
    if not address.isprintable() or " " in address or "\\" in address:
        raise InputError(NO_PAGE)
    try:
        parts = urlsplit(address)
        port, host = parts.port, check_host(parts.hostname or "")
    except (ValueError, InputError):
        raise InputError(NO_PAGE) from None
    if parts.scheme != "https" or "@" in parts.netloc:
        raise InputError(NO_PAGE)
    return parts._replace(netloc=host if port is None else f"{host}:{port}")


def check_host(text: str) -> str:
    """Return the name of a host in the letters that the net knows ("xn--…" for others). Raises InputError."""
    try:
        host = text.strip().casefold().encode("idna").decode()
    except UnicodeError:
        raise InputError(NO_HOST, host=text.strip()[:LONGEST_HOST]) from None
    is_own = host.rpartition(".")[2] in _OWN
    if len(host) > LONGEST_HOST or not _HOST.fullmatch(host) or is_own:
        raise InputError(NO_HOST, host=text.strip()[:LONGEST_HOST])
    return host


def check_target(text: str, hosts: Collection[str]) -> str:
    """Return where a counted address may lead. Raises InputError for what is no page on one of these hosts."""
    parts = check_address(text)
    target = urlunsplit(parts)
    if len(target) > LONGEST_TARGET:
        raise InputError(N_("A link has at most %(limit)s characters."), limit=LONGEST_TARGET)
    if parts.path.startswith("/go/"):
        raise InputError(N_("A link with a counter cannot lead to a link with a counter."))
    # A port makes it another server, which no name of a host lists.
    if parts.netloc not in hosts:
        raise InputError(
            N_("Links may lead to no page of %(host)s. Two administrators can add it."), host=parts.netloc
        )
    return target


def may_lead(target: str, hosts: Collection[str]) -> bool:
    """Say whether a stored target may be led to: it is none that was taken away, nor one that is not listed."""
    try:
        return bool(target) and check_target(target, hosts) == target
    except InputError:
        return False
