"""What an operator may get wrong is told in one sentence by setup, serve and worker alike; nothing is opened."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from campaigns.core.errors import SettingsError
from campaigns.core.keys.keys_file import read_keys
from campaigns.core.settings import Settings, load_settings
from campaigns.delivery.engine.cluster import SHORTEST_GONE_AFTER
from campaigns.readiness.settings_checks import LIMITS, check_keys, check_settings
from tests.starting import COMMANDS, run_commands, without_settings
from tests.web.pages import KEYS

SIXTEEN, ZEROS = base64.b64encode(b"k" * 16).decode(), base64.b64encode(bytes(32)).decode()
RIGHT = KEYS["FINGERPOST_ENCRYPTION_KEYS"].removeprefix("1:")
#: Settings by name and what is said of them. Values of keys and credentials are never told.
WRONG: list[tuple[dict[str, str], str]] = [
    ({"encryption_keys": f"1:{SIXTEEN}"}, "The encryption key 1 has 16 bytes: it must have 32 bytes."),
    ({"lookup_key": "no base64!"}, "lookup_key is not base64."),
    ({"encryption_keys": RIGHT}, "encryption_keys is a list of version:key, for example 1:BASE64."),
    ({"encryption_keys": f"1:{RIGHT} 1:{RIGHT}"}, "encryption_keys has version 1 twice."),
    ({"encryption_keys": f"300:{RIGHT}"}, "Key versions run from 1 to 255."),
    ({"encryption_keys": f"1:{ZEROS}"}, "The encryption key 1 is nothing but zeros."),
    ({"lookup_key": RIGHT}, "The lookup_key and the encryption key 1 are the same: each must be one of its own."),
    ({"encryption_keys": "", "lookup_key": "", "secret_key": ""}, "No keys are set"),
    ({"secret_key": ""}, "secret_key is not set: set FINGERPOST_SECRET_KEY."),
    ({"lookup_key": ""}, "lookup_key is not set: set FINGERPOST_LOOKUP_KEY."),
    ({"secret_key": "x"}, "secret_key can be guessed: it must have 32 characters by chance."),
    ({"secret_key": "x" * 40}, "secret_key can be guessed: it must have 32 characters by chance."),
    ({"database_url": "garbage"}, "database_url is sqlite:////folder/file.db or postgresql+psycopg://"),
    (
        {"database_url": "postgres://u:p@h/n"},
        "database_url cannot begin with postgres://, write postgresql+psycopg",
    ),
    ({"database_url": "postgresql+asyncpg://u:p@h/n"}, "database_url cannot begin with postgresql+asyncpg://"),
    (
        {"database_url": "mysql://u:p@h/n"},
        "database_url cannot begin with mysql://, write sqlite:// or postgresql",
    ),
    ({"database_url": "sqlite://"}, "database_url names no file: what is kept in memory only is gone with its"),
    ({"database_url": "postgresql+psycopg://u@127.0.0.1:9/n"}, "The database does not answer: connection"),
    ({"database_url": "postgresql://u@127.0.0.1:9/n"}, "The database does not answer: connection"),
    ({"sendwindow": "12"}, "Unknown variable: FINGERPOST_SENDWINDOW (did you mean FINGERPOST_SEND_WINDOW?)."),
    ({"send_window": "0"}, "send_window cannot be 0: it must be between 1 and 4096."),
    ({"send_window": "many"}, "The setting send_window cannot be 'many'."),
    ({"trusted_proxies": "-1"}, "trusted_proxies cannot be -1: it must be between 0 and 10."),
    ({"port": "70000"}, "port cannot be 70000: it must be between 1 and 65535."),
    ({"log_level": "LOUD"}, "log_level cannot be 'LOUD': it is one of DEBUG, INFO, WARNING, ERROR."),
    ({"mode": "test"}, "The setting mode cannot be 'test'."),
    (
        {"public_url": "http://a.example"},
        "public_url http://a.example must begin with https:// in a live instance.",
    ),
    (
        {"hooks_url": "http://a.example"},
        "hooks_url http://a.example must begin with https:// in a live instance.",
    ),
    ({"people_url": "a.example"}, "people_url cannot be 'a.example': it is the whole address, https://host."),
    ({"hooks_port": "8000"}, "hooks_port cannot be 8000, the port of the console; 0 is for no port of its own."),
    (
        {"hooks_gone_after_seconds": "5"},
        "hooks_gone_after_seconds must be 0 or at least 10: signs of life come every few seconds.",
    ),
    ({"public_url": "a.example"}, "public_url cannot be 'a.example': it is the whole address, https://host."),
    ({"public_url": ""}, "public_url cannot be '': it is the whole address, https://host."),
    (
        {"secret_twilio": "ACtoken"},
        "FINGERPOST_SECRET_TWILIO is not account:token; no sender with twilio could be",
    ),
    (
        {"secret_twilio": ""},
        "FINGERPOST_SECRET_TWILIO is not account:token; no sender with twilio could be opened.",
    ),
    ({"smtp_url": "mail.example"}, "smtp_url is smtps://user:password@host or smtp://user:password@host."),
    (
        {"sandbox_url": "https://a.example", "mode": "demo"},
        "sandbox_url 'https://a.example' is not on this machine",
    ),
    ({"origin_twilo": "https://a.example"}, "FINGERPOST_ORIGIN_TWILO names no gateway: there are AFRICASTALKING"),
    (
        {"origin_twilio": "http://a.example"},
        "FINGERPOST_ORIGIN_TWILIO cannot be 'http://a.example': it begins with",
    ),
    ({"config": "/nowhere.toml"}, "There is no settings file /nowhere.toml."),
]

#: Each command tells a third of them, and all tell one in five; with --whole all tell each.
TOLD = [
    *((COMMANDS if at % 5 == 0 else (COMMANDS[at % 3],), *case) for at, case in enumerate(WRONG)),
    *(pytest.param(COMMANDS, *case, marks=pytest.mark.long) for at, case in enumerate(WRONG) if at % 5),
]


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """Return the variables of a live instance in a folder, with some changes."""
    right = {"database_url": f"sqlite:///{folder / 'one.db'}", "public_url": "https://console.example"}
    return KEYS | {f"FINGERPOST_{name.upper()}": value for name, value in {**right, **changes}.items()}


@pytest.mark.parametrize(
    ("commands", "changes", "sentence"), TOLD, ids=lambda value: "" if isinstance(value, str) else ",".join(value)
)
def test_wrong_setting_is_told_alike(
    tmp_path: Path, commands: tuple[str, ...], changes: dict[str, str], sentence: str
) -> None:
    if sentence == "No keys are set":
        # Setup and serve make some.
        commands = ("worker",)
    for command, answer in run_commands(*commands, environ=environment(tmp_path, **changes)).items():
        assert (answer.code, answer.out) == (2, ""), command
        assert answer.err.startswith(f"fingerpost: {sentence}"), command
        assert answer.err.count("\n") == 1, command
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_program_that_was_just_loaded_tells_it(tmp_path: Path, command: str) -> None:
    """The other commands of these tests are forked from one that has loaded it."""
    answer = subprocess.run(
        [sys.executable, "-m", "campaigns.cli", command],
        env=without_settings() | environment(tmp_path, port="70000"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "fingerpost: port cannot be 70000: it must be between 1 and 65535.\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"sendwindow = 3", "Unknown setting: sendwindow (did you mean send_window?)."),
        (b"send_window = ", "is not valid TOML"),
        (b"\xff", "is not valid TOML: it is no text in UTF-8."),
        (b"send_window = 1.5", "The setting send_window cannot be 1.5."),
    ],
)
def test_wrong_file_is_told_alike(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "own.toml"
    file.write_bytes(content)
    for answer in run_commands(*COMMANDS, environ=environment(tmp_path, config=str(file))).values():
        assert (answer.code, answer.err.count("\n")) == (2, 1)
        assert sentence in answer.err


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environment(tmp_path))


def test_right_settings_pass(settings: Settings) -> None:
    check_settings(settings)
    check_keys(settings)


@pytest.mark.parametrize("name", LIMITS)
def test_numbers_have_bounds(settings: Settings, name: str) -> None:
    least, most = LIMITS[name]
    for value in (least - 1, *(() if most is None else (most + 1,))):
        with pytest.raises(SettingsError, match=name):
            check_settings(changed(settings, {name: value}))
    check_settings(changed(settings, {name: least}))


def changed(settings: Settings, numbers: dict[str, Any]) -> Settings:
    return replace(settings, **numbers)


def test_every_number_has_bounds() -> None:
    assert {field for field, kind in Settings.__annotations__.items() if kind == "int"} == set(LIMITS)


def test_worker_starts_with_whatever_passes() -> None:
    assert LIMITS["worker_gone_after_seconds"][0] == SHORTEST_GONE_AFTER


def test_credentials_are_not_told(settings: Settings) -> None:
    with pytest.raises(SettingsError) as told:
        check_settings(replace(settings, secrets={"TWILIO": "AChidden"}))
    assert "hidden" not in str(told.value)


def test_relative_path_is_meant_from_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = []
    for folder in (tmp_path, tmp_path.parent):
        monkeypatch.chdir(folder)
        urls.append(load_settings({"FINGERPOST_DATABASE_URL": "sqlite:///var/some.db"}).database_url)
    assert urls[0] == urls[1]
    assert urls[0].startswith("sqlite:////")
    assert urls[0].endswith("/var/some.db")


def test_relative_settings_file_is_meant_from_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that is started in another folder has the same settings."""
    monkeypatch.chdir(tmp_path)
    assert load_settings({"FINGERPOST_CONFIG": "config/default.toml"}) == load_settings({})


