"""This file keeps an instance's keys where the environment does not: lines of NAME=value, its owner's alone.

`fingerpost keys` prints such lines, and systemd reads them as an EnvironmentFile.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from campaigns.core.errors import SettingsError

#: What the file may hold, as settings are called.
KEY_NAMES = ("secret_key", "encryption_keys", "lookup_key")
#: Stands in the file once a database knows the keys: without that database they open nothing.
USED = "# A database was set up with these keys."
_PREFIX = "FINGERPOST_"


def make_keys() -> dict[str, str]:
    """Return fresh keys by the names of their settings."""
    return {
        "secret_key": secrets.token_urlsafe(48),
        "encryption_keys": f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "lookup_key": base64.b64encode(secrets.token_bytes(32)).decode(),
    }


def written(keys: Mapping[str, str]) -> str:
    """Return keys as the lines of a keys file."""
    return "".join(f"{_PREFIX}{name.upper()}={value}\n" for name, value in keys.items())


def read_keys(path: Path) -> dict[str, str]:
    """Return the keys in a file by the names of their settings; none when there is no file.

    Raises SettingsError for a file that others may read, or that holds something else.
    """
    if not os.path.exists(path):
        return {}
    _refuse_open_file(path)
    found: dict[str, str] = {}
    for number, line in enumerate(_text_of(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, sign, value = line.partition("=")
        key = name.strip().removeprefix(_PREFIX).lower()
        if not sign or key not in KEY_NAMES:
            raise SettingsError(f"Line {number} of the keys file {path} is none of its three keys.")
        found[key] = value.strip().strip('"')
    return found


def is_used(path: Path) -> bool:
    """Say whether a database was set up with the keys in a file."""
    return os.path.exists(path) and USED in _text_of(path).splitlines()


def keep_keys(path: Path, keys: Mapping[str, str]) -> None:
    """Write keys to a new file that only its owner may read; it is on disk when this returns.

    Raises SettingsError when it cannot be written, or is there already.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(written(keys))
            file.flush()
            _flush(file.fileno(), path)
    except OSError as error:
        raise SettingsError(f"The keys cannot be kept in {path}: {error.strerror}.") from None


def mark_used(path: Path) -> None:
    """Note in a keys file that a database was set up with them. Raises SettingsError when it cannot be written."""
    if not os.path.exists(path) or is_used(path):
        return
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{USED}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SettingsError(f"The keys file {path} cannot be written: {error.strerror}.") from None


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"The keys file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"The keys file {path} is no text.") from None


def _refuse_open_file(path: Path) -> None:
    if path.is_dir():
        raise SettingsError(f"The keys file {path} is a folder.")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SettingsError(f"Others may read the keys file {path}: run `chmod 600 {path}`.")


def _flush(descriptor: int, path: Path) -> None:
    """Return when a new file and its name are on disk."""
    os.fsync(descriptor)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
