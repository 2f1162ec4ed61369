"""The sandbox of an instance opens to nobody else on the machine, and no command line tells what opens it.

A demo empties its own folder, and no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from campaigns.core.errors import InputError
from campaigns.core.settings import CONTROL_DOOR, PHONES_DOOR, Settings, load_settings
from campaigns.demo.demo_instance import MARK, Addresses, empty_folder, environment_of, start_sandbox
from campaigns.demo.processes import Processes, free_port
from campaigns.sandbox.world.config import SandboxConfig


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """The settings of a demo instance whose sandbox runs."""
    web, sandbox = (f"http://127.0.0.1:{free_port(0)}" for _ in range(2))
    addresses = Addresses(web, sandbox)
    environment = environment_of(tmp_path, addresses)
    settings = load_settings(environment)
    with Processes(environment, tmp_path / "logs") as processes:
        start_sandbox(processes, addresses, settings)
        yield settings


def command_lines() -> str:
    """Return how every process of the machine was started, as `ps` shows it to everybody."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            # It ended meanwhile.
            continue
    return "\n".join(lines)


def test_command_lines_tell_no_token(settings: Settings) -> None:
    shown = command_lines()
    assert "sandbox --port=" in shown
    tokens = [settings.sandbox_token(door) for door in ("", CONTROL_DOOR, PHONES_DOOR)]
    assert settings.secret("twilio")[1] == tokens[0]
    assert not [token for token in tokens if token in shown]


def test_token_that_everybody_knows_opens_nothing(settings: Settings) -> None:
    known = {"X-Sandbox-Token": SandboxConfig().control_token}
    assert requests.get(f"{settings.sandbox_url}/_sandbox/fixture", headers=known, timeout=30).status_code == 401


def test_phones_open_with_their_key_alone(settings: Settings) -> None:
    url, answer = settings.sandbox_url, f"{settings.sandbox_url}/phones/+380671234567/answer"
    own = {"Origin": url}
    for address in (f"{url}/", f"{url}/?key=", f"{url}/?key=sandbox"):
        assert requests.get(address, timeout=30).status_code == 403
    assert requests.post(answer, data={"text": "STOP"}, headers=own, timeout=30).status_code == 403
    with requests.Session() as browser:
        page = browser.get(settings.phones_url(), timeout=30)
        assert (page.status_code, page.url) == (200, f"{url}/")
        assert "HttpOnly" in page.history[0].headers["Set-Cookie"]
        assert browser.post(answer, data={"do": "text"}, headers=own, timeout=30).status_code == 200


def test_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "fingerpost.db").write_text("ours")
    with pytest.raises(InputError, match="holds something else"):
        empty_folder(tmp_path)
    assert (tmp_path / "fingerpost.db").read_text() == "ours"


def test_folder_of_an_earlier_demo_is_emptied(tmp_path: Path) -> None:
    empty_folder(tmp_path / "demo")
    (tmp_path / "demo" / "fingerpost.db").write_text("of the demo")
    empty_folder(tmp_path / "demo")
    assert [path.name for path in (tmp_path / "demo").iterdir()] == [MARK]


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    empty_folder(tmp_path)
    assert (tmp_path / MARK).exists()


def test_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        empty_folder(tmp_path / "file")
