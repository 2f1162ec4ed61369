"""Files that people sent stay with their provider, until the application deletes them there."""

import base64
import binascii
import os
from dataclasses import dataclass

from campaigns.sandbox.world.sandbox_errors import SandboxError

#: Bytes of all files; beyond them the oldest are forgotten.
_MOST_BYTES = 256 * 1024**2
#: Folders at Telegram.
_FOLDERS = {"audio/ogg": "voice", "image/jpeg": "photos"}


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A picture, a voice message or a file as a control call gives it."""

    content_type: str = "image/jpeg"
    #: Base64; without it the file is only told of.
    content: str = ""
    #: Where it is, for one that the sandbox does not keep.
    url: str = ""
    name: str = ""
    #: How long it plays.
    seconds: int = 1
    #: The part of a Telegram message that it is (`voice`, `photo`, `document` …); empty goes by its type.
    kind: str = ""


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file; times are seconds since the epoch on the sandbox's clock."""

    #: `ME` and 32 hexadecimal letters; Telegram's id of it is the same.
    sid: str
    #: The sid of the message that it came with.
    owner: str
    content_type: str
    content: bytes
    created_at: float
    #: Under this name whoever is sent on to it gets it without credentials, as from Twilio's own storage.
    ticket: str
    #: The end of its address at Telegram.
    path: str


class FileStore:
    """All files that are still there."""

    def __init__(self) -> None:
        self._files: dict[str, SentFile] = {}
        self._bytes = 0

    def keep(self, owner: str, content_type: str, content: bytes, *, at: float) -> SentFile:
        """Keep a file of a message."""
        sid, ticket = f"ME{os.urandom(16).hex()}", os.urandom(16).hex()
        path = f"{_FOLDERS.get(content_type, 'documents')}/file_{len(self._files)}_{ticket[:8]}"
        file = self._files[sid] = SentFile(sid, owner, content_type, content, at, ticket, path)
        self._bytes += len(content)
        while self._bytes > _MOST_BYTES and len(self._files) > 1:
            self.delete(next(iter(self._files)))
        return file

    def find(self, sid: str, owner: str = "") -> SentFile | None:
        """Return a file, of this message where one is named."""
        file = self._files.get(sid)
        return file if file and owner in ("", file.owner) else None

    def find_by_ticket(self, ticket: str) -> SentFile | None:
        """Return the file that a ticket opens."""
        return next((file for file in self._files.values() if file.ticket == ticket), None)

    def find_by_path(self, path: str) -> SentFile | None:
        """Return the file that Telegram has under a path."""
        return next((file for file in self._files.values() if file.path == path), None)

    def of(self, owner: str) -> list[SentFile]:
        """Return the files of a message, in their order."""
        return [file for file in self._files.values() if file.owner == owner]

    def delete(self, sid: str) -> None:
        """Forget a file."""
        self._bytes -= len(self._files.pop(sid).content)


def read_base64(text: str, where: str) -> bytes:
    """Return the bytes that a control call spells in base64; raise SandboxError for a text that is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SandboxError(f"{where}: expected base64.") from error