Keys = Callable[[str], Path]


@pytest.fixture
def keys_file(tmp_path: Path) -> Keys:
    def write(text: str) -> Path:
        path = tmp_path / "one.keys"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def test_keys_come_from_their_file_and_the_environment_wins(tmp_path: Path, keys_file: Keys) -> None:
    keys_file("# ours\nFINGERPOST_SECRET_KEY=of the file\nFINGERPOST_LOOKUP_KEY=of the file\n")
    base = {"FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}"}
    settings = load_settings(base | {"FINGERPOST_SECRET_KEY": "of the environment"})
    assert (settings.secret_key, settings.lookup_key, settings.encryption_keys) == (
        "of the environment",
        "of the file",
        "",
    )


def test_keys_file_that_others_may_read_is_refused(tmp_path: Path, keys_file: Keys) -> None:
    keys_file("FINGERPOST_SECRET_KEY=x\n").chmod(0o640)
    with pytest.raises(SettingsError, match=r"Others may read .*one\.keys: run `chmod 600 "):
        load_settings({"FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}"})


def test_folder_is_no_keys_file(tmp_path: Path) -> None:
    """Nobody is told to close a folder to all others, which may be that of the whole machine."""
    with pytest.raises(SettingsError, match="is a folder"):
        read_keys(tmp_path)


def test_whoever_lacks_keys_is_told_how_they_are_made(tmp_path: Path) -> None:
    settings = load_settings({"FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}"})
    with pytest.raises(SettingsError, match=r"`fingerpost setup` makes them for a new instance, and one that was"):
        check_keys(settings)


def test_keys_file_with_something_else_is_refused(tmp_path: Path, keys_file: Keys) -> None:
    keys_file("FINGERPOST_SECRET_KEY=x\nFINGERPOST_MODE=demo\n")
    with pytest.raises(SettingsError, match="Line 2 of the keys file"):
        load_settings({"FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}"})


@pytest.mark.parametrize(
    ("changes", "is_taken"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"secret_twilio": "AC1:token"}, False),
        ({"host": "console.example"}, False),
        ({"public_url": "http://a.example"}, False),
    ],
)
def test_first_look_on_this_machine_needs_no_tls(changes: dict[str, str], is_taken: bool) -> None:
    """As long as nothing can be sent to people, and nobody elsewhere is answered."""
    values = KEYS | {f"FINGERPOST_{name.upper()}": value for name, value in changes.items()}
    with nullcontext() if is_taken else pytest.raises(SettingsError, match="must begin with https"):
        check_settings(load_settings(values))
