"""Pages and files leave compressed; files are named by content and kept, pages tell nothing by their length."""

from __future__ import annotations

import gzip
import re

import pytest

from campaigns.staff.models import Role
from tests.web.pages import Pages

GZIP = {"Accept-Encoding": "gzip"}


def test_page_leaves_packed_and_whole(pages: Pages) -> None:
    client = pages.client(pages.member(Role.AUTHOR))
    packed, plain = client.get("/places", headers=GZIP), client.get("/places")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    assert gzip.decompress(packed.data).startswith(b"<!doctype html>")


def test_length_of_a_page_tells_no_secret(pages: Pages) -> None:
    """The same page has many lengths, so that one more or less of it says nothing."""
    client = pages.client()
    lengths = {len(client.get("/sign-in", headers=GZIP).data) for _ in range(20)}
    assert len(lengths) > 5


def test_files_are_named_by_content_and_kept(pages: Pages) -> None:
    client = pages.client()
    addresses = re.findall(r'(/static/[^"?]+)\?v=([0-9a-f]{12})"', client.get("/sign-in").get_data(as_text=True))
    assert addresses
    for path, digest in addresses:
        with client.get(f"{path}?v={digest}", headers=GZIP) as answer:
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        with client.get(f"{path}?v=000000000000") as answer:
            assert "immutable" not in answer.headers["Cache-Control"]


def test_packed_file_is_not_sent_twice(pages: Pages) -> None:
    client = pages.client()
    with client.get("/static/fingerpost.css", headers=GZIP) as first:
        tag, body = first.headers["ETag"], gzip.decompress(first.data)
    with client.get("/static/fingerpost.css") as plain:
        assert plain.data == body
    with client.get("/static/fingerpost.css", headers=GZIP | {"If-None-Match": tag}) as again:
        assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["/static/people.webp", "/static/icon.svg?", "/static/../wsgi.py", "/static/%00"])
def test_what_does_not_shrink_stays(pages: Pages, path: str) -> None:
    with pages.client().get(path, headers=GZIP) as answer:
        assert answer.headers.get("Content-Encoding") != "gzip" or answer.mimetype == "text/html"
        assert answer.status_code in {200, 404}
