"""Nobody is led elsewhere: by a host that is none of ours, or by an address to come back to."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from campaigns.core.errors import SettingsError
from campaigns.readiness.settings_checks import check_settings
from campaigns.web.guards.hosts import local_path
from tests.web.pages import Pages, make_pages, page_settings

pytestmark = pytest.mark.both_databases


@pytest.mark.one_database
@pytest.mark.parametrize("path", ["/sign-in", "/sign-in//again", "/nothing", "/static/fingerpost.css", "/api"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "[::2]", "x y"])
def test_foreign_hosts_are_refused(pages: Pages, path: str, host: str) -> None:
    answer = pages.client().get(path, headers={"Host": host})
    assert 400 <= answer.status_code < 500
    assert "Location" not in answer.headers


def test_own_names_are_answered(engine: Engine) -> None:
    with make_pages(
        engine, public_url="https://reach.example:8443", trusted_hosts="10.0.0.7 Inner.example"
    ) as pages:
        for host in ("reach.example", "REACH.example:8443", "localhost:1", "127.0.0.1", "[::1]:80"):
            assert pages.client().get("/sign-in", headers={"Host": host}).status_code == 200, host
        for host in ("10.0.0.7:8000", "inner.example", "reach.example."):
            assert pages.client().get("/sign-in", headers={"Host": host}).status_code == 200, host


@pytest.mark.one_database
def test_stops_and_monitors_are_answered_by_any_name(pages: Pages) -> None:
    client, headers = pages.client(), {"Host": "10.9.8.7"}
    assert client.get("/health", headers=headers).status_code == 200
    # Unsigned, so refused; but not for its name.
    assert client.post("/hooks/twilio/inbound", headers=headers).status_code == 403
    assert client.post("/hooks//twilio/inbound", headers=headers).status_code == 421


@pytest.mark.parametrize("names", ["https://reach.example", "a,b", "reach.example:80"])
def test_names_that_are_none_are_told(engine: Engine, names: str) -> None:
    with pytest.raises(SettingsError, match="trusted_hosts"):
        check_settings(page_settings(engine, trusted_hosts=names))


@pytest.mark.parametrize("path", ["/", "/settings?tab=1", "/reach/runs/7", "/x?next=//evil", "/%2F%2Fevil"])
def test_paths_of_ours_are_followed(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.one_database
@pytest.mark.parametrize(
    "address",
    [
        *("//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "/\t/evil.example", "evil"),
        *("https://evil.example", "javascript:alert(1)", "", "/x\nSet-Cookie: a=b", "/ /evil.example", " /x"),
    ],
)
def test_all_else_is_the_start_page(pages: Pages, address: str) -> None:
    assert local_path(address) == "/"
    client = pages.client(pages.member())
    for answer in (
        client.post("/language", data={"language": "uk", "next": address}),
        pages.client().get("/language", query_string={"language": "uk", "next": address}),
    ):
        assert answer.location == "/"
