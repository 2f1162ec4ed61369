"""Files of any kind are fetched whole, within a limit, and by way of where the provider sends us on to.

Nothing here is sent to a person, so an answer that did not come is simply asked for again, later.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pycurl

from campaigns.core.errors import NotFoundError, TooLargeError, UnavailableError
from campaigns.core.words import N_
from campaigns.gateways.transport.provider_call import authorities
from campaigns.gateways.transport.transfers import Transfers

CONNECT_SECONDS, TOTAL_SECONDS = 5, 60
_MOST_REDIRECTS = 3
_GONE = (404, 410)


async def download(url: str, *, most_bytes: int, login: tuple[str, str] | None = None) -> bytes:
    """Return the file at an address.

    `login` is shown to the address itself, never to another host that it sends us on to. Raises NotFoundError when
    it is not there, TooLargeError for more than `most_bytes`, UnavailableError for any other answer, or none.
    """
    status, content = await _ask("GET", url, login=login, most_bytes=most_bytes)
    if status in _GONE:
        raise NotFoundError
    if not 200 <= status < 300:
        raise UnavailableError(N_("The provider did not give the file (%(code)s)."), code=status)
    return content


async def delete(url: str, *, login: tuple[str, str]) -> None:
    """Delete what is at an address; it is well when it was gone. Raises UnavailableError for any other answer."""
    status, _ = await _ask("DELETE", url, login=login, most_bytes=1_000_000)
    if status not in _GONE and not 200 <= status < 300:
        raise UnavailableError(N_("The provider did not delete the file (%(code)s)."), code=status)


async def _ask(method: str, url: str, *, login: tuple[str, str] | None, most_bytes: int) -> tuple[int, bytes]:
    pieces, handle = list[bytes](), pycurl.Curl()
    _set_up(handle, url, login)
    handle.setopt(pycurl.CUSTOMREQUEST, method)
    # Since libcurl 8.4 it holds for what tells no length, too.
    handle.setopt(pycurl.MAXFILESIZE_LARGE, most_bytes)
    handle.setopt(pycurl.WRITEFUNCTION, pieces.append)
    transfers = Transfers(connections=1)
    try:
        code = await transfers.run(handle)
        status = handle.getinfo(pycurl.RESPONSE_CODE)
    finally:
        transfers.close()
        handle.close()
    if code == pycurl.E_FILESIZE_EXCEEDED:
        raise TooLargeError
    if code != pycurl.E_OK:
        raise UnavailableError(N_("The provider did not give the file (%(code)s)."), code=code)
    return status, b"".join(pieces)


def _set_up(handle: pycurl.Curl, url: str, login: tuple[str, str] | None) -> None:
    # Only the sandbox on this machine is asked without TLS, and may send us on without it.
    protocols = pycurl.PROTO_HTTP if urlsplit(url).scheme == "http" else pycurl.PROTO_HTTPS
    options = {
        pycurl.URL: url,
        pycurl.NOSIGNAL: 1,
        pycurl.CONNECTTIMEOUT: CONNECT_SECONDS,
        pycurl.TIMEOUT: TOTAL_SECONDS,
        pycurl.PROTOCOLS: protocols,
        pycurl.REDIR_PROTOCOLS: protocols,
        pycurl.FOLLOWLOCATION: 1,
        pycurl.MAXREDIRS: _MOST_REDIRECTS,
        pycurl.PROXY: "",
        pycurl.USERAGENT: "Fingerpost",
        pycurl.CAINFO: authorities(),
    }
    for option, value in options.items():
        handle.setopt(option, value)
    if login is not None:
        handle.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_BASIC)
        handle.setopt(pycurl.USERNAME, login[0])
        handle.setopt(pycurl.PASSWORD, login[1])
