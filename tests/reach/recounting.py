"""The figures of reach counted anew in plain SQL, and read from the pages, number by number.

The SQL was written from the words of the pages, knows nothing of the code that counts, and reads deliveries row by
row; the pages are read as a steward reads them: their HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from babel import Locale
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

#: The words of the pages as conditions on a delivery.
CAME_BACK = "send_state IN ('accepted', 'unknown', 'unconfirmed', 'sending') AND receipt_state IS NOT NULL"
DELIVERED = f"({CAME_BACK} AND receipt_state IN ('delivered', 'read'))"
ACCEPTED = f"(send_state = 'accepted' OR {CAME_BACK})"
READ = f"({CAME_BACK} AND receipt_state = 'read')"
REACHED = f"(CASE delivery.channel WHEN 'telegram' THEN {ACCEPTED} ELSE {DELIVERED} END)"
SAYS = {"planned": "1 = 1", "accepted": ACCEPTED, "delivered": DELIVERED, "read": READ, "reached": REACHED}
#: Kinds of replies in which somebody wrote back; the others say something about consent.
WROTE = "'text', 'help', 'info', 'yes', 'location', 'moved'"
#: Deliveries of the campaign to people: nobody of a rehearsal counts.
MINE = "delivery.run_id IN (SELECT id FROM run WHERE campaign_id = :campaign AND NOT is_rehearsal)"
CHANNELS = {"sms": "SMS", "whatsapp": "WhatsApp", "telegram": "Telegram"}


@dataclass(frozen=True, slots=True)
class Books:
    """A campaign that was counted: its rows, and its pages as a steward gets them."""

    sessions: sessionmaker[Session]
    client: FlaskClient
    campaign_id: int

    def counted(self, sql: str, **values: Any) -> list[Any]:
        """Ask the database in plain words."""
        with self.sessions() as session:
            return list(session.execute(text(sql), {"campaign": self.campaign_id} | values))

    def page(self, address: str) -> str:
        """Return a page as a steward gets it."""
        answer = self.client.get(address)
        assert answer.status_code == 200
        return answer.text

    def campaign_page(self) -> str:
        """Return the page of what came of the campaign."""
        return self.page(f"/reach/campaigns/{self.campaign_id}")


def rows_of(page: str, section: str) -> dict[str, list[int]]:
    """Return the numbers of each row of the first table after a heading, by the row's name."""
    table = page.split(f'id="{section}"', 1)[1].split("</tbody>", 1)[0].split("<tbody>", 1)[1]
    found = {}
    for row in table.split("</tr>")[:-1]:
        name = clean(re.sub(r'<span class="quiet small block">.*?</span>', "", row.split("</th>")[0]))
        figures = re.findall(r'<td class="is-number"[^>]*>(.*?)</td>', row, re.S)
        found[name] = [number_in(re.sub(r"<ul.*?</ul>", "", figure, flags=re.S)) for figure in figures]
    return found


