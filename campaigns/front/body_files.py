"""A request that arrives is kept as far as it is here: in memory or, when it is large, in a file."""

from __future__ import annotations

from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Any

from campaigns.front.peer_limits import IN_MEMORY


def _make_file() -> IO[bytes]:
    return TemporaryFile(prefix="fingerpost-body-")


class Incoming:
    """One request that is being received."""

    __slots__ = ("_chunks", "_file", "due", "environ", "headers", "large_of", "limit", "size", "target")

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        #: None until all headers are here.
        self.environ: dict[str, Any] | None = None
        #: How large the body may be, and is so far.
        self.limit = self.size = 0
        #: How large it must be by the deadline.
        self.due = 0
        #: The peer whose place for large bodies it takes; None while it needs none.
        self.large_of: str | None = None
        self._chunks: list[bytes] = []
        self._file: IO[bytes] | None = None

    def add(self, chunk: bytes) -> None:
        """Keep a part of the body. Raises OSError when the disk cannot."""
        self.size += len(chunk)
        if self._file is not None:
            self._file.write(chunk)
        elif self.size <= IN_MEMORY:
            self._chunks.append(chunk)
        else:
            # Closed with the request, or when it is dropped.
            self._file = _make_file()
            self._file.writelines((*self._chunks, chunk))
            self._chunks.clear()

    def complete(self) -> dict[str, Any]:
        """Return the environment with the body in it."""
        environ = self.environ or {}
        if self._file is not None:
            self._file.seek(0)
            environ["wsgi.input"] = self._file
        else:
            environ["wsgi.input"] = BytesIO(self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks))
        # It came in chunks, perhaps; to the application its length is known.
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        if self.size or "CONTENT_LENGTH" in environ:
            environ["CONTENT_LENGTH"] = str(self.size)
        return environ

    def drop(self) -> None:
        """Forget what there is of it."""
        self._chunks.clear()
        if self._file is not None:
            self._file.close()
