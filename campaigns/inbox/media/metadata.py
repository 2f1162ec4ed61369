"""What a file tells beside picture and sound is taken out before it is kept: position, device, time, names; pure.

Parts are left out or emptied as a whole, and none is decoded. Of a picture stays how it is turned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from campaigns.core.errors import FileFormatError
from campaigns.inbox.media.file_types import segments_of

#: Parts of a JPEG that say how it is to be shown: JFIF, and Adobe's transform.
_KEPT_APPS = frozenset({0xE0, 0xEE})
_APPS, _EXIF, _COLOURS, _COMMENT, _END = frozenset(range(0xE0, 0xF0)), 0xE1, 0xE2, 0xFE, 0xD9
_COLOUR_PROFILE = b"ICC_PROFILE\0"
#: What ends a stretch of pixels in a JPEG: a marker, but no stuffed byte and no restart.
_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
#: EXIF that tells nothing but how a picture is turned: one entry, tag 0x0112.
_TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0%c\0\0\0\0\0\0"
_ENTRY, _TURN_TAG, _MOST_ENTRIES = 12, 0x0112, 200
#: Parts of a PNG and of a WebP that tell something else than their pixels, and the flags for it in a WebP's head.
_TOLD_IN_PNG = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_TOLD_IN_WEBP, _WEBP_FLAGS = frozenset({b"EXIF", b"XMP "}), 0x08 | 0x04
#: Boxes of a film or sound that tell where and by what it was taken, and boxes in which they stand.
_TOLD_IN_MP4, _AROUND = frozenset({b"udta", b"meta", b"uuid"}), frozenset({b"moov", b"trak"})
_MOST_BOXES, _DEEPEST = 10_000, 8


@dataclass(frozen=True, slots=True)
class _Part:
    """A named part of a file: where it begins, where its content does, and where it ends."""

    name: bytes
    start: int
    inside: int
    end: int


def without_metadata(content: bytes, content_type: str) -> bytes:
    """Return a file without what it tells beside what is seen or heard; raise FileFormatError for a broken one."""
    clean = _CLEANERS.get(content_type)
    return clean(content) if clean else content


def _clean_jpeg(content: bytes) -> bytes:
    kept, end, turn = list[bytes](), 2, 1
    for part in segments_of(content):
        inside, end = content[part.start + 4 : part.end], part.end
        if part.marker == _EXIF:
            turn = _turn_of(inside) or turn
        is_colour = part.marker == _COLOURS and inside.startswith(_COLOUR_PROFILE)
        if is_colour or part.marker not in (_APPS - _KEPT_APPS) | {_COMMENT}:
            kept.append(content[part.start : part.end])
    if end == 2:
        raise _broken()
    told = _TURNED % turn
    head = b"" if turn == 1 else b"\xff\xe1" + (len(told) + 2).to_bytes(2) + told
    return b"".join([content[:2], head, *kept, content[end : _end_of_jpeg(content, end)]])


def _end_of_jpeg(content: bytes, at: int) -> int:
    """Return where the picture ends: phones hide another one, or a film, with the same metadata behind it."""
    while found := _MARKER.search(content, at):
        marker, at = found[1][0], found.end()
        if marker == _END:
            return at
        at += int.from_bytes(content[at : at + 2])
    return len(content)


def _turn_of(exif: bytes) -> int | None:
    """Return how a picture is turned (1 to 8), as the first directory of its EXIF says; None: it does not."""
    if exif[:6] != b"Exif\0\0":
        return None
    tiff = exif[6:]
    order: Literal["little", "big"] = "little" if tiff[:2] == b"II" else "big"
    first = int.from_bytes(tiff[4:8], order)
    count = min(int.from_bytes(tiff[first : first + 2], order), _MOST_ENTRIES)
    for at in range(first + 2, first + 2 + count * _ENTRY, _ENTRY):
        if int.from_bytes(tiff[at : at + 2], order) == _TURN_TAG:
            turn = int.from_bytes(tiff[at + 8 : at + 10], order)
            return turn if 1 <= turn <= 8 else None
    return None


def _clean_png(content: bytes) -> bytes:
    kept, at = [content[:8]], 8
    while at + 12 <= len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4])
        name = content[at + 4 : at + 8]
        if name not in _TOLD_IN_PNG:
            kept.append(content[at:end])
        at = end
        if name == b"IEND":
            return b"".join(kept)
    raise _broken()


def _clean_webp(content: bytes) -> bytes:
    kept, at = list[bytes](), 12
    while at + 8 <= len(content):
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        part = bytearray(content[at : at + 8 + length + length % 2])
        if part[:4] == b"VP8X" and len(part) > 8:
            part[8] &= ~_WEBP_FLAGS & 0xFF
        if bytes(part[:4]) not in _TOLD_IN_WEBP:
            kept.append(bytes(part))
        at += 8 + length + length % 2
    if not kept:
        raise _broken()
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _clean_mp4(content: bytes) -> bytes:
    """Empty the boxes that tell something, at their length: what follows is found by its distance."""
    clean = bytearray(content)
    for box in _boxes(content, 0, len(content), [_MOST_BOXES], depth=0):
        if box.name in _TOLD_IN_MP4:
            clean[box.start + 4 : box.start + 8] = b"free"
            clean[box.inside : box.end] = bytes(box.end - box.inside)
    return bytes(clean)


def _boxes(content: bytes, at: int, until: int, left: list[int], *, depth: int) -> Iterator[_Part]:
    """Give the boxes of a film with those inside; raise FileFormatError for one that ends beyond its own.

    So it does for more boxes, one inside the other, than any film has.
    """
    while at + 8 <= until:
        length, name = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        inside = at + 16 if length == 1 else at + 8
        end = {0: until, 1: at + int.from_bytes(content[at + 8 : at + 16])}.get(length, at + length)
        left[0] -= 1
        if not inside <= end <= until or left[0] < 0 or depth > _DEEPEST:
            raise _broken()
        yield _Part(name, at, inside, end)
        if name in _AROUND:
            yield from _boxes(content, inside, end, left, depth=depth + 1)
        at = end


def _broken() -> FileFormatError:
    return FileFormatError()


_CLEANERS: dict[str, Callable[[bytes], bytes]] = {
    "image/jpeg": _clean_jpeg,
    "image/png": _clean_png,
    "image/webp": _clean_webp,
    "audio/mp4": _clean_mp4,
    "video/mp4": _clean_mp4,
}
