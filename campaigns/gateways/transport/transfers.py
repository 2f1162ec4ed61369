"""The running event loop drives libcurl's transfers: it watches their sockets and keeps their time.

After https://curl.se/libcurl/c/libcurl-multi.html, "multi_socket". All else is libcurl's: connections that are
kept, names, TLS, HTTP, time-outs.
"""

from __future__ import annotations

import asyncio
from select import POLLIN, POLLNVAL, poll

import pycurl


class Transfers:
    """Transfers side by side over at most `connections` connections, in the loop that runs when it is made."""

    def __init__(self, *, connections: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._alarm: asyncio.Handle | None = None
        #: What each socket is watched for, by its number: POLL_IN, POLL_OUT or both, POLL_INOUT.
        self._watched: dict[int, int] = {}
        self._ends: dict[pycurl.Curl, asyncio.Future[int]] = {}
        #: The socket of each connection that was kept, by its port on this side.
        self._kept: dict[int, int] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_alarm)
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, connections)

    async def run(self, handle: pycurl.Curl) -> int:
        """Return how the transfer ended, as libcurl's code; a task that is cancelled takes its transfer along."""
        end: asyncio.Future[int] = self._loop.create_future()
        self._ends[handle] = end
        self._multi.add_handle(handle)
        try:
            return await end
        finally:
            if self._ends.pop(handle, None):
                self._multi.remove_handle(handle)

    def is_stale(self, local_port: int) -> bool:
        """Say whether a kept connection is no good any more: the other side has closed it, or speaks unasked.

        libcurl itself looks only at what was idle for a second.
        """
        number = self._kept.get(local_port)
        if number is None:
            return False
        looking = poll()
        looking.register(number, POLLIN)
        # POLLNVAL: an older connection had this port, and its socket is gone.
        return any(seen & ~POLLNVAL for _, seen in looking.poll(0))

    def close(self) -> None:
        """Close all connections; a transfer that is still under way ends as if it had been called back."""
        for handle in [*self._ends]:
            self._end(handle, pycurl.E_ABORTED_BY_CALLBACK)
        # Connections that are being shut down have no transfer any more.
        for socket in [*self._watched]:
            self._watch(pycurl.POLL_REMOVE, socket)
        self._multi.close()
        self._set_alarm(-1)

    def _watch(self, wish: int, socket: int, *_: object) -> None:
        """Watch a socket for what libcurl wishes from now on."""
        before = self._watched.pop(socket, 0)
        wanted = 0 if wish == pycurl.POLL_REMOVE else wish
        if wanted:
            self._watched[socket] = wanted
        if wanted & ~before & pycurl.POLL_IN:
            self._loop.add_reader(socket, self._go_on, socket, pycurl.CSELECT_IN)
        if wanted & ~before & pycurl.POLL_OUT:
            self._loop.add_writer(socket, self._go_on, socket, pycurl.CSELECT_OUT)
        if before & ~wanted & pycurl.POLL_IN:
            self._loop.remove_reader(socket)
        if before & ~wanted & pycurl.POLL_OUT:
            self._loop.remove_writer(socket)

    def _set_alarm(self, milliseconds: int) -> None:
        """Come back after `milliseconds` instead of when it was said before; -1 is never."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if milliseconds >= 0:
            self._alarm = self._loop.call_later(milliseconds / 1000, self._go_on, pycurl.SOCKET_TIMEOUT, 0)

    def _go_on(self, socket: int, event: int) -> None:
        """Let libcurl do what it can now, and wake whoever waited for a transfer that has ended."""
        self._multi.socket_action(socket, event)
        left = 1
        while left:
            left, good, bad = self._multi.info_read()
            for handle in good:
                self._end(handle, pycurl.E_OK)
            for handle, code, _ in bad:
                self._end(handle, code)

    def _end(self, handle: pycurl.Curl, code: int) -> None:
        self._note_connection(handle)
        self._multi.remove_handle(handle)
        end = self._ends.pop(handle)
        # Its task may have been cancelled and not have run since.
        if not end.done():
            end.set_result(code)

    def _note_connection(self, handle: pycurl.Curl) -> None:
        """Remember the socket of a new connection that is kept, and forget that of one that is gone."""
        socket = handle.getinfo(pycurl.ACTIVESOCKET)
        if socket < 0:
            self._kept.pop(handle.getinfo(pycurl.LOCAL_PORT), None)
        elif handle.getinfo(pycurl.NUM_CONNECTS):
            self._kept[handle.getinfo(pycurl.LOCAL_PORT)] = socket
