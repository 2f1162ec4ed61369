"""What a file is its bytes say, and what it tells of a place or a device is taken out of it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import FileFormatError
from campaigns.gateways.callbacks import MediaKind
from campaigns.inbox.media.file_types import FileType, type_of
from campaigns.inbox.media.metadata import without_metadata
from tests.inbox.media.files import POSITION, archive, exif, jpeg, mp4, ogg, png, webp

VOICE, PICTURE, FILM, FILE = MediaKind.VOICE, MediaKind.PICTURE, MediaKind.FILM, MediaKind.FILE
SAMPLES = {
    "image/jpeg": jpeg(),
    "image/png": png(),
    "image/webp": webp(),
    "video/mp4": mp4(),
    "audio/mp4": mp4(b"M4A "),
}


@pytest.mark.parametrize(
    ("content", "told", "found"),
    [
        (jpeg(), FILE, FileType(PICTURE, "image/jpeg", 12)),
        (jpeg(width=8000, height=5000), PICTURE, FileType(PICTURE, "image/jpeg", 40_000_000)),
        (png(width=65_000, height=65_000), FILE, FileType(PICTURE, "image/png", 4_225_000_000)),
        (b"GIF89a\x03\0\x02\0", PICTURE, FileType(PICTURE, "image/gif", 6)),
        (webp(), PICTURE, FileType(PICTURE, "image/webp", 12)),
        (ogg(seconds=7), VOICE, FileType(VOICE, "audio/ogg", seconds=7)),
        (b"OggS" + bytes(24) + b"\x01vorbis", VOICE, FileType(VOICE, "audio/ogg")),
        (mp4(), FILM, FileType(FILM, "video/mp4")),
        (mp4(), VOICE, FileType(VOICE, "audio/mp4")),
        (mp4(b"M4A "), FILE, FileType(VOICE, "audio/mp4")),
        (b"\x1aE\xdf\xa3", VOICE, FileType(VOICE, "audio/webm")),
        (b"\x1aE\xdf\xa3", FILE, FileType(FILM, "video/webm")),
        (b"ID3\x03", VOICE, FileType(VOICE, "audio/mpeg")),
        (b"\xff\xfb\x90", FILE, FileType(VOICE, "audio/mpeg")),
        (b"\xff\xf1\x50", FILE, FileType(VOICE, "audio/aac")),
        (b"#!AMR\n", VOICE, FileType(VOICE, "audio/amr")),
        (b"RIFF\0\0\0\0WAVE", VOICE, FileType(VOICE, "audio/wav")),
        (b"RIFF\0\0\0\0AVI ", FILM, None),
        (archive(), VOICE, None),
        (b"OggS" + bytes(24) + b"\x80theora", FILM, None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", PICTURE, None),
        (b"%PDF-1.7", FILE, None),
        (b"", VOICE, None),
    ],
)
def test_bytes_say_what_a_file_is(content: bytes, told: MediaKind, found: FileType | None) -> None:
    assert type_of(content, told) == found


@pytest.mark.parametrize("content_type", SAMPLES)
def test_nothing_of_a_position_is_left(content_type: str) -> None:
    content = SAMPLES[content_type]
    assert POSITION in content
    clean = without_metadata(content, content_type)
    assert POSITION not in clean
    assert type_of(clean, MediaKind.VOICE if content_type == "audio/mp4" else MediaKind.FILE) == type_of(
        content, MediaKind.VOICE if content_type == "audio/mp4" else MediaKind.FILE
    )
    assert without_metadata(clean, content_type) == clean


def test_pixels_colours_and_turn_stay() -> None:
    clean = without_metadata(jpeg(turn=6), "image/jpeg")
    assert b"ICC_PROFILE" in clean
    assert clean.count(b"\x12\xff\x00\x34\xff\xd0\x56") == 2
    assert clean.endswith(b"\xff\xd9")
    assert clean.count(b"Exif\0\0") == 1
    assert without_metadata(jpeg(turn=1), "image/jpeg").count(b"Exif") == 0


@pytest.mark.parametrize("order", ["MM", "II"])
def test_turn_is_read_in_either_order(order: str) -> None:
    told = without_metadata(jpeg(turn=8, order=order), "image/jpeg")
    assert told[2:4] == b"\xff\xe1"
    assert told[told.index(b"Exif") :][24] == 0
    assert told[told.index(b"Exif") :][25] == 8


def test_film_keeps_its_length_and_its_pictures() -> None:
    clean = without_metadata(mp4(), "video/mp4")
    assert len(clean) == len(mp4())
    assert clean.index(b"pictures") == mp4().index(b"pictures")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\xff\xd8\xff\xe1\xff\xffshort", "image/jpeg"),
        (png()[:60], "image/png"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"\0\0\0\x0cftypisom" + b"\0\0\0\x04moov", "video/mp4"),
        (b"\0\0\0\x08free" * 10_001, "video/mp4"),
    ],
)
def test_broken_file_is_refused(content: bytes, content_type: str) -> None:
    with pytest.raises(FileFormatError):
        without_metadata(content, content_type)


@given(data=st.data(), content_type=st.sampled_from(sorted(SAMPLES)))
def test_no_bytes_break_us(data: st.DataObject, content_type: str) -> None:
    sample = SAMPLES[content_type]
    start = data.draw(st.integers(0, len(sample)))
    content = sample[:start] + data.draw(st.binary(max_size=40)) + sample[start + data.draw(st.integers(0, 20)) :]
    found = type_of(content, MediaKind.FILE)
    if found is not None:
        with suppress(FileFormatError):
            without_metadata(content, found.content_type)


@given(noise=st.binary(max_size=60))
def test_noise_as_exif_breaks_nothing(noise: bytes) -> None:
    content = jpeg().replace(exif(), b"Exif\0\0" + noise.ljust(len(exif()) - 6, b"\0")[: len(exif()) - 6])
    assert without_metadata(content, "image/jpeg")
