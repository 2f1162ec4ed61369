"""A sandbox is started with credentials, callbacks and a fixture, whose defaults just work."""

from dataclasses import dataclass, field

from campaigns.sandbox.world.fixture import Fixture

DEFAULT_ACCOUNT_SID = "AC" + "5b" * 16
TEST_ACCOUNT_SID = "AC" + "7e" * 16


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    """How the sandbox calls back."""

    #: Connections open at once, to all receivers together.
    connections: int = 64
    #: Callbacks waiting to go out; beyond it the stages of messages wait: nothing is lost, memory stays bounded.
    backlog: int = 20_000
    #: Hosts beside loopback that may be called.
    allowed_hosts: tuple[str, ...] = ()
    #: How many attempts `/_sandbox/callbacks` remembers.
    remember: int = 5_000


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Everything one sandbox process needs to know; the fixture is the part that control calls may change."""

    host: str = "127.0.0.1"
    #: 0 takes any free port; the line printed at the start says which.
    port: int = 8081
    #: A connection that is idle for so long is closed, as what stands before a provider does.
    idle_seconds: float = 30.0
    #: Every random choice follows from it.
    seed: str = "fingerpost"
    account_sid: str = DEFAULT_ACCOUNT_SID
    auth_token: str = "sandbox-auth-token"  # noqa: S105 - a stand-in's well-known token, worth nothing elsewhere
    #: Further accounts (SID to token), each with its own messages and its own signature.
    accounts: dict[str, str] = field(default_factory=dict)
    #: API keys (SID to secret) that open the first account.
    api_keys: dict[str, str] = field(default_factory=dict)
    #: Credentials that behave as Twilio's test credentials: magic numbers, no delivery, no callbacks.
    test_account_sid: str = TEST_ACCOUNT_SID
    test_auth_token: str = "sandbox-test-token"  # noqa: S105 - see auth_token
    #: The id of the Telegram bot; its token is this, a colon and `auth_token`.
    telegram_bot_id: int = 5550100
    telegram_bot_username: str = "fingerpost_bot"
    #: The Africa's Talking user whose apiKey is `auth_token`.
    africastalking_username: str = "sandbox"
    #: What `X-Sandbox-Token` must carry for `/_sandbox/…`.
    control_token: str = "sandbox-control-token"  # noqa: S105 - see auth_token
    #: What opens the page of phones, given once as `?key=…`; "": it is open, as nobody real is in it.
    phones_key: str = ""
    callbacks: CallbackSettings = CallbackSettings()
    #: Messages kept for lists and the oracle; the oldest beyond it are forgotten, its counts are not.
    keep_messages: int = 1_000_000
    fixture: Fixture = field(default_factory=Fixture)

    @property
    def telegram_token(self) -> str:
        """Return the token that opens the bot."""
        return f"{self.telegram_bot_id}:{self.auth_token}"
