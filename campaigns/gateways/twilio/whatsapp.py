"""WhatsApp over Twilio has addresses with a prefix, and templates where the 24-hour window is closed."""

from __future__ import annotations

import json

from campaigns.gateways.base import Outgoing
from campaigns.gateways.twilio.messages import TwilioMessages


class TwilioWhatsApp(TwilioMessages):
    """WhatsApp on one Twilio account; a person is a number, or an id such as `UA.8f2c` when they have a user name.

    Free text outside the window is not refused at once: Twilio accepts it and then fails it with 63016.
    """

    prefix = "whatsapp:"

    def _content_of(self, outgoing: Outgoing) -> dict[str, str]:
        template = outgoing.template
        if template is None:
            return {"Body": outgoing.body}
        content = {"ContentSid": template.id}
        if template.variables:
            content["ContentVariables"] = json.dumps(dict(template.variables), ensure_ascii=False)
        return content
