"""The one tree of errors: every failure that a person or program can cause or meet has a named class here.

FingerpostError
├── InputError                    what was given is wrong; nothing was changed
│   ├── FileFormatError           a file cannot be read as what it claims to be
│   │   └── UnreadableFileError   reading it takes more than it may, or breaks whoever tries
│   │       └── BrokenOffError    a signal ended whoever tried
│   ├── TooManyRowsError          a file is larger than the limit
│   ├── RowsError                 some rows of a file are wrong, each told by its line
│   ├── CellError                 one cell of a file, or field of a report, is not what stands above it
│   ├── FieldsError               some values of a program's request are wrong, each told by its place
│   ├── GeometryError             a shape or coordinate that cannot be a place
│   ├── RouteError                a route without an order of at least two stops
│   ├── AudienceRuleError         a rule that names nothing or contradicts itself
│   ├── AddressError              a handle that cannot be an address on its channel
│   ├── PlaceholderError          an unknown, nested or unclosed placeholder
│   ├── BaseLanguageError         a message without its text in the base language
│   ├── ScheduleError             a time or recurrence that cannot fire
│   └── TooLargeError             a request or file longer than what is taken
├── SettingsError                 a setting that is missing or wrong, which only the operator can mend
├── RefusedError                  well formed, but the rules say no
│   ├── GateError                 a gate before sending is red
│   ├── TransitionError           a state does not allow this move
│   ├── ChangedError              it changed since it was read
│   ├── ApprovalError             the approver edited it, or it changed since
│   ├── ForbiddenError            the member's roles do not allow it
│   ├── NoSignpostError           no trusted service for a region, language and hour
│   ├── OpenPeriodError           a release of a period whose figures still move
│   ├── AlreadyReleasedError      a second release of the same figures that is no correction
│   ├── BudgetError               a release that would give away more in a year than may be
│   ├── ForeignCredentialError    a credential that is another organisation's, or nobody's
│   └── GatewayRefusedError       a gateway that must not be built in this mode
├── NotFoundError                 missing, or another organisation's
├── SignatureError                a callback that is unsigned, forged or stale
├── TokenError                    a request to the API without a token, or with a stale one
├── DamagedDataError              stored data that contradicts itself (broken chain, undecipherable row)
└── UnavailableError              a database, provider or sandbox that does not answer
    ├── BusyError                 so many ask at once that this one has to ask again
    └── RecipientRefusedError     a mail server that answers, and knows nobody of this address
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from campaigns.core.lists import filled
from campaigns.core.words import N_


class FingerpostError(Exception):
    """Root of all errors that Fingerpost raises on purpose; its text is one plain sentence.

    The sentence is given as a template and the values for its %(name)s, so that a page can say it in the reader's
    language; without values it stands as it is. A value may be another error, which is then told inside this one,
    or several values, which are told as a list.
    """

    def __init__(self, template: str = "", **values: object) -> None:
        self.template = template
        self.values = values
        super().__init__(filled(template, values))

    @classmethod
    def telling(cls, sentence: object) -> Self:
        """Return an error that says a sentence which was made elsewhere (see `sentences.py`)."""
        return cls("%(sentence)s", sentence=sentence)


class InputError(FingerpostError):
    """What was given is wrong; nothing was changed."""


class FileFormatError(InputError):
    """A file cannot be read as what it claims to be."""


class MissingColumnsError(FileFormatError):
    """The first line of a file names no column for something; its value `found` has what it names."""


class UnreadableFileError(FileFormatError):
    """Reading a file takes more memory or time than it may, or ends the process that tries."""


class BrokenOffError(UnreadableFileError):
    """A signal ended the child that read a file: the file may be at fault, or whoever ends what runs."""


class TooManyRowsError(InputError):
    """A file has more rows, columns, cells or bytes than the limit."""


#: Problems of one file that are told: whoever mends these sends the file again.
MOST_PROBLEMS = 200


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with one row of a file."""

    #: As a spreadsheet counts: the header is line 1.
    line: int
    #: Name of the column, or "" for the row as a whole.
    column: str
    #: Template of the sentence, and the values for its %(name)s.
    template: str
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What is wrong, in English."""
        return filled(self.template, self.values)

    def __str__(self) -> str:
        where = f"Line {self.line}, {self.column}" if self.column else f"Line {self.line}"
        return f"{where}: {self.sentence}"


class RowsError(InputError):
    """Some rows of a file are wrong; `problems` tells the first of them, in the order of the file."""

    def __init__(self, problems: Sequence[RowProblem], *, count: int | None = None) -> None:
        self.problems = tuple(problems[:MOST_PROBLEMS])
        #: How many problems the file has, also where not all are told.
        self.count = len(problems) if count is None else count
        first, others = self.problems[0], self.count - 1
        template = N_("%(first)s (Other problems in the file: %(others)s.)") if others else "%(first)s"
        super().__init__(template, first=first, others=others)


class CellError(InputError):
    """One cell of a file, or one field of a report, is not what stands above it."""


class FieldsError(InputError):
    """Some values of a program's request are wrong; `problems` has the pointer and detail of each."""

    def __init__(self, template: str, *, problems: Sequence[Mapping[str, str]], **values: object) -> None:
        self.problems = tuple(problems)
        super().__init__(template, **values)


