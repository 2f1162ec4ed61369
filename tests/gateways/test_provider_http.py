"""What the HTTP below a provider does with connections: keeps them, trusts few, and never repeats a request."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from campaigns.core.errors import RefusedError
from campaigns.gateways.base import NotSentError, UnknownOutcomeError
from campaigns.gateways.transport.http import ProviderHttp, current_fence
from campaigns.gateways.transport.transfers import Transfers
from tests.gateways.canned import SILENCE, CannedServer, answering, http
from tests.gateways.conftest import using

JSON = "Content-Type: application/json"
GOOD = http(f"200 OK\r\n{JSON}", "{}")


async def post(opened: ProviderHttp, server: CannedServer) -> int:
    return (await opened.request("POST", server.url, body=b"a=1")).status


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("It never came true.")


def test_connection_is_kept() -> None:
    async def work(opened: ProviderHttp) -> list[int]:
        return [await post(opened, server) for _ in range(5)]

    with answering(GOOD, each=9) as server:
        assert using(ProviderHttp(), work) == [200] * 5
        assert (server.requests, server.connections) == (5, 1)


def test_connection_that_was_closed_meanwhile_is_not_written_to() -> None:
    async def work(opened: ProviderHttp) -> None:
        await post(opened, server)
        await until(lambda: server.closed == 1)
        await post(opened, server)

    with answering(GOOD) as server:
        using(ProviderHttp(), work)
        assert (server.requests, server.connections) == (2, 2)


def test_request_that_was_read_on_a_kept_connection_is_not_repeated() -> None:
    """libcurl would write it again on another connection, and a person would read the message twice."""

    async def work(opened: ProviderHttp) -> None:
        for _ in range(2):
            await post(opened, server)
        with pytest.raises(UnknownOutcomeError, match="disconnected"):
            await post(opened, server)
        assert server.requests == 3
        assert await post(opened, server) == 200

    with answering(GOOD, each=2) as server:
        using(ProviderHttp(), work)
        assert server.requests == 4


def test_fence_is_asked_once_for_a_request_that_was_read() -> None:
    asked: list[int] = []

    async def work(opened: ProviderHttp) -> None:
        for number in range(3):
            current_fence.set(lambda number=number: asked.append(number))  # type: ignore[misc]
            try:
                await post(opened, server)
            except UnknownOutcomeError:
                break

    with answering(GOOD, each=2) as server:
        using(ProviderHttp(), work)
    assert asked == [0, 1, 2]


def test_fence_is_asked_once_when_a_kept_connection_was_stale() -> None:
    asked: list[None] = []

    async def work(opened: ProviderHttp) -> None:
        current_fence.set(lambda: asked.append(None))
        await post(opened, server)
        await until(lambda: server.closed == 1)
        await post(opened, server)

    with answering(GOOD) as server:
        using(ProviderHttp(), work)
    assert len(asked) == 2


def test_connection_with_the_port_of_a_closed_one_is_taken_for_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel gives a port again within a second where many connections come and go."""
    is_stale, asked = Transfers.is_stale, list[tuple[Transfers, int]]()

    def remember(transfers: Transfers, local_port: int) -> bool:
        asked.append((transfers, local_port))
        return is_stale(transfers, local_port)

    def refuse() -> None:
        raise RefusedError

    async def work(opened: ProviderHttp) -> bool:
        current_fence.set(refuse)
        with pytest.raises(RefusedError):
            await post(opened, server)
        return is_stale(*asked[0])

    monkeypatch.setattr(Transfers, "is_stale", remember)
    with answering(GOOD) as server:
        assert using(ProviderHttp(), work) is False


def test_calls_wait_for_one_of_the_connections() -> None:
    async def work(opened: ProviderHttp) -> list[int]:
        return await asyncio.gather(*(post(opened, server) for _ in range(9)))

    with answering(GOOD, each=9) as server:
        assert using(ProviderHttp(connections=2), work) == [200] * 9
        assert server.connections == 2


