"""Twilio's Media resource: files of a message are listed, fetched by way of its storage, and deleted."""

import json
from typing import Any

from aiohttp import web

from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.twilio_answers import not_found, reply
from campaigns.sandbox.twilio.gate import Gate
from campaigns.sandbox.twilio.render import ROOT, rfc2822
from campaigns.sandbox.world.file_store import SentFile
from campaigns.sandbox.world.state import Message, World


class MediaSurface:
    """The handlers of `…/Messages/{SID}/Media…`, and of the storage to which they send whoever fetches."""

    def __init__(self, world: World, armed: ArmedFaults) -> None:
        self._world = world
        self._gate = Gate(world, armed)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the resource."""
        media = f"{ROOT}/{{account}}/Messages/{{sid}}/Media"
        one = rf"{media}/{{media:ME[0-9a-f]+}}"
        return [
            web.get(f"{media}.json", self.list, allow_head=False),
            web.get(one, self.send_on, allow_head=False),
            web.get(f"{one}.json", self.fetch, allow_head=False),
            web.delete(one, self.delete),
            web.delete(f"{one}.json", self.delete),
            web.get("/media/{ticket}", self.give, allow_head=False),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Return the files of a message."""
        found = await self._gate.admit_to_message(request, "media")
        if not isinstance(found, Message):
            return found
        files = [_dict(found, file) for file in self._world.files.of(found.sid)]
        pages = {"first_page_uri": request.path, "next_page_uri": None, "previous_page_uri": None}
        numbers = {"page": 0, "page_size": 50, "start": 0, "end": max(len(files) - 1, 0)}
        return reply(json.dumps({"media_list": files, "uri": request.path, **numbers, **pages}).encode())

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Return what is known of a file."""
        found = await self._admit_to_file(request, "media")
        return found if isinstance(found, web.StreamResponse) else reply(json.dumps(_dict(*found)).encode())

    async def send_on(self, request: web.Request) -> web.StreamResponse:
        """Send whoever fetches a file on to the storage, where no credentials are asked for."""
        found = await self._admit_to_file(request, "media_content")
        if isinstance(found, web.StreamResponse):
            return found
        return web.Response(
            status=307, headers={"Location": str(request.url.origin() / "media" / found[1].ticket)}
        )

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Delete a file for good."""
        found = await self._admit_to_file(request, "delete_media")
        if isinstance(found, web.StreamResponse):
            return found
        self._world.files.delete(found[1].sid)
        return reply(b"", 204)

    async def give(self, request: web.Request) -> web.StreamResponse:
        """Give a file out of the storage."""
        file = self._world.files.find_by_ticket(request.match_info["ticket"])
        if file is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>", content_type="text/xml")
        return web.Response(body=file.content, content_type=file.content_type.partition(";")[0])

    async def _admit_to_file(self, request: web.Request, on: str) -> tuple[Message, SentFile] | web.StreamResponse:
        message = await self._gate.admit_to_message(request, on)
        if not isinstance(message, Message):
            return message
        file = self._world.files.find(request.match_info["media"], message.sid)
        return not_found(request.path) if file is None else (message, file)


def _dict(message: Message, file: SentFile) -> dict[str, Any]:
    return {
        "sid": file.sid,
        "account_sid": message.account,
        "parent_sid": message.sid,
        "content_type": file.content_type,
        "date_created": rfc2822(file.created_at),
        "date_updated": rfc2822(file.created_at),
        "uri": f"{ROOT}/{message.account}/Messages/{message.sid}/Media/{file.sid}.json",
    }
