"""A pure function checks, before anything is opened, whether settings make sense as values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from urllib.parse import urlsplit

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from campaigns.core.errors import SettingsError
from campaigns.core.mail.smtp import make_mailer
from campaigns.core.settings import PREFIX, Mode, Settings
from campaigns.gateways.factory import is_loopback
from campaigns.gateways.kinds import GROUP

#: Characters that a secret key has at least; `fingerpost keys` makes 64.
SHORTEST_SECRET = 32
#: Whoever answers providers is not missed sooner, in seconds.
SHORTEST_GONE_AFTER = 10
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
#: What a database's address may begin with; each is the only driver that we have.
DRIVERS = ("sqlite", "postgresql+psycopg")
#: The least and the most that a number may be; None for no bound.
LIMITS: dict[str, tuple[int, int | None]] = {
    "port": (1, 65535),
    "hooks_port": (0, 65535),
    "trusted_proxies": (0, 10),
    "send_window": (1, 4096),
    "clock_tick_seconds": (1, 60),
    "worker_gone_after_seconds": (5, 3600),
    "hooks_gone_after_seconds": (0, 86400),
    "reap_after_seconds": (1, None),
    "reconcile_grace_seconds": (0, None),
    "reconcile_interval_seconds": (1, None),
    "unconfirmed_after_seconds": (1, None),
    "service_max_age_days": (1, None),
    "approver_wait_hours": (0, None),
    "cap_messages": (0, None),
    "cap_days": (1, 3650),
    "silence_days": (1, 3650),
    "silence_answer_days": (1, 3650),
    "canary_people": (0, None),
    "canary_wait_seconds": (0, None),
    "canary_failure_percent": (0, 100),
    "canary_opt_out_percent": (0, 100),
    "approval_valid_days": (1, 3650),
    "duty_from": (0, 24),
    "duty_until": (0, 24),
    "default_max_parts": (1, 10),
    "leave_codes_cents_a_day": (0, None),
    "import_max_rows": (1, None),
    "import_max_megabytes": (1, None),
    "media_max_megabytes": (1, None),
    "media_kept_days": (1, 3650),
}


def check_settings(settings: Settings) -> None:
    """Raise SettingsError with one sentence about the first value that cannot be meant."""
    for sentence in _wrong(settings):
        raise SettingsError(sentence)
    make_mailer(settings.smtp_url)


def check_keys(settings: Settings) -> None:
    """Raise SettingsError when a key is missing, malformed, easily guessed, or the same as another."""
    missing = [name for name in ("secret_key", "encryption_keys", "lookup_key") if not getattr(settings, name)]
    if len(missing) == 3:
        raise SettingsError(_no_keys(settings))
    if missing:
        raise SettingsError(f"{missing[0]} is not set: set {PREFIX}{missing[0].upper()}.")
    vault = settings.vault()
    if len(settings.secret_key) < SHORTEST_SECRET or len(set(settings.secret_key)) == 1:
        raise SettingsError(f"secret_key can be guessed: it must have {SHORTEST_SECRET} characters by chance.")
    named = {f"encryption key {version}": key for version, key in vault.keys.items()}
    seen: dict[bytes, str] = {}
    for name, key in {**named, "lookup_key": vault.lookup_key}.items():
        if not any(key):
            raise SettingsError(f"The {name} is nothing but zeros.")
        if key in seen:
            raise SettingsError(f"The {name} and the {seen[key]} are the same: each must be one of its own.")
        seen[key] = name


def _no_keys(settings: Settings) -> str:
    """Say how a new instance comes to keys; fresh ones would open nothing of one that was set up before."""
    if settings.keys_path is None:
        begins = "No keys are set: `fingerpost keys` prints some for a new instance"
    else:
        begins = f"No keys are set or in {settings.keys_path}: `fingerpost setup` makes them for a new instance"
    return f"{begins}, and one that was set up before needs its own."


def _wrong(settings: Settings) -> Iterator[str]:
    """Yield a sentence about each value that cannot be meant."""
    yield from _wrong_numbers(settings)
    if settings.log_level not in LEVELS:
        yield f"log_level cannot be {settings.log_level!r}: it is one of {', '.join(LEVELS)}."
    yield from _wrong_database(settings.database_url)
    yield from _wrong_addresses(settings)
    yield from _wrong_hosts(settings.trusted_hosts)
    if not is_loopback(settings.sandbox_url):
        yield f"sandbox_url {settings.sandbox_url!r} is not on this machine: a rehearsal must not leave it."
    yield from _wrong_credentials(settings)
    yield from _wrong_owners(settings)
    yield from _wrong_origins(settings)


def _wrong_numbers(settings: Settings) -> Iterator[str]:
    for name, (least, most) in LIMITS.items():
        value = getattr(settings, name)
        if value < least or (most is not None and value > most):
            until = f"at least {least}" if most is None else f"between {least} and {most}"
            yield f"{name} cannot be {value}: it must be {until}."


def _wrong_database(address: str) -> Iterator[str]:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        yield "database_url is sqlite:////folder/file.db or postgresql+psycopg://user:password@host/name."
        return
    if url.drivername not in DRIVERS:
        instead = (
            "postgresql+psycopg://" if url.drivername.startswith("postgres") else "sqlite:// or postgresql://"
        )
        yield f"database_url cannot begin with {url.drivername}://, write {instead}"
    elif url.drivername == "sqlite" and url.database in (None, "", ":memory:"):
        yield "database_url names no file: what is kept in memory only is gone with its process."


def _wrong_addresses(settings: Settings) -> Iterator[str]:
    yield from _wrong_address(settings, "public_url", settings.public_url)
    for name, address in (("hooks_url", settings.hooks_url), ("people_url", settings.people_url)):
        if address:
            yield from _wrong_address(settings, name, address)
    least = SHORTEST_GONE_AFTER
    if 0 < settings.hooks_gone_after_seconds < least:
        yield f"hooks_gone_after_seconds must be 0 or at least {least}: signs of life come every few seconds."
    if settings.hooks_port == settings.port:
        yield f"hooks_port cannot be {settings.hooks_port}, the port of the console; 0 is for no port of its own."


def _wrong_address(settings: Settings, name: str, address: str) -> Iterator[str]:
    try:
        url = urlsplit(address)
        is_whole = bool(url.hostname) and not url.query and not url.fragment and url.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or url.scheme not in ("http", "https"):
        yield f"{name} cannot be {address!r}: it is the whole address, https://host."
    elif settings.mode is Mode.LIVE and url.scheme != "https" and not _is_only_here(settings, address):
        yield f"{name} {address} must begin with https:// in a live instance."


def _is_only_here(settings: Settings, address: str) -> bool:
    """Say whether nothing can be sent to people, and nobody elsewhere is asked: a first look needs no TLS."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return not settings.secrets and is_loopback(address) and is_loopback(f"http://{host}")


