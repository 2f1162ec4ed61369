"""Small files of each kind, built byte by byte, with a position wherever one can stand."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

#: Where somebody is, as EXIF, XMP and films write it; no such bytes may be left anywhere.
POSITION = b"49.8397N 23.9939E"


def jpeg(*, width: int = 4, height: int = 3, turn: int = 6, order: str = "MM") -> bytes:
    """A JPEG with EXIF, XMP, a comment, a colour profile, and a second picture behind its end."""
    profile = _segment(0xE2, b"ICC_PROFILE\0\x01\x01colours")
    told = _segment(0xE1, exif(turn, order)) + _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + POSITION)
    told += _segment(0xE2, b"MPF\0" + POSITION) + _segment(0xED, POSITION) + _segment(0xFE, POSITION)
    head = _segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
    frame = _segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0")
    scan = _segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\x12\xff\x00\x34\xff\xd0\x56"
    tables = _segment(0xC4, b"\0" + b"\xff\xd9" * 8)
    first = b"\xff\xd8" + head + told + profile + frame + scan + tables + scan + b"\xff\xd9"
    return first + b"\xff\xd8" + told + frame + scan + b"\xff\xd9"


def exif(turn: int = 6, order: str = "MM") -> bytes:
    """EXIF of two entries, the second says how the picture is turned; behind them stands the position."""
    sign = ">" if order == "MM" else "<"
    entry = struct.Struct(f"{sign}HHIHH")
    entries = entry.pack(0x010F, 2, 1, 0, 0) + entry.pack(0x0112, 3, 1, turn, 0)
    tiff = order.encode() + struct.pack(f"{sign}HI", 42, 8) + struct.pack(f"{sign}H", 2) + entries
    return b"Exif\0\0" + tiff + POSITION


def png(*, width: int = 4, height: int = 3) -> bytes:
    """A PNG with a text and EXIF."""
    frame = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", frame), (b"tEXt", POSITION), (b"eXIf", POSITION), (b"IDAT", zlib.compress(b"\0" * 15))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in [*parts, (b"IEND", b"")]) + POSITION


def webp() -> bytes:
    """A WebP of 4 × 3 pixels whose head says that EXIF and XMP follow."""
    head = bytes([0x0C, 0, 0, 0, 3, 0, 0, 2, 0, 0])
    parts = [(b"VP8X", head), (b"VP8 ", b"pixels!"), (b"EXIF", POSITION), (b"XMP ", POSITION)]
    body = b"WEBP" + b"".join(_riff(*part) for part in parts)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def mp4(brand: bytes = b"isom") -> bytes:
    """A film with a position in three of its boxes; its pictures lie behind them."""
    track = _box(b"trak", _box(b"tkhd", b"head") + _box(b"meta", POSITION))
    film = _box(b"moov", _box(b"mvhd", b"times") + _box(b"udta", _box(b"\xa9xyz", POSITION)) + track)
    large = struct.pack(">I4sQ", 1, b"uuid", 16 + len(POSITION)) + POSITION
    return _box(b"ftyp", brand + b"\0\0\0\0") + film + large + _box(b"mdat", b"pictures")


def nested(depth: int) -> bytes:
    """A film whose boxes stand one inside the other."""
    film = b""
    for _ in range(depth):
        film = _box(b"moov", film)
    return _box(b"ftyp", b"isom\0\0\0\0") + film


def ogg(*, seconds: int = 7) -> bytes:
    """A voice note as Telegram records it."""
    first = b"OggS\0\x02" + bytes(8) + b"serialpagecrc" + b"OpusHead"
    return first + b"sound" * 40 + b"OggS\0\x04" + struct.pack("<Q", seconds * 48_000) + b"serialpagecrc" + b"end"


def archive() -> bytes:
    """A ZIP."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr("voice.ogg", "no voice")
    return file.getvalue()


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _riff(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content
