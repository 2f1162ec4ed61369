"""Free words about people are sealed, since they may name them: reasons in the ledger, and names of files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from campaigns.audience.models import Consent, ContactImport
from campaigns.core.errors import RowProblem
from campaigns.core.keys.crypto import Vault


@dataclass(frozen=True, slots=True)
class Evidence:
    """Free words on why a person may or may not be written to, and what seals them."""

    text: str
    vault: Vault
    #: Whose member wrote them: others who know the person read that it was another one. None: the line's own.
    organisation_id: int | None = None

    def sealed_for(self, address_id: int) -> bytes:
        """Return the words, sealed for a line of the ledger about this address."""
        return self.vault.seal(self.text, table="consent", column="sealed_evidence", row_id=address_id)


def evidence_sealer(vault: Vault) -> Callable[[str, int], bytes]:
    """Return what `Evidence.sealed_for` does, for many lines: it takes the words and the id of the address."""
    return vault.sealer(table="consent", column="sealed_evidence")


def open_evidence(line: Consent, vault: Vault) -> str:
    """Return the words of a line, '' where it has none. Raises DamagedDataError."""
    if line.sealed_evidence is None:
        return ""
    return vault.open(line.sealed_evidence, table="consent", column="sealed_evidence", row_id=line.address_id)


@dataclass(frozen=True, slots=True)
class AboutFile:
    """What a contact file is called, and what is wrong with its rows, with the words that stand there."""

    name: str
    problems: Sequence[RowProblem] = ()
    #: What the first line says, where nobody has said yet which column is what; what could be a number is masked.
    columns: Sequence[str] = ()
    #: Of a list of numbers that is to be read or was not taken: where it comes from, and in which country its
    #: numbers are written.
    source: str = ""
    country: str | None = None
    #: Of a contact file that is to be read or was not taken: what a member says of it, as one line.
    telling: str = ""
    #: What is wrong by cause: told of the first row that has it, how many rows have it, and the first lines.
    causes: Sequence[tuple[RowProblem, int, tuple[int, ...]]] = ()


def seal_about(file: ContactImport, about: AboutFile, vault: Vault) -> None:
    """Keep what is said about a flushed file in its row, sealed."""
    said = json.dumps(
        {"name": about.name, "problems": [asdict(problem) for problem in about.problems]}
        | {"columns": list(about.columns), "source": about.source, "country": about.country}
        | {"telling": about.telling}
        | {"causes": [(asdict(problem), count, lines) for problem, count, lines in about.causes]}
    )
    file.sealed_about = vault.seal(said, table="contact_import", column="sealed_about", row_id=file.id)


def open_about(file: ContactImport, vault: Vault) -> AboutFile:
    """Return what is said about a file. Raises DamagedDataError."""
    if file.sealed_about is None:
        return AboutFile("")
    said = json.loads(vault.open(file.sealed_about, table="contact_import", column="sealed_about", row_id=file.id))
    problems = [RowProblem(**problem) for problem in said["problems"]]
    # What an earlier version kept has nothing to say of some.
    later = {name: said[name] for name in ("columns", "source", "country", "telling") if name in said}
    causes = [(RowProblem(**told), count, tuple(lines)) for told, count, lines in said.get("causes", ())]
    return AboutFile(said["name"], problems, **later, causes=causes)
