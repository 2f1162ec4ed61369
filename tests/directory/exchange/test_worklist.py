"""The bundled work list becomes drafts without inventing what its wording leaves open."""

from __future__ import annotations

import pytest

from campaigns.core.errors import FileFormatError, RowsError
from campaigns.directory.exchange.worklist import ServiceDraft, read_bundled, read_worklist
from campaigns.directory.models import SOURCED, ForeignSim, OperatorType, ServiceKind
from campaigns.directory.opening_hours import is_always_open
from campaigns.directory.wordings import read_kind, read_languages, read_numbers, read_operator

HEADER = "country,service,number,status,hours,time_zone\n"


def drafts(country: str) -> dict[str, ServiceDraft]:
    return {draft.name.split(" ")[0]: draft for draft in read_bundled().drafts if draft.country == country}


def test_every_row_is_read_or_counted() -> None:
    bundled = read_bundled()
    assert len(bundled.drafts) == 50
    assert bundled.without_number == 2
    assert len({draft.key for draft in bundled.drafts}) == 50
    assert sum(draft.source_status == SOURCED for draft in bundled.drafts) == 39


def test_polish_line_is_read_whole() -> None:
    kcik = drafts("PL")["KCIK"]
    assert kcik.number_national == kcik.number_from_abroad == "+48 22 628 01 20"
    assert kcik.works_from_foreign_sim is ForeignSim.YES
    assert (kcik.kind, kcik.operator_type) == (ServiceKind.TRAFFICKING, OperatorType.NGO)
    assert kcik.languages == ["pl", "en", "fr", "vi"]
    assert kcik.languages_note.endswith("uk/ru likely, unconfirmed)")
    assert is_always_open(kcik.hours)
    assert kcik.time_zone == "Europe/Warsaw"


def test_two_numbers_of_one_line_stay_together() -> None:
    line = drafts("UA")["La"]
    assert (line.number_national, line.other_numbers) == ("116 123", ["0 800 500 335"])


def test_two_lines_in_one_row_are_parted() -> None:
    emergency, child = drafts("RO")["Emergency"], drafts("RO")["Child"]
    assert (emergency.number_national, emergency.kind) == ("112", ServiceKind.EMERGENCY)
    assert (child.number_national, child.kind) == ("119", ServiceKind.CHILD)


def test_languages_of_single_days_are_kept() -> None:
    assert drafts("CZ")["La"].language_days == {"ro": ["mon"], "ru": ["mon"], "bg": ["thu"]}


def test_regional_line_covers_its_region_only() -> None:
    assert drafts("MD")["Transnistria"].region_codes == ["MD-SN"]
    assert drafts("MD")["Safe-migration"].region_codes == []


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("uk, ru (assumed)", ["uk"]),
        ("hu, en (known); uk unconfirmed", ["hu"]),
        ("sk, en (others unconfirmed)", ["sk", "en"]),
        ("ro, uk (since 14 Mar 2022)", ["ro", "uk"]),
        ("en + local languages", ["en"]),
        ("multilingual interpreters (known)", []),
        ("200+ via interpreters", []),
        ("", []),
    ],
)
def test_doubtful_languages_do_not_count(text: str, languages: list[str]) -> None:
    assert read_languages(text) == (languages, {})


def test_remarks_are_parted_from_numbers() -> None:
    assert read_numbers("08000 116 016 (later 116 016)") == (["08000 116 016"], ["later 116 016"])
    assert read_numbers("0300 303 8151 (older) / 0800 808 3733") == (["0300 303 8151", "0800 808 3733"], ["older"])
    assert read_numbers("(no number found)") == ([], ["no number found"])


@pytest.mark.parametrize(
    ("scope", "name", "kind"),
    [
        ("trafficking, DV", "OKIT", ServiceKind.TRAFFICKING),
        ("violence, trafficking referral", "Hilfetelefon", ServiceKind.VIOLENCE),
        ("child abuse, GBV (takes trafficking)", "Sauti", ServiceKind.CHILD),
        ("report suspicions", "Bundeskriminalamt trafficking hotline", ServiceKind.TRAFFICKING),
        ("Kenyans in Saudi Arabia", "Kenya Consulate Jeddah", ServiceKind.CONSULAR),
        ("crime victims", "Victim support line", ServiceKind.VICTIMS),
        ("crime reports", "DCI anonymous reporting", ServiceKind.OTHER),
    ],
)
def test_first_named_kind_decides(scope: str, name: str, kind: ServiceKind) -> None:
    assert read_kind(scope, name) is kind


def test_operator_named_first_decides() -> None:
    assert read_operator("La Strada Foundation + Po MOC (ministry-funded)", "KCIK") is OperatorType.NGO
    assert read_operator("IOM-established, NGO-run", "527") is OperatorType.NGO
    assert read_operator("Ministry of Justice + IOM", "8797") is OperatorType.GOVERNMENT
    assert read_operator("Ministry of Foreign Affairs", "Kenya Consulate") is OperatorType.CONSULATE
    assert read_operator("", "Line") is OperatorType.UNKNOWN


def test_namesakes_get_keys_of_their_own() -> None:
    rows = "PL,Help line,111,sourced,,\nPL,Help line,222,sourced,,\n"
    assert [draft.key for draft in read_worklist(HEADER + rows).drafts] == ["pl-help-line", "pl-help-line-2"]


def test_missing_column_is_named() -> None:
    with pytest.raises(FileFormatError, match="lacks the column number and status"):
        read_worklist("country,service\nPL,Line\n")
    with pytest.raises(FileFormatError, match="lacks the column country"):
        read_worklist("")


def test_wrong_rows_are_told_by_line() -> None:
    rows = 'Poland,Line,1 1 2,sourced,,\nFR,Line,17,sourced,,\nPL,,112,sourced,,\nPL,"%s",112,sourced,,\n'
    with pytest.raises(RowsError) as caught:
        read_worklist(HEADER + rows % ("x" * 201))
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [
        (2, "country"),
        (3, "time_zone"),
        (4, "service"),
        (5, "service"),
    ]


def test_other_countries_name_their_zone() -> None:
    (draft,) = read_worklist(HEADER + "FR,Ligne,3919,sourced,24/7,Europe/Paris\n").drafts
    assert draft.time_zone == "Europe/Paris"
    with pytest.raises(RowsError):
        read_worklist(HEADER + "FR,Ligne,3919,sourced,24/7,Europe/Atlantis\n")


def test_broken_quotes_are_refused() -> None:
    with pytest.raises(FileFormatError, match="not valid CSV"):
        read_worklist(HEADER + 'PL,"Line"x,112,sourced,,\n')


def test_byte_order_mark_is_no_column() -> None:
    assert len(read_worklist("\ufeff" + HEADER + "PL,Line,112,sourced,,\n").drafts) == 1


def test_line_that_tells_excel_the_separator_is_understood() -> None:
    rows = "\ufeffsep=;\r\n" + (HEADER + "PL,Help line,111,sourced,,\n").replace(",", ";")
    assert [draft.key for draft in read_worklist(rows).drafts] == ["pl-help-line"]
