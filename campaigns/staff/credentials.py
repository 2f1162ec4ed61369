"""The operator says, by the short names of organisations, whose the credentials of this instance are.

A credential that the settings give to nobody is that of the only organisation; where there are several it is
nobody's, and nothing is sent with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, count

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import ForeignCredentialError
from campaigns.core.settings import PREFIX, Settings
from campaigns.core.words import N_
from campaigns.staff.models import Organisation

#: Longest name of a credential, as senders keep it.
LONGEST_NAME = 60
_NOBODYS = N_(
    "The provider key “%(name)s” belongs to no organisation yet: whoever runs this system has to say whose it is."
)
_ANOTHERS = N_(
    "The provider key “%(name)s” does not belong to your organisation: whoever runs this system says whose it is."
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Which organisations own which credential; names are those that senders give, in any case."""

    settings: Settings
    #: Ids of all organisations of the instance, by their short names.
    organisations: Mapping[str, int]

    def owners_of(self, name: str) -> frozenset[int]:
        """Return the organisations that a credential belongs to."""
        named = self.settings.owners.get(name.upper())
        if named is None:
            return frozenset(self.organisations.values()) if len(self.organisations) == 1 else frozenset()
        return frozenset(self.organisations[slug] for slug in named.split() if slug in self.organisations)

    def belongs_to(self, name: str, organisation_id: int) -> bool:
        """Say whether an organisation may use a credential."""
        return organisation_id in self.owners_of(name)

    def belongs_alone_to(self, name: str, organisation_id: int) -> bool:
        """Say whether nobody else may know what a credential opens, under whatever names it is set."""
        token = self._token_of(name)
        same = {name, *(other for other in self.settings.secrets if token and self._token_of(other) == token)}
        return frozenset[int]().union(*map(self.owners_of, same)) == {organisation_id}

    def names_of(self, organisation_id: int) -> list[str]:
        """Return the names of the credentials that an organisation may use, as senders give them."""
        return sorted(name.lower() for name in self.settings.secrets if self.belongs_to(name, organisation_id))

    def is_told_of(self, name: str) -> bool:
        """Say whether the settings hold a credential, or say whose it is to be."""
        return name.upper() in self.settings.secrets or name.upper() in self.settings.owners

    def name_to_come(self, gateway: str, slug: str) -> str:
        """Return by which name an organisation's credential may be entered that nobody has entered yet."""
        own = f"{gateway}_{slug.replace('-', '_')}"[: LONGEST_NAME - 4]
        names = chain([gateway] if len(self.organisations) == 1 else [], [own], (f"{own}_{at}" for at in count(2)))
        return next(name for name in names if not self.is_told_of(name))

    def missing(self, name: str, slug: str) -> list[str]:
        """Return what the settings lack before an organisation can use a credential that nobody has entered."""
        owners, own_id = self.owners_of(name), self.organisations[slug]
        if name.upper() in self.settings.secrets or (owners and own_id not in owners):
            return []
        entered = f"{PREFIX}SECRET_{name.upper()}=account:token"
        return [entered] if owners else [entered, f"{PREFIX}OWNERS_{name.upper()}={slug}"]

    def opening(self, account: str) -> list[str]:
        """Return the names of the credentials that open an account, as senders give them."""
        secrets = self.settings.secrets.items()
        return sorted(name.lower() for name, secret in secrets if secret.partition(":")[0] == account)

    def check(self, name: str, organisation_id: int) -> None:
        """Raise ForeignCredentialError when an organisation may not use a credential."""
        if not self.belongs_to(name, organisation_id):
            raise ForeignCredentialError(_ANOTHERS if self.owners_of(name) else _NOBODYS, name=name.lower())

    def without_owner(self) -> Iterator[str]:
        """Yield a sentence about each credential that belongs to nobody, for whoever runs the instance."""
        for name in sorted(self.settings.secrets):
            unknown = [
                slug for slug in self.settings.owners.get(name, "").split() if slug not in self.organisations
            ]
            if unknown:
                yield f"{PREFIX}OWNERS_{name} names {unknown[0]}, and there is no such organisation."
            elif not self.owners_of(name):
                yield f"{PREFIX}SECRET_{name} is no organisation's: name its owners in {PREFIX}OWNERS_{name}."

    def _token_of(self, name: str) -> str:
        return self.settings.secrets.get(name.upper(), "").partition(":")[2]


def load_credentials(session: Session, settings: Settings) -> Credentials:
    """Read which organisations there are now, and return whose the credentials are."""
    rows = session.execute(select(Organisation.slug, Organisation.id))
    return Credentials(settings, {row.slug: row.id for row in rows})
