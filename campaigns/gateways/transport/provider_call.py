"""libcurl writes a request once or not at all, and the fence is asked right before the first byte."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import certifi
import pycurl

from campaigns.core.processes.crash import crash_point, planned_crash
from campaigns.gateways.base import Fence, NotSentError, UnknownOutcomeError
from campaigns.gateways.transport.transfers import Transfers

#: Idle connections are dropped before the provider's side drops them, because a write into a connection that is
#: just being closed has an unknown outcome.
KEEPALIVE_SECONDS = 12
#: Names for failures of the transport, by libcurl's code: the delivery's error column has no room for a sentence.
UNSENT_WORDS = {
    pycurl.E_COULDNT_RESOLVE_HOST: "name_not_found",
    pycurl.E_OPERATION_TIMEDOUT: "connect_timeout",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls",
    pycurl.E_SSL_CACERT_BADFILE: "tls",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
}
LOST_WORDS = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_PARTIAL_FILE: "broken_reply",
    # The reply is no HTTP.
    pycurl.E_UNSUPPORTED_PROTOCOL: "broken_reply",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "broken_reply",
}


@dataclass(frozen=True, slots=True)
class RawReply:
    """What came back, before anybody believes it to be the provider's; '' when it has no content type."""

    status: int
    text: str
    content_type: str
    #: Retry-After (RFC 9110 §10.2.3), whether it was given in seconds or as a date.
    retry_after_seconds: float | None = None


class Call:
    """Makes one request after the other with libcurl's options set once; never two at a time."""

    def __init__(self, transfers: Transfers, *, connect_seconds: float, total_seconds: float) -> None:
        self._transfers = transfers
        self._handle = pycurl.Curl()
        set_option = self._handle.setopt
        set_option(pycurl.NOSIGNAL, 1)
        set_option(pycurl.CONNECTTIMEOUT_MS, round(connect_seconds * 1000))
        set_option(pycurl.TIMEOUT_MS, round(total_seconds * 1000))
        set_option(pycurl.MAXAGE_CONN, KEEPALIVE_SECONDS)
        set_option(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        set_option(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        set_option(pycurl.PROXY, "")
        set_option(pycurl.USERAGENT, "Fingerpost")
        set_option(pycurl.CAINFO, authorities())
        set_option(pycurl.PREREQFUNCTION, self._may_write)
        if planned_crash() is not None:
            set_option(pycurl.VERBOSE, 1)
            set_option(pycurl.DEBUGFUNCTION, _crash_once_written)
        self._headers: Mapping[str, str] = {}
        self._fence: Fence | None = None
        self._refusal: BaseException | None = None
        self._met_stale = self._is_written = False

    async def make(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        fence: Fence | None,
    ) -> RawReply:
        """Return whatever came back, of any status.

        Raises NotSentError when no byte left, UnknownOutcomeError when no whole reply came, ValueError for a
        header of more than one line, and what `fence` raises.
        """
        handle, pieces = self._handle, list[bytes]()
        self._fence, self._refusal, self._is_written, self._met_stale = fence, None, False, False
        handle.setopt(pycurl.URL, url)
        if headers != self._headers:
            handle.setopt(pycurl.HTTPHEADER, _header_lines(headers))
            self._headers = dict(headers)
        if method == "GET":
            handle.setopt(pycurl.HTTPGET, 1)
        else:
            handle.setopt(pycurl.POSTFIELDS, body or b"")
        handle.setopt(pycurl.CUSTOMREQUEST, method)
        handle.setopt(pycurl.WRITEFUNCTION, pieces.append)
        self._check(await self._run())
        return RawReply(
            handle.getinfo(pycurl.RESPONSE_CODE),
            b"".join(pieces).decode("utf-8", "replace"),
            (handle.getinfo(pycurl.CONTENT_TYPE) or "").partition(";")[0].strip().lower(),
            float(handle.getinfo(pycurl.RETRY_AFTER)) or None,
        )

    def close(self) -> None:
        """Let go of what libcurl holds; it and its callback name each other, and would wait for the collector."""
        self._handle.close()

    async def _run(self) -> int:
        """Return how the transfer ended; it begins anew, on a new connection, when the kept one was stale."""
        self._handle.setopt(pycurl.FRESH_CONNECT, 0)
        code = await self._transfers.run(self._handle)
        if self._met_stale:
            self._handle.setopt(pycurl.FRESH_CONNECT, 1)
            code = await self._transfers.run(self._handle)
        return code

    def _may_write(self, _address: str, _local: str, _port: int, local_port: int) -> int:
        """Say whether libcurl may write the request, on a connection that stands.

        It asks a second time when the provider closed a kept connection without a word, since it would repeat
        the request then. The first one may have been read all the same.
        """
        if self._is_written:
            return pycurl.PREREQFUNC_ABORT
        try:
            if not self._met_stale and self._transfers.is_stale(local_port):
                self._met_stale = True
                return pycurl.PREREQFUNC_ABORT
            if self._fence is not None:
                self._fence()
                crash_point("fenced")
        except BaseException as refusal:
            self._refusal = refusal
            return pycurl.PREREQFUNC_ABORT
        self._is_written = True
        return pycurl.PREREQFUNC_OK

    def _check(self, code: int) -> None:
        if self._refusal is not None:
            raise self._refusal
        if code == pycurl.E_OK:
            return
        if self._is_written:
            raise UnknownOutcomeError(LOST_WORDS.get(code, "disconnected"))
        raise NotSentError(UNSENT_WORDS.get(code, "refused"))


def _header_lines(headers: Mapping[str, str]) -> list[str]:
    """Return headers as libcurl takes them, which would read "Name:" as a wish to leave the header out."""
    lines = [f"{name}: {value}" if value else f"{name};" for name, value in headers.items()]
    if any("\n" in line or "\r" in line for line in lines):
        raise ValueError("A header has one line.")
    return lines


def authorities() -> str:
    """Return the file of the certificates that this machine trusts; SSL_CERT_FILE names another."""
    return ssl.get_default_verify_paths().cafile or certifi.where()


def _crash_once_written(kind: int, _data: bytes) -> None:
    if kind == pycurl.INFOTYPE_DATA_OUT:
        crash_point("written")