def _wrong_hosts(names: str) -> Iterator[str]:
    for name in names.split():
        if not re.fullmatch(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:]+", name):
            yield f"trusted_hosts cannot have {name!r}: it is names or numbers of hosts, with spaces between."


def _wrong_credentials(settings: Settings) -> Iterator[str]:
    """Their values are never told."""
    for name, credential in sorted(settings.secrets.items()):
        account, colon, token = credential.partition(":")
        if not (account and colon and token):
            yield f"{PREFIX}SECRET_{name} is not account:token; no sender with {name.lower()} could be opened."
        elif not re.fullmatch(r"[A-Z0-9_]+", name):
            yield f"{PREFIX}SECRET_{name} has a name that no sender can have: it is of capitals, digits and _."


def _wrong_owners(settings: Settings) -> Iterator[str]:
    """Whether there is an organisation of each name is known to the database alone: /health tells."""
    for name, slugs in sorted(settings.owners.items()):
        if name not in settings.secrets:
            yield f"{PREFIX}OWNERS_{name} has no credential: there is no {PREFIX}SECRET_{name}."
        elif not slugs.split():
            yield f"{PREFIX}OWNERS_{name} names nobody: it is short names of organisations, with spaces between."


def _wrong_origins(settings: Settings) -> Iterator[str]:
    known = {point.name.upper() for point in entry_points(group=GROUP)}
    for name, origin in sorted(settings.origins.items()):
        if name not in known:
            yield f"{PREFIX}ORIGIN_{name} names no gateway: there are {', '.join(sorted(known))}."
        elif urlsplit(origin).scheme != "https" or not urlsplit(origin).hostname:
            yield f"{PREFIX}ORIGIN_{name} cannot be {origin!r}: it begins with https://."
