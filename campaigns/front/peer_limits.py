"""These pure limits say how long and how large things may be at the front."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

KILOBYTE = 1024
#: A body that no route takes a larger one of.
USUAL_BODY = 256 * KILOBYTE
#: What is larger waits in a temporary file, so that many slow senders fill no memory.
IN_MEMORY = 64 * KILOBYTE
#: Requests that a process works on at once: each may need a connection to the database, of which a server has few.
THREADS = 24

#: Says how large the body of a request may be, from its WSGI environment.
BodyLimit = Callable[[Mapping[str, Any]], int]


def usual_body(environ: Mapping[str, Any]) -> int:
    """Return the limit of a route of which nothing is known."""
    return USUAL_BODY


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one process."""

    #: Connections at once, and of one peer. With a proxy in front every peer is the proxy, which limits its own.
    connections: int = 2_048
    per_peer: int = 512
    #: Requests that are worked on at once, and that wait for a thread.
    threads: int = THREADS
    waiting: int = 1_024
    #: Requests that one connection may send ahead of their answers.
    ahead: int = 16
    #: Bytes of a request line with its headers.
    head_bytes: int = 32 * KILOBYTE
    #: Bodies over `USUAL_BODY` that may be on their way at once, and of one peer.
    large_bodies: int = 16
    large_per_peer: int = 4
    #: Seconds from the first byte until the headers are here, and then for each `body_step` bytes of a body.
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    body_step: int = 320 * KILOBYTE
    #: Seconds that a connection may stand between two requests: longer than proxies keep theirs.
    idle_seconds: float = 75.0
    #: Seconds in which whoever reads an answer must have taken `write_step` bytes more of it, or all there is.
    write_seconds: float = 20.0
    write_step: int = 8 * KILOBYTE
    #: Seconds until what is answered without a thread must be answered.
    patience_seconds: float = 10.0
    #: Seconds that we go on listening to somebody who was refused, so that the refusal arrives.
    linger_seconds: float = 2.0
