"""Who may call Twilio's surface: the account's token, its API keys, or test credentials (HTTP Basic)."""

from typing import Literal

from aiohttp import encode_basic_auth, web

from campaigns.sandbox.config import SandboxConfig

Kind = Literal["", "live", "test"]


class Access:
    """The headers that open the account, prepared once so that a call costs one look-up."""

    def __init__(self, config: SandboxConfig) -> None:
        live: Kind = "live"
        test: Kind = "test"
        pairs = [
            (config.account_sid, config.auth_token, config.account_sid, live),
            (config.test_account_sid, config.test_auth_token, config.test_account_sid, test),
            *((key, secret, config.account_sid, live) for key, secret in config.api_keys.items()),
        ]
        self._known = {
            encode_basic_auth(name, secret, "utf-8"): (account, kind) for name, secret, account, kind in pairs
        }

    def kind_of(self, request: web.Request) -> Kind:
        """Return the kind of a call's credentials, empty when they do not open the account in its path."""
        known = self._known.get(request.headers.get("Authorization", ""))
        if known is None:
            return ""
        account, kind = known
        return kind if request.match_info.get("account", account) == account else ""
