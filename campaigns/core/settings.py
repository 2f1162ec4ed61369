"""The settings of one instance come from a TOML file in `config/`; FINGERPOST_… variables replace each value.

Keys may stand in a file of their own; where that is, is a setting. The environment wins over every file.
"""

from __future__ import annotations

import base64
import hmac
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from campaigns.core.errors import SettingsError
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.keys_file import KEY_NAMES, read_keys
from campaigns.core.processes import crash

#: The checkout or unpacked source that holds config/, templates/, translations/, static/ and migrations/.
PROJECT_ROOT = Path(__file__).resolve().parents[2]
DEFAULT_FILE = PROJECT_ROOT / "config" / "default.toml"
PREFIX = "FINGERPOST_"
#: What may follow the prefix beside the name of a setting, and how families of names begin.
_VARIABLES = ("CONFIG", crash.VARIABLE.removeprefix(PREFIX))
_FAMILIES = ("SECRET_", "OWNERS_", "ORIGIN_")
#: Settings that are families of variables.
_NAMED = ("secrets", "owners", "origins")
#: Doors of an instance's own sandbox beside those of the providers: who sets it up, and who looks at its phones.
CONTROL_DOOR, PHONES_DOOR = "control", "phones"
#: How addresses begin that other programs write for PostgreSQL, and SQLAlchemy's name of the one driver we have.
_POSTGRES, _PSYCOPG = "postgresql://", "postgresql+psycopg://"


