"""The account opens to its token and its API keys, and to nobody else."""

import pytest
from aiohttp import encode_basic_auth
from aiohttp.test_utils import make_mocked_request

from campaigns.sandbox.twilio.access import Access
from campaigns.sandbox.world.config import SandboxConfig

KEY = "SK" + "1" * 32
CONFIG = SandboxConfig(api_keys={KEY: "secret"})


@pytest.mark.parametrize(
    ("name", "secret", "account", "kind"),
    [
        (CONFIG.account_sid, CONFIG.auth_token, CONFIG.account_sid, "live"),
        (KEY, "secret", CONFIG.account_sid, "live"),
        (CONFIG.test_account_sid, CONFIG.test_auth_token, CONFIG.test_account_sid, "test"),
        (CONFIG.account_sid, "wrong", CONFIG.account_sid, ""),
        (KEY, "secret", CONFIG.test_account_sid, ""),
        (CONFIG.test_account_sid, CONFIG.test_auth_token, CONFIG.account_sid, ""),
    ],
)
def test_credentials_open_their_own_account(name: str, secret: str, account: str, kind: str) -> None:
    request = make_mocked_request("GET", "/", {"Authorization": encode_basic_auth(name, secret)})
    request._match_info = {"account": account}  # type: ignore[assignment]
    assert Access(CONFIG).caller_of(request).kind == kind