def clean(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def number_in(html: str) -> int:
    return int(clean(re.sub(r'<span class="quiet small">.*?</span>', "", html)).replace(",", ""))


def ladder_of(page: str) -> dict[str, int]:
    """Return the number of each rung of a page."""
    rungs = (re.match(r'"(\w+)".*?ladder-number">([\d,]+)', each, re.S) for each in page.split("data-rung=")[1:])
    return {found[1]: int(found[2].replace(",", "")) for found in rungs if found}


def check_ladder(books: Books) -> None:
    """People of the campaign, each once, at every step."""
    sums = ", ".join(f"COUNT(DISTINCT CASE WHEN {says} THEN contact_id END)" for says in SAYS.values())
    [row] = books.counted(f"SELECT {sums} FROM delivery WHERE {MINE}")  # noqa: S608 - constants
    wanted = dict(zip(SAYS, row, strict=True))
    shown = ladder_of(books.campaign_page())
    assert {step: shown[step] for step in ("accepted", "delivered", "read")} == {
        step: wanted[step] for step in ("accepted", "delivered", "read")
    }
    compared = books.page("/reach/compare")
    [line] = rows_of(compared, "content").values()
    assert line[:2] == [wanted["planned"], wanted["reached"]]
    [month] = rows_of(books.page("/reach"), "months-title").values()
    assert month == [wanted["reached"]]


def check_engaged(books: Books) -> None:
    """People who wrote back to a message that was taken."""
    sql = f"""SELECT COUNT(DISTINCT reply.contact_id) FROM reply
        JOIN delivery ON delivery.contact_id = reply.contact_id
        WHERE {MINE} AND reply.kind IN ({WROTE}) AND {ACCEPTED}"""  # noqa: S608 - constants
    [[wanted]] = books.counted(sql)
    assert ladder_of(books.campaign_page())["engaged"] == wanted


def check_regions(books: Books) -> None:
    """Each person once, where the first delivery that reached them found them, else the first delivery."""
    sql = f"""SELECT COALESCE(region.name, 'Unknown region'), COUNT(*), SUM(accepted), SUM(reached) FROM
        (SELECT contact_id, MAX(CASE WHEN {ACCEPTED} THEN 1 ELSE 0 END) AS accepted,
            MAX(CASE WHEN {REACHED} THEN 1 ELSE 0 END) AS reached,
            COALESCE(MIN(CASE WHEN {REACHED} THEN delivery.id END), MIN(delivery.id)) AS first
         FROM delivery WHERE {MINE} GROUP BY contact_id) AS person
        JOIN delivery ON delivery.id = person.first LEFT JOIN region ON region.id = delivery.region_id
        GROUP BY 1"""  # noqa: S608 - constants
    wanted = {name: [int(figure) for figure in figures] for name, *figures in books.counted(sql)}
    shown = rows_of(books.campaign_page(), "regions-title")
    assert {name: figures[:3] for name, figures in shown.items()} == wanted


def check_parts(books: Books) -> None:
    """Once within a channel, a language and a place."""
    page = books.campaign_page()
    both = f"COUNT(DISTINCT contact_id), COUNT(DISTINCT CASE WHEN {REACHED} THEN contact_id END)"
    channels = books.counted(f"SELECT channel, {both} FROM delivery WHERE {MINE} GROUP BY channel")  # noqa: S608 - constants
    assert rows_of(page, "channels-title") == {CHANNELS[key]: figures for key, *figures in channels}
    texts = f"""SELECT language, {both} FROM delivery JOIN run_text ON run_text.id = text_id
        WHERE {MINE} GROUP BY language"""  # noqa: S608 - constants
    languages = {named_language(key): figures for key, *figures in books.counted(texts)}
    assert rows_of(page, "languages-title") == languages
    here = f"""SELECT place.name, {both} FROM delivery JOIN contact ON contact.id = contact_id
        JOIN place_cell ON place_cell.cell = contact.cell JOIN place ON place.id = place_id
        WHERE {MINE} AND place.kind IN ('hotspot', 'stop') GROUP BY 1"""  # noqa: S608 - constants
    places = {name: figures for name, *figures in books.counted(here)}
    # Beyond the first twenty they stand in a table of their own.
    more = rows_of(page, "more-places") if 'id="more-places"' in page else {}
    shown = rows_of(page, "hotspots-title") | more
    assert shown == places


def named_language(code: str) -> str:
    return str(Locale("en").languages[code])


def check_run(books: Books) -> None:
    """One run: its ladder, its regions and why messages failed."""
    *_, [run_id] = books.counted(
        "SELECT id FROM run WHERE campaign_id = :campaign AND not is_rehearsal ORDER BY id"
    )
    sums = ", ".join(f"SUM(CASE WHEN {says} THEN 1 ELSE 0 END)" for says in SAYS.values())
    of_run = "FROM delivery WHERE run_id = :run"
    [row] = books.counted(f"SELECT {sums} {of_run}", run=run_id)
    wanted = {step: int(figure) for step, figure in zip(SAYS, row, strict=True)}
    page = books.page(f"/reach/runs/{run_id}")
    shown = ladder_of(page)
    assert shown == {step: wanted[step] for step in shown}
    trend = rows_of(books.campaign_page(), "trend-title")
    assert [wanted["planned"], wanted["reached"]] in trend.values()
    regions = books.counted(
        "SELECT COALESCE(region.name, 'Unknown region'), COUNT(*) FROM delivery LEFT JOIN region "
        "ON region.id = region_id WHERE run_id = :run GROUP BY 1",
        run=run_id,
    )
    assert {name: line[0] for name, line in rows_of(page, "regions-title").items()} == dict(map(tuple, regions))
    refused = "(send_state IN ('failed', 'suppressed') AND error IS NOT NULL)"
    failed = f"SELECT COUNT(*) {of_run} AND ({refused} OR ({CAME_BACK} AND receipt_error IS NOT NULL))"
    [[count]] = books.counted(failed, run=run_id)
    assert sum(line[0] for line in rows_of(page, "causes-title").values()) == count


CHECKS = (check_ladder, check_engaged, check_regions, check_parts, check_run)
