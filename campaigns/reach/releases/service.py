"""Makes releases: the only way from true counts to figures that partners may see, paid for in the ledger."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import AlreadyReleasedError, BudgetError, InputError, OpenPeriodError, RefusedError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.planning.models import Campaign
from campaigns.reach.releases import queries
from campaigns.reach.releases.documents.document import Heading, write_document
from campaigns.reach.releases.documents.files import write_files
from campaigns.reach.releases.models import (
    SLOTS,
    JointPartner,
    LedgerEntry,
    Release,
    ReleaseFile,
    ScopeKind,
    View,
)
from campaigns.reach.releases.periods import Period, period_named
from campaigns.reach.releases.privacy.disclose import disclose, leaf_of, shape_of
from campaigns.reach.releases.privacy.noise import Below
from campaigns.reach.releases.privacy.region_tree import load_tree
from campaigns.reach.releases.privacy.true_counts import Group, count_people, count_writers
from campaigns.staff import audit
from campaigns.staff.models import Organisation

#: What languages that are not listed are counted as; the last of the values.
OTHER_LANGUAGE = "other"
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a steward asks to be released."""

    view: View
    scope: ScopeKind
    #: Name of a month or quarter; a campaign has its own period.
    period: str = ""
    campaign: Campaign | None = None
    #: Revisions that the member saw: with one more, somebody was quicker, or a form was sent twice. None: any.
    revisions: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What a release would be: all that is known of it without counting anybody."""

    wanted: Wanted
    period: Period
    #: Whose people are counted, and whose ledgers pay.
    organisations: tuple[Organisation, ...]
    scope_id: int
    #: Revisions of the same figures that exist.
    revisions: int
    leaves: int


def plan_release(session: Session, organisation: Organisation, wanted: Wanted) -> Planned:
    """Say what a release would be; reads no true count and spends nothing.

    Raises InputError for a period or partner that cannot be, and OpenPeriodError while its figures move.
    """
    period, organisations = _period_of(session, wanted), _counted(session, organisation, wanted)
    if period.closes_at > clock.now():
        raise OpenPeriodError(
            N_(
                "Figures of %(period)s still move: late delivery receipts count until %(day)s (UTC). Publish "
                "them afterwards."
            ),
            period=period.name,
            day=period.closes_at.date().isoformat(),
        )
    scope_id = _scope_id(organisation, wanted)
    revisions = queries.count_revisions(session, wanted.scope, scope_id, wanted.view, period.name)
    leaves = len(shape_of(wanted.view, load_tree(), values_of(wanted.view)).leaves)
    return Planned(wanted, period, organisations, scope_id, revisions, leaves)


def make_release(
    session: Session,
    organisation: Organisation,
    wanted: Wanted,
    *,
    reason: str = "",
    by: int,
    below: Below = secrets.randbelow,
    true: Counter[str] | None = None,
) -> Release:
    """Count, put noise on, fold, freeze and pay for what is wanted; a second time only with a `reason`.

    `true` is what `count_true` found of it before this transaction, which then holds nobody up while it counts.
    Raises what `plan_release` raises, AlreadyReleasedError without a reason, BudgetError beyond the budget, and
    RefusedError for a joint release, which `joint.py` makes once every organisation has agreed.
    """
    if wanted.scope is ScopeKind.JOINT:
        raise RefusedError(
            N_("A joint publication is made when every organisation that takes part has agreed to it.")
        )
    hold_budgets(session, plan_release(session, organisation, wanted).organisations)
    planned, reason = plan_release(session, organisation, wanted), reason.strip()
    check_revision(planned, reason)
    return freeze_release(session, organisation, planned, reason=reason, by=by, below=below, true=true)


def freeze_release(
    session: Session,
    organisation: Organisation,
    planned: Planned,
    *,
    reason: str,
    by: int,
    below: Below,
    true: Counter[str] | None = None,
) -> Release:
    """Make the release that was planned and checked, while its budgets are held. Raises BudgetError."""
    wanted = planned.wanted
    slots = _free_slots(session, planned)
    tree, values = load_tree(), values_of(wanted.view)
    shape = shape_of(wanted.view, tree, values)
    folded = disclose(count_true(session, planned) if true is None else true, shape, below)
    heading = _heading(planned, reason)
    body = write_document(heading, tree, shape, folded)
    release = _freeze(session, planned, body, organisation_id=organisation.id, total=folded.total, by=by)
    for owner_id, year, slot in slots:
        session.add(LedgerEntry(organisation_id=owner_id, year=year, slot=slot, release_id=release.id))
    audit.record(
        session,
        "release.make",
        subject=release,
        organisation_id=organisation.id,
        member_id=by,
        view=wanted.view,
        scope=wanted.scope,
        scope_id=planned.scope_id,
        period=planned.period.name,
        revision=release.revision,
    )
    return release


def join_joint(session: Session, organisation: Organisation, *, by: int) -> None:
    """Let an organisation's people be counted in joint releases, and its ledger pay for them."""
    if session.get(JointPartner, organisation.id) is None:
        session.add(JointPartner(organisation_id=organisation.id, joined_at=clock.now()))
    _record_partner(session, "release.join", organisation, by)


def leave_joint(session: Session, organisation: Organisation, *, by: int) -> None:
    """Keep an organisation out of joint releases from now on; those that were made stay."""
    partner = session.get(JointPartner, organisation.id)
    if partner is not None:
        session.delete(partner)
    _record_partner(session, "release.leave", organisation, by)


def values_of(view: View) -> tuple[str, ...]:
    """Return everything that a view tells apart within a country, whether it was used or not."""
    if view in (View.CHANNELS, View.THEMES):
        return tuple(Channel) if view is View.CHANNELS else tuple(Theme)
    return (*all_languages(), OTHER_LANGUAGE) if view is View.LANGUAGES else ()


