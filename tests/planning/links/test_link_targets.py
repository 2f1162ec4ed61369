"""A link leads to a page on a listed host, and to nothing that only looks like one."""

from __future__ import annotations

import pytest

from campaigns.core.errors import InputError
from campaigns.planning.links.link_targets import check_host, check_target, may_lead

HOSTS = ("help.example.org", "xn--e1afmkfd.xn--p1ai")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (" https://help.example.org ", "https://help.example.org"),
        ("https://HELP.example.org/a?b=c#d", "https://help.example.org/a?b=c#d"),
        ("https://пример.рф/допомога", "https://xn--e1afmkfd.xn--p1ai/допомога"),
    ],
)
def test_page_on_a_listed_host_is_led_to(text: str, target: str) -> None:
    assert check_target(text, HOSTS) == target
    assert may_lead(target, HOSTS)
    assert not may_lead(target, ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "help.example.org",
        "http://help.example.org/",
        "javascript:alert(1)",
        "https://",
        "https:///help.example.org",
        "https://user@help.example.org/",
        "https://user:pw@help.example.org/",
        "https://help.example.org@evil.example/",
        "https://help.example.org\\@evil.example/",
        "https://help.example.org:8443/",
        "https://help.example.org:port/",
        "https://help.example.org./",
        "https://help.example.org/a\r\nSet-Cookie: a=b",
        "https://help.exam\nple.org/",
        "https://help.example.org/a b",
        "https://help.example.org/\u202egro",
        "https://help.example.org/\u200b",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.0x1/",
        "https://0177.0.0.1/",
        "https://１２７.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://help.localhost/",
        "https://printer.local/",
        "https://evil.example/",
        "https://help.example.org.evil.example/",
        "https://xhelp.example.org/",
        "https://hеlp.example.org/",
        "https://help.example.org/go/K7",
        "https://help.example.org/" + "a" * 400,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        check_target(text, HOSTS)
    assert not may_lead(text, HOSTS)


def test_what_only_looks_like_a_listed_host_is_shown_as_the_net_knows_it() -> None:
    with pytest.raises(InputError) as caught:
        check_target("https://hеlp.example.org/", HOSTS)
    assert str(caught.value.values["host"]).startswith("xn--")


@pytest.mark.parametrize("text", ["https://help.example.org", "help", "10.0.0.1", "a..b", "-a.example", "a" * 300])
def test_host_is_a_name(text: str) -> None:
    with pytest.raises(InputError):
        check_host(text)
