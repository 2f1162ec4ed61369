"""This form asks what campaigns may spend in a month."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import lazy_gettext as _l
from wtforms.validators import NumberRange, Optional

from campaigns.planning.spending.service import LARGEST_LIMIT
from campaigns.web.forms import Form
from campaigns.web.number_fields import AmountField


class LimitForm(Form):
    """The most that campaigns may spend in a month."""

    limit = AmountField(
        _l("Most that campaigns may cost in a month, in whole US dollars"),
        [Optional(), NumberRange(Decimal(1), LARGEST_LIMIT // 100)],
        places=None,
        description=_l("Empty: no limit."),
    )

    @property
    def cents(self) -> int | None:
        """The limit in cents; None: there is to be none."""
        return None if self.limit.data is None else int(self.limit.data * 100)
