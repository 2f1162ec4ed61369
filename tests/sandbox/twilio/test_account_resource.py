"""The account answers whoever has its credential, as Twilio's unmodified client reads it; nobody else."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import encode_basic_auth
from aiohttp.test_utils import TestClient, TestServer
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from campaigns.sandbox.server import build_app
from campaigns.sandbox.world.config import SandboxConfig
from tests.sandbox.process import DEFAULTS, SandboxProcess


def refusal(client: Client, account: str = DEFAULTS.account_sid) -> tuple[int, int | None]:
    with pytest.raises(TwilioRestException) as caught:
        client.api.v2010.accounts(account).fetch()
    return caught.value.status, caught.value.code


def test_client_reads_the_account(client: Client) -> None:
    account = client.api.v2010.accounts(DEFAULTS.account_sid).fetch()
    assert (account.sid, account.owner_account_sid) == (DEFAULTS.account_sid, DEFAULTS.account_sid)
    assert (account.status, account.type) == ("active", "Full")
    assert account.friendly_name
    assert account.date_created is not None
    assert account.date_created == account.date_updated
    assert account.subresource_uris["messages"] == f"/2010-04-01/Accounts/{DEFAULTS.account_sid}/Messages.json"
    assert account.uri == f"/2010-04-01/Accounts/{DEFAULTS.account_sid}.json"


def test_wrong_token_and_strange_account_are_refused(sandbox: SandboxProcess, client: Client) -> None:
    assert refusal(sandbox.client(token="0" * 32)) == (401, 20003)
    assert refusal(client, "AC" + "9" * 32) == (401, 20003)


def test_test_credentials_do_not_open_it(sandbox: SandboxProcess) -> None:
    assert refusal(
        sandbox.client(DEFAULTS.test_account_sid, DEFAULTS.test_auth_token), DEFAULTS.test_account_sid
    ) == (
        403,
        20008,
    )


def test_armed_fault_is_answered(sandbox: SandboxProcess, client: Client) -> None:
    sandbox.call("POST", "faults", {"match": {"on": "account"}, "action": {"error": 20429}})
    assert refusal(client) == (429, 20429)


def test_key_opens_messages_and_not_the_account() -> None:
    key, account = "SK" + "1" * 32, DEFAULTS.account_sid
    app = build_app(SandboxConfig(api_keys={key: "secret"}))

    async def ask() -> list[int]:
        async with TestClient(TestServer(app)) as client:
            headers = {"Authorization": encode_basic_auth(key, "secret")}
            paths = (f"/2010-04-01/Accounts/{account}/Messages.json", f"/2010-04-01/Accounts/{account}.json")
            return [(await client.get(path, headers=headers)).status for path in paths]

    assert asyncio.run(ask()) == [200, 401]