class GeometryError(InputError):
    """A shape or coordinate cannot be a place on Earth."""


class RouteError(InputError):
    """A route lacks an order of at least two known stops."""


class AudienceRuleError(InputError):
    """An audience rule names nothing that exists, or contradicts itself."""


class AddressError(InputError):
    """A handle cannot be an address on its channel."""


class PlaceholderError(InputError):
    """A text holds an unknown, nested or unclosed placeholder."""


class BaseLanguageError(InputError):
    """A message lacks its text in the base language."""


class ScheduleError(InputError):
    """A time or recurrence cannot fire as written."""


class TooLargeError(InputError):
    """A request or a file is longer than what is taken."""


class SettingsError(FingerpostError):
    """A setting is missing or cannot be used.

    Whoever asked gave nothing wrong: a page answers it as a failure of ours, so that a provider asks again.
    """


class RefusedError(FingerpostError):
    """The request is well formed, but a rule says no."""


class GateError(RefusedError):
    """A gate before sending is red."""


class TransitionError(RefusedError):
    """The present state does not allow this move."""


class ChangedError(RefusedError):
    """It changed since whoever acts on it read it."""


class ApprovalError(RefusedError):
    """The approver edited the campaign, or it changed since it was submitted."""


class ForbiddenError(RefusedError):
    """The member's roles do not allow this."""


class NoSignpostError(RefusedError):
    """No trusted service covers this region, language and hour."""


class OpenPeriodError(RefusedError):
    """The figures of this period still move."""


class AlreadyReleasedError(RefusedError):
    """These figures are released already; only a correction with a reason may follow."""


class BudgetError(RefusedError):
    """The ledger of the year has no room for another release."""


class QuotaError(RefusedError):
    """It was done too often lately."""


class ForeignCredentialError(RefusedError):
    """This credential does not belong to the organisation."""


class GatewayRefusedError(RefusedError):
    """This gateway must not be built in this mode."""


class NotFoundError(FingerpostError):
    """The thing is missing, or belongs to another organisation."""


class SignatureError(FingerpostError):
    """A callback is unsigned, forged or stale."""


class TokenError(FingerpostError):
    """A request to the API has no token, or one that opens nothing (any more)."""


class DamagedDataError(FingerpostError):
    """Stored data contradicts itself: a broken chain, a row that cannot be deciphered."""


class UnavailableError(FingerpostError):
    """A database, provider or sandbox does not answer."""


class BusyError(UnavailableError):
    """So many ask at once that this one has to ask again."""


class RecipientRefusedError(UnavailableError):
    """A mail server answers, and takes nothing for this address."""
