"""An application answers in a thread, a piece at a time; between two pieces no thread waits for anybody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextvars import Context
from dataclasses import dataclass
from typing import Any

#: As many bytes of an answer are made ahead of whoever reads it.
PIECE = 64 * 1024
#: `start_response` takes and returns what WSGI says.
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of an answer: its beginning has a status and headers, and the last one says so."""

    body: bytes
    is_last: bool
    status: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class Work:
    """One request at an application. Each step may run in another thread, and none beside another."""

    def __init__(self, application: Application, environ: dict[str, Any]) -> None:
        self._application, self._environ = application, environ
        # What an application keeps in context variables must be there again in the next thread.
        self._context = Context()
        self._result: Iterable[bytes] | None = None
        self._pieces: Iterator[bytes] | None = None
        self._head: tuple[str, tuple[tuple[str, str], ...]] | None = None
        #: Bytes of the body that its head promises and that are still to come; None where it promises none.
        self._left: int | None = None
        self._written: list[bytes] = []

    @property
    def has_begun(self) -> bool:
        """Whether a step was made: what is left is the rest of an answer."""
        return self._pieces is not None

    def step(self) -> Piece | None:
        """Return the next piece; None when the application failed, which is logged."""
        return self._context.run(self._try_step)

    def close(self) -> None:
        """Let the application give back what it holds; a body in a file goes with it."""
        self._context.run(self._close)

    def _try_step(self) -> Piece | None:
        try:
            return self._step()
        except BaseException:
            # An exit too would end one thread and leave whoever waits for it waiting.
            _log.exception("a request failed outside of every page")
            self._close()
            return None

    def _close(self) -> None:
        self._environ["wsgi.input"].close()
        result, self._result = self._result, None
        closing = getattr(result, "close", None)
        try:
            if closing is not None:
                closing()
        except Exception:
            _log.exception("a request failed after its answer")

    def _step(self) -> Piece:
        is_first = self._pieces is None
        if self._pieces is None:
            self._result = self._application(self._environ, self._start_response)
            self._pieces = iter(self._result)
        parts, size, is_last = self._written, sum(map(len, self._written)), False
        self._written = []
        while size < PIECE:
            part = next(self._pieces, None)
            if part is None:
                is_last = True
                break
            parts.append(part)
            size += len(part)
            if self._left is not None and size >= self._left:
                # Nobody has to come back to hear that this was all.
                is_last = True
                break
        if self._left is not None:
            self._left -= size
        if is_last:
            self._close()
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if not is_first:
            return Piece(body, is_last)
        if self._head is None:
            raise RuntimeError("The application gave no status.")
        return Piece(body, is_last, *self._head)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], problem: Any = None
    ) -> Callable[[bytes], object]:
        for name, value in headers:
            if "\n" in value or "\r" in value or "\n" in name or "\r" in name:
                raise ValueError(f"The header {name!r} holds a line break.")
            # What cannot be written fails here, where it is an error of this request alone.
            f"{status}{name}{value}".encode("latin-1")
            if name.lower() == "content-length":
                self._left = int(value)
        self._head = status, tuple(headers)
        return self._written.append
