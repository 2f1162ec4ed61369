"""Every mapped class in one place, so that metadata is whole for migrations and tests."""

from __future__ import annotations

import campaigns.audience.models
import campaigns.delivery.models
import campaigns.inbox.models
import campaigns.messages.models
import campaigns.places.models
import campaigns.planning.models
import campaigns.reach.models
import campaigns.staff.models  # noqa: F401
from campaigns.core.database import Base

metadata = Base.metadata
