"""A bot is opened by its whole token, and only where something is sent is its library loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from campaigns.core.errors import SettingsError
from campaigns.gateways.kinds import Credential, Opening, get_kind
from campaigns.gateways.telegram.kind import KIND


def test_kind_is_found_by_its_name() -> None:
    assert get_kind("telegram") is KIND


@pytest.mark.parametrize(
    ("account", "token"), [("AC1", "x"), ("", "x"), ("55 50", "x"), ("5550100", "a/b"), ("5550100", "a b")]
)
def test_other_credential_opens_no_bot(account: str, token: str) -> None:
    with pytest.raises(SettingsError, match="whole token"):
        KIND.open(Opening(Credential(account, token), "telegram"))


def test_reader_is_for_bots_only() -> None:
    assert KIND.reader([Credential("AC1", "x"), Credential("sandbox", "x")]) is None
    assert KIND.reader([Credential("AC1", "x"), Credential("5550100", "x")]) is not None


def test_listening_does_not_load_the_library() -> None:
    code = (
        "import sys; from campaigns.gateways.kinds import gateway_kinds; gateway_kinds();"
        "sys.exit('aiogram' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
