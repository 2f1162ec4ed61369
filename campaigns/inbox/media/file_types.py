"""The first bytes of a file say what it is, whatever whoever sent it calls it; pure, and nothing is decoded.

Only what browsers show is known here. Of a picture its pixels are read, of a voice note how long it plays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from campaigns.gateways.callbacks import MediaKind

#: How many bytes of the end of a sound are looked through for its last page.
_TAIL = 70_000
#: Opus counts 48,000 samples a second, whatever it plays.
_OPUS_RATE = 48_000
_LONGEST_SECONDS = 86_400
#: More than any picture has, whatever its head says; no database holds all that stands there.
_MOST_PIXELS = 2**62
#: Markers of a JPEG with its size: SOF0 to SOF15 without DHT, JPG and DAC (ITU T.81, table B.1).
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Markers without a length.
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN = 0xDA


@dataclass(frozen=True, slots=True)
class FileType:
    """What a file is, by its bytes."""

    kind: MediaKind
    content_type: str
    #: Width times height; None where it cannot be read.
    pixels: int | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a JPEG before its scan: where it begins and ends, marker and length included."""

    marker: int
    start: int
    end: int


def type_of(content: bytes, told: MediaKind) -> FileType | None:
    """Return what a file is, None for what no browser shows; `told` decides where sound and film begin alike."""
    for beginning, content_type in _PICTURES.items():
        if content.startswith(beginning):
            return FileType(MediaKind.PICTURE, content_type, _pixels_of(content, content_type))
    if content[:4] == b"RIFF" and content[8:12] in _RIFF:
        kind, content_type = _RIFF[content[8:12]]
        return FileType(kind, content_type, _pixels_of(content, content_type))
    if content.startswith(b"OggS"):
        return _ogg_type(content)
    if content[4:8] == b"ftyp":
        is_sound = told is MediaKind.VOICE or content[8:12] in (b"M4A ", b"M4B ")
        return FileType(MediaKind.VOICE, "audio/mp4") if is_sound else FileType(MediaKind.FILM, "video/mp4")
    if content.startswith(b"\x1aE\xdf\xa3"):
        is_sound = told is MediaKind.VOICE
        return FileType(MediaKind.VOICE, "audio/webm") if is_sound else FileType(MediaKind.FILM, "video/webm")
    found = next((sound for beginning, sound in _SOUNDS.items() if beginning.match(content)), "")
    return FileType(MediaKind.VOICE, found) if found else None


def segments_of(content: bytes) -> Iterator[Segment]:
    """Give the parts of a JPEG up to its scan, whose part is the last; what is cut short ends before."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
        if end > len(content) or end < at + 4:
            return
        yield Segment(marker, at, end)
        if marker == _SCAN:
            return
        at = end


def _ogg_type(content: bytes) -> FileType | None:
    start = content[:200]
    if b"OpusHead" in start:
        return FileType(MediaKind.VOICE, "audio/ogg", seconds=_seconds_of(content))
    return FileType(MediaKind.VOICE, "audio/ogg") if b"\x01vorbis" in start else None


def _seconds_of(content: bytes) -> int | None:
    """Return how long an Opus sound plays: its last page tells how many samples there were (RFC 7845 §4)."""
    at = content.rfind(b"OggS", -_TAIL)
    seconds = int.from_bytes(content[at + 6 : at + 14], "little") // _OPUS_RATE
    return seconds if at >= 0 and seconds <= _LONGEST_SECONDS else None


def _pixels_of(content: bytes, content_type: str) -> int | None:
    if content_type == "image/jpeg":
        starts = [each.start for each in segments_of(content) if each.marker in _SIZES]
        sides = (content[starts[0] + at : starts[0] + at + 2] for at in (5, 7)) if starts else None
        return _product(*sides) if sides else None
    if content_type == "image/png":
        return _product(content[16:20], content[20:24])
    if content_type == "image/gif":
        return _product(content[7:5:-1], content[9:7:-1])
    if content[12:16] == b"VP8X":
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))
        return width * height
    return None


def _product(width: bytes, height: bytes) -> int:
    return min(int.from_bytes(width) * int.from_bytes(height), _MOST_PIXELS)


_PICTURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_RIFF = {b"WEBP": (MediaKind.PICTURE, "image/webp"), b"WAVE": (MediaKind.VOICE, "audio/wav")}
_SOUNDS = {
    re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"): "audio/mpeg",
    re.compile(rb"#!AMR"): "audio/amr",
    re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"): "audio/aac",
}