def _record_partner(session: Session, action: str, organisation: Organisation, by: int) -> None:
    session.flush()
    audit.record(session, action, subject=organisation, organisation_id=organisation.id, member_id=by)


def _period_of(session: Session, wanted: Wanted) -> Period:
    if wanted.scope is ScopeKind.CAMPAIGN:
        if wanted.view is View.THEMES:
            raise InputError(N_("What people write about is published for the whole organisation only."))
        if wanted.campaign is None:
            raise InputError(N_("Choose the campaign."))
        return queries.period_of_campaign(session, wanted.campaign)
    period = period_named(wanted.period)
    if wanted.scope is ScopeKind.JOINT and ("Q" not in period.name or wanted.view is not View.REGIONS):
        raise InputError(
            N_(
                "Joint publications are made by quarter and by region only: they count against the limit of all "
                "partners."
            )
        )
    return period


def _counted(session: Session, organisation: Organisation, wanted: Wanted) -> tuple[Organisation, ...]:
    """Return whose people are counted and who pays, in the order of their names."""
    if wanted.scope is not ScopeKind.JOINT:
        return (organisation,)
    partners = tuple(queries.joint_partners(session))
    if organisation not in partners or len(partners) < 2:
        raise InputError(
            N_("A joint publication needs your organisation and at least one other that takes part in them.")
        )
    return partners


def _scope_id(organisation: Organisation, wanted: Wanted) -> int:
    if wanted.scope is ScopeKind.CAMPAIGN and wanted.campaign is not None:
        return wanted.campaign.id
    return 0 if wanted.scope is ScopeKind.JOINT else organisation.id


def hold_budgets(session: Session, organisations: Sequence[Organisation]) -> None:
    """Keep other releases of these organisations waiting until the transaction ends.

    SQLite needs no lock: a writing transaction is alone there.
    """
    ids = sorted(each.id for each in organisations)
    held = select(Organisation.id).where(Organisation.id.in_(ids)).order_by(Organisation.id)
    session.execute(held.with_for_update())


def check_revision(planned: Planned, reason: str) -> None:
    """Raise AlreadyReleasedError for a correction without a reason, or of what was corrected meanwhile.

    Raises InputError for a reason that is too long.
    """
    is_seen = planned.wanted.revisions in (None, planned.revisions)
    if planned.revisions and not (reason and is_seen):
        raise AlreadyReleasedError(
            N_(
                "%(period)s is published already. To put it right, make a corrected publication: say what it "
                "corrects."
            ),
            period=planned.period.name,
        )
    if len(reason) > LONGEST_REASON:
        raise InputError(N_("The reason is too long: at most %(count)s characters."), count=LONGEST_REASON)


def _free_slots(session: Session, planned: Planned) -> list[tuple[int, int, int]]:
    """Return organisation, year and slot of each entry that pays. Raises BudgetError when one has none left."""
    return [
        (organisation.id, year, room_in(session, organisation, year).used + 1)
        for organisation in planned.organisations
        for year in planned.period.years
    ]


def room_in(session: Session, organisation: Organisation, year: int) -> queries.Budget:
    """Return the budget of a year that has room for a release. Raises BudgetError when it has none."""
    budget = queries.budget_of(session, organisation.id, year)
    if budget.left < 1:
        raise BudgetError(
            N_("The yearly limit of %(name)s for %(year)s is used up: it allows %(count)s publications a year."),
            name=organisation.name,
            year=year,
            count=SLOTS,
        )
    return budget


def count_true(session: Session, planned: Planned) -> Counter[str]:
    """Count the people of a release that was planned, by the keys of its leaves.

    Its figures do not move any more. They are for `make_release` alone: nobody may see them without noise.
    """
    wanted, tree, values = planned.wanted, load_tree(), values_of(planned.wanted.view)
    true: Counter[str] = Counter()
    for group in _groups(session, planned):
        true[leaf_of(group, wanted.view, tree, values)] += group.people
    return true


def _groups(session: Session, planned: Planned) -> Iterator[Group]:
    wanted, during = planned.wanted, {"start": planned.period.start, "end": planned.period.end}
    if wanted.view is View.THEMES:
        return count_writers(session, planned.scope_id, **during)
    ids = [each.id for each in planned.organisations]
    campaign_id = wanted.campaign.id if wanted.campaign else None
    return count_people(session, organisation_ids=ids, campaign_id=campaign_id, **during)


def _heading(planned: Planned, reason: str) -> Heading:
    campaign = planned.wanted.campaign
    return Heading(
        view=planned.wanted.view,
        scope=planned.wanted.scope,
        organisations=tuple(each.name for each in planned.organisations),
        campaign=(campaign.name, campaign.code) if campaign else None,
        period=planned.period,
        revision=planned.revisions + 1,
        reason=reason,
        made_at=clock.now(),
    )


def _freeze(
    session: Session, planned: Planned, body: bytes, *, organisation_id: int, total: int, by: int
) -> Release:
    campaign = planned.wanted.campaign
    release = Release(
        organisation_id=organisation_id,
        scope=planned.wanted.scope,
        scope_id=planned.scope_id,
        view=planned.wanted.view,
        period=planned.period.name,
        revision=planned.revisions + 1,
        body=body,
        sha256=hashlib.sha256(body).hexdigest(),
        title=campaign.name if campaign else " · ".join(each.name for each in planned.organisations)[:400],
        total=total,
        made_at=clock.now(),
        made_by_id=by,
    )
    session.add(release)
    session.flush()
    for name, content in write_files(body).items():
        digest = hashlib.sha256(content).hexdigest()
        session.add(ReleaseFile(release_id=release.id, format=name, content=content, sha256=digest))
    session.flush()
    return release