class Mode(StrEnum):
    """What an instance may reach: real people, or only the sandbox on this machine."""

    DEMO = "demo"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting; `config/default.toml` explains each one and gives its default."""

    mode: Mode
    database_url: str
    state_folder: str
    public_url: str
    trusted_hosts: str
    hooks_url: str
    people_url: str
    host: str
    port: int
    hooks_port: int
    trusted_proxies: int
    secret_key: str
    encryption_keys: str
    lookup_key: str
    keys_file: str
    sandbox_url: str
    starts_sandbox: bool
    log_level: str
    send_window: int
    clock_tick_seconds: int
    worker_gone_after_seconds: int
    hooks_gone_after_seconds: int
    reap_after_seconds: int
    reconcile_grace_seconds: int
    reconcile_interval_seconds: int
    unconfirmed_after_seconds: int
    service_max_age_days: int
    approver_wait_hours: int
    cap_messages: int
    cap_days: int
    silence_days: int
    silence_answer_days: int
    canary_people: int
    canary_wait_seconds: int
    canary_failure_percent: int
    canary_opt_out_percent: int
    approval_valid_days: int
    quiet_hours: bool
    duty_from: int
    duty_until: int
    default_max_parts: int
    leave_codes_cents_a_day: int
    import_max_rows: int
    import_max_megabytes: int
    media_max_megabytes: int
    media_kept_days: int
    smtp_url: str
    mail_from: str
    #: Credentials by the name a Sender gives: FINGERPOST_SECRET_<NAME> = "account:token".
    secrets: Mapping[str, str]
    #: Short names of the organisations that own a credential: FINGERPOST_OWNERS_<NAME> = "corridor harbour".
    owners: Mapping[str, str]
    #: Where a gateway's API is, if not at its provider: FINGERPOST_ORIGIN_<GATEWAY> = "https://host".
    origins: Mapping[str, str]

    @property
    def keeps_quiet(self) -> bool:
        """Whether runs wait for the end of quiet hours; a live instance always does."""
        return self.quiet_hours or self.mode is Mode.LIVE

    @property
    def hooks_address(self) -> str:
        """What the addresses begin with that providers post to."""
        return (self.hooks_url or self.public_url).rstrip("/")

    @property
    def people_address(self) -> str:
        """What the addresses of pages for everybody begin with."""
        return (self.people_url or self.public_url).rstrip("/")

    @property
    def signed_addresses(self) -> tuple[str, ...]:
        """What an address that a provider signs may begin with.

        The console's as well: until somebody has changed at the provider where it posts to, stops come there.
        """
        return tuple(dict.fromkeys((self.hooks_address, self.public_url.rstrip("/"))))

    @property
    def state_path(self) -> Path:
        """Folder of what a machine keeps apart from the database; a relative one begins where the program is."""
        return PROJECT_ROOT / self.state_folder

    @property
    def keys_path(self) -> Path | None:
        """Where keys are kept that no variable holds: by default beside the SQLite file; None for nowhere."""
        return _keys_path(self.keys_file, self.database_url)

    def vault(self) -> Vault:
        """Return the vault made of the configured keys. Raises SettingsError when one is missing or malformed."""
        keys: dict[int, bytes] = {}
        for pair in self.encryption_keys.split():
            version, _, key = pair.partition(":")
            if not version.isdecimal():
                raise SettingsError("encryption_keys is a list of version:key, for example 1:BASE64.")
            if int(version) in keys:
                raise SettingsError(f"encryption_keys has version {int(version)} twice.")
            keys[int(version)] = _decoded("encryption_keys", key)
        return Vault(keys=keys, lookup_key=_decoded("lookup_key", self.lookup_key))

    def secret(self, name: str) -> tuple[str, str]:
        """Return the account and token of the credential `name`. Raises SettingsError when it is not set."""
        account, colon, token = self.secrets.get(name.upper(), "").partition(":")
        if not colon or not account or not token:
            raise SettingsError(f"Set {PREFIX}SECRET_{name.upper()} to account:token.")
        return account, token

    def sandbox_token(self, door: str = "") -> str:
        """Return the token that opens this instance's own sandbox, or a `door` of it; nobody else can guess it."""
        return hmac.new(self.secret_key.encode(), f"sandbox{door}".encode(), "sha256").hexdigest()[:32]

    def phones_url(self) -> str:
        """Return the address of the page with the phones of this instance's own sandbox, with what opens it."""
        return f"{self.sandbox_url}/?key={self.sandbox_token(PHONES_DOOR)}"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the file that FINGERPOST_CONFIG names (else the default one) and apply the environment over it.

    Relative paths are meant from PROJECT_ROOT, whichever folder a command is started in: a second, empty database
    would know of nobody who said stop. Raises SettingsError for a file that cannot be read, an unknown setting or
    variable, or a value of the wrong kind; whether the values make sense is another question (`check_settings`).
    """
    environ = os.environ if environ is None else environ
    values = _read(DEFAULT_FILE)
    own_file = environ.get(f"{PREFIX}CONFIG")
    if own_file:
        values |= _read(PROJECT_ROOT / own_file)
    names = {field.name: str(field.type) for field in fields(Settings) if field.name not in _NAMED}
    for unknown in sorted(set(values) - set(names)):
        raise SettingsError(f"Unknown setting: {unknown}{_meant(unknown, names, '{}')}.")
    _refuse_unknown_variables(environ, names)
    values |= {name: environ[PREFIX + name.upper()] for name in names if PREFIX + name.upper() in environ}
    values["database_url"] = _anchored(str(values["database_url"]))
    path = _keys_path(str(values["keys_file"]), values["database_url"])
    kept = read_keys(path) if path else {}
    values |= {name: kept[name] for name in KEY_NAMES if name in kept and not values[name]}
    secrets = _named(environ, f"{PREFIX}SECRET_")
    secrets.pop("KEY", None)
    return Settings(
        secrets=secrets,
        owners=_named(environ, f"{PREFIX}OWNERS_"),
        origins=_named(environ, f"{PREFIX}ORIGIN_"),
        **{name: _typed(name, kind, values) for name, kind in names.items()},
    )


def _refuse_unknown_variables(environ: Mapping[str, str], names: Mapping[str, str]) -> None:
    known = {name.upper() for name in names} | set(_VARIABLES)
    for variable in sorted(environ):
        word = variable.removeprefix(PREFIX)
        if word != variable and word not in known and not any(map(word.startswith, _FAMILIES)):
            raise SettingsError(f"Unknown variable: {variable}{_meant(word, known, PREFIX + '{}')}.")


def _meant(word: str, known: Iterable[str], form: str) -> str:
    close = get_close_matches(word, sorted(known), 1)
    return f" (did you mean {form.format(close[0])}?)" if close else ""


def _anchored(address: str) -> str:
    """Return a database address with its driver named and its file found from PROJECT_ROOT."""
    if address.startswith(_POSTGRES):
        return _PSYCOPG + address.removeprefix(_POSTGRES)
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # Not one at all, of which the check of all values tells.
        return address
    file = url.database or ""
    if url.get_backend_name() != "sqlite" or file in ("", ":memory:") or file.startswith("file:"):
        return address
    return url.set(database=str(PROJECT_ROOT / file)).render_as_string(hide_password=False)


def _keys_path(keys_file: str, database_url: str) -> Path | None:
    if keys_file:
        return PROJECT_ROOT / keys_file
    if not database_url.startswith("sqlite:////"):
        return None
    return Path(make_url(database_url).database or "").with_suffix(".keys")


def _named(environ: Mapping[str, str], marker: str) -> dict[str, str]:
    return {key.removeprefix(marker): value for key, value in environ.items() if key.startswith(marker)}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"There is no settings file {path}.") from None
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not valid TOML: it is no text in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None


def _typed(name: str, kind: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise SettingsError(f"The setting {name} is missing.")
    value = values[name]
    try:
        if kind == "int":
            return int(str(value))
        if kind == "bool":
            return {"true": True, "false": False}[str(value).lower()]
        return Mode(value) if kind == "Mode" else str(value)
    except (KeyError, ValueError):
        raise SettingsError(f"The setting {name} cannot be {value!r}.") from None


def _decoded(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise SettingsError(f"{name} is not base64.") from None