def test_call_that_found_no_connection_in_time_sent_nothing() -> None:
    async def work(opened: ProviderHttp) -> None:
        waiting = asyncio.create_task(post(opened, server))
        await until(lambda: server.requests == 1)
        with pytest.raises(NotSentError, match="connect_timeout"):
            await post(opened, server)
        with pytest.raises(UnknownOutcomeError, match="timeout"):
            await waiting

    with answering(SILENCE) as server:
        using(ProviderHttp(connections=1, connect_seconds=0.1, total_seconds=0.6), work)
        assert server.requests == 1


def test_handshake_that_takes_all_the_time_sent_nothing() -> None:
    async def work(opened: ProviderHttp) -> None:
        with pytest.raises(NotSentError, match="connect_timeout"):
            await opened.request("POST", server.url.replace("http:", "https:"), body=b"a=1")

    with answering(SILENCE) as server:
        using(ProviderHttp(connect_seconds=5.0, total_seconds=0.2), work)


def test_cancelled_call_gives_its_connection_up() -> None:
    async def work(opened: ProviderHttp) -> None:
        call = asyncio.create_task(post(opened, server))
        await until(lambda: server.requests == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: server.closed == 1)
        server.answer = GOOD
        assert await post(opened, server) == 200

    with answering(SILENCE) as server:
        using(ProviderHttp(connections=1), work)


def test_closing_ends_the_calls_under_way() -> None:
    async def work(opened: ProviderHttp) -> None:
        call = asyncio.create_task(post(opened, server))
        await until(lambda: server.requests == 1)
        await opened.close()
        with pytest.raises(UnknownOutcomeError):
            await call
        server.answer = GOOD
        assert await post(opened, server) == 200

    with answering(SILENCE) as server:
        using(ProviderHttp(), work)


def test_opens_again_in_another_loop() -> None:
    opened = ProviderHttp()
    with answering(GOOD, each=9) as server:
        for _ in range(2):
            using(opened, lambda opened: post(opened, server))
        assert server.connections == 2


def test_idle_client_lets_the_loop_sleep() -> None:
    async def work(opened: ProviderHttp) -> float:
        await post(opened, server)
        await until(lambda: server.closed == 1)
        begun = time.process_time()
        await asyncio.sleep(0.5)
        return time.process_time() - begun

    with answering(GOOD) as server:
        assert using(ProviderHttp(), work) < 0.25


@pytest.mark.parametrize("headers", [{"apiKey": "a\r\nX-Other: b"}, {"apiKey\n": "a"}])
def test_header_has_one_line(headers: dict[str, str]) -> None:
    async def work(opened: ProviderHttp) -> None:
        with pytest.raises(ValueError, match="one line"):
            await opened.request("POST", server.url, body=b"", headers=headers)

    with answering(GOOD) as server:
        using(ProviderHttp(), work)
        assert server.requests == 0


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "file:///etc/hostname", "http://"])
def test_no_other_protocol_is_spoken(url: str) -> None:
    async def work(opened: ProviderHttp) -> None:
        with pytest.raises(NotSentError):
            await opened.request("POST", url, body=b"a=1")

    using(ProviderHttp(), work)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a certificate for this machine that nobody signed, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now, address = datetime.now(UTC), x509.IPAddress(ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + secret)
    return path


def served_with(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


def test_stranger_with_a_certificate_gets_nothing(certificate: Path) -> None:
    async def work(opened: ProviderHttp) -> None:
        with pytest.raises(NotSentError, match="tls"):
            await post(opened, server)

    with answering(GOOD, tls=served_with(certificate)) as server:
        using(ProviderHttp(), work)
        assert server.requests == 0


def test_machine_may_trust_others(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with answering(GOOD, tls=served_with(certificate)) as server:
        assert using(ProviderHttp(), lambda opened: post(opened, server)) == 200


def test_certificate_for_another_host_is_refused(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def work(opened: ProviderHttp) -> None:
        with pytest.raises(NotSentError, match="tls"):
            await opened.request("POST", server.url.replace("127.0.0.1", "localhost"), body=b"a=1")

    with answering(GOOD, tls=served_with(certificate)) as server:
        using(ProviderHttp(), work)
        assert server.requests == 0
