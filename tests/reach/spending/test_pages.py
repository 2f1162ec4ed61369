"""The page of spending adds up by month and country, hides small countries, and lets administrators limit it."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core import clock
from campaigns.planning.spending.models import AccountBalance, RunCost, SpendingLimit, ToldCost
from campaigns.staff.models import Organisation, Role
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]


def spend(pages: Pages, owner: Organisation | None = None, **messages: int) -> None:
    """Let messages of a tenth of a dollar go to the numbers of countries this month."""
    with pages.sessions.begin() as session:
        whose = {"organisation_id": (owner or pages.ours).id, "month": f"{clock.now():%Y-%m}", "sender_id": 1}
        for country, count in messages.items():
            figures = {"messages": count, "parts": count, "micros": count * 100_000, "coming_micros": 0}
            session.add(RunCost(run_id=whose["organisation_id"], country=country, **whose, **figures))


def tell(pages: Pages, country: str, currency: str, micros: int) -> None:
    """Let the provider tell what messages of today cost."""
    today = clock.now().date()
    with pages.sessions.begin() as session:
        whose = {
            "organisation_id": pages.ours.id,
            "secret_name": "twilio",
            "day": today,
            "month": f"{today:%Y-%m}",
        }
        figures = {"messages": 400, "parts": 400, "micros": micros}
        session.add(ToldCost(country=country, currency=currency, **whose, **figures))


def rows(page: str) -> list[str]:
    found = re.findall(r'<tr><th scope="row">(.*?)</tr>', page, re.S)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in found]


def test_countries_with_few_messages_stand_together(pages: Pages, client_for: Clients) -> None:
    spend(pages, UA=400, PL=25, RO=3, MD=2)
    spend(pages, pages.theirs, DE=900)
    tell(pages, "UA", "USD", 37_010_000)
    tell(pages, "UA", "EUR", 5_000_000)
    page = client_for(Role.AUTHOR).get("/reach/spending").text
    assert rows(page) == [
        "Ukraine 400 $40.00 $38.00",
        "Poland 30 $3.00 not told",
        "All others fewer than 20 $1.00 not told",
        "Together 430 $43.00 $38.00",
    ]
    assert "€5.00" in page
    assert "No monthly limit is set" in page
    assert '<form class="form"' not in page


def test_an_administrator_limits_the_month_and_everybody_is_warned(pages: Pages, client_for: Clients) -> None:
    spend(pages, UA=850)
    admin = client_for(Role.ADMIN)
    assert admin.post("/reach/spending", data={"limit": "0"}).status_code == 422
    assert admin.post("/reach/spending", data={"limit": "100"}).status_code == 302
    assert "$85.00 of $100.00 are spent." in admin.get("/reach/spending").text
    assert "$85.00 of this month’s $100.00" in client_for(Role.APPROVER).get("/").text
    assert "$85.00" not in client_for(Role.VIEWER).get("/").text
    assert client_for(Role.AUTHOR).post("/reach/spending", data={"limit": ""}).status_code == 403
    admin.post("/reach/spending", data={"limit": ""})
    with pages.sessions() as session:
        assert session.scalars(select(SpendingLimit)).all() == []


def test_nothing_spent_says_what_comes(client_for: Clients) -> None:
    assert "Nothing has been spent yet." in client_for(Role.AUTHOR).get("/reach/spending").text


def test_a_balance_that_runs_out_is_told_on_now(pages: Pages, client_for: Clients) -> None:
    told = {"gateway": "twilio", "currency": "USD", "told_at": clock.now()}
    with pages.sessions.begin() as session:
        session.add(AccountBalance(secret_name="twilio", micros=12_340_000, **told))
        session.add(AccountBalance(secret_name="theirs", micros=5_000_000, **told))
    page = client_for(Role.AUTHOR).get("/reach/spending").text
    assert ("$12.00" in page, "12.34" in page) == (True, False)
    assert "$5.00" not in page
    assert "$12.00 are left with the provider of twilio" in client_for(Role.ADMIN).get("/").text
    with pages.sessions.begin() as session:
        session.get_one(AccountBalance, "twilio").micros = 99_000_000
    assert "are left with" not in client_for(Role.ADMIN).get("/").text
