"""The sandbox is a process: Twilio, Telegram and Africa's Talking on loopback, an oracle, a page of phones."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from aiohttp import web

from campaigns.sandbox.africastalking.africastalking import AfricasTalkingSurface
from campaigns.sandbox.africastalking.inbox import AfricasTalkingInbox
from campaigns.sandbox.callbacks.life import Life
from campaigns.sandbox.callbacks.webhooks import Webhooks
from campaigns.sandbox.control import ControlSurface
from campaigns.sandbox.faults.armed import ArmedFaults
from campaigns.sandbox.faults.twilio_answers import not_found, refuse
from campaigns.sandbox.options import read_options
from campaigns.sandbox.phones.acts_by_provider import People
from campaigns.sandbox.phones.phones import PhonesSurface
from campaigns.sandbox.telegram.chat_acts import TelegramPeople
from campaigns.sandbox.telegram.telegram import TelegramSurface
from campaigns.sandbox.telegram.update_queue import TelegramUpdates
from campaigns.sandbox.twilio.account_resource import AccountSurface
from campaigns.sandbox.twilio.content_api import TemplatesSurface
from campaigns.sandbox.twilio.inbound import Inbox
from campaigns.sandbox.twilio.lookup import LookupSurface
from campaigns.sandbox.twilio.media_api import MediaSurface
from campaigns.sandbox.twilio.one_message import OneMessageSurface
from campaigns.sandbox.twilio.pricing import PricingSurface
from campaigns.sandbox.twilio.services import ServicesSurface
from campaigns.sandbox.twilio.twilio import MessagesSurface
from campaigns.sandbox.world.config import SandboxConfig
from campaigns.sandbox.world.oracle import Oracle
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.state import RawRequest, World

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment]


#: Bytes; the control API takes a whole campaign's intents at once.
_LARGEST_REQUEST = 64 * 1024**2
_ANY_PATH = "/{path}"


WORLD = web.AppKey("world", World)


def build_app(config: SandboxConfig) -> web.Application:
    """Build the application of one sandbox; its callback client opens and closes with it."""
    world = World(config)
    webhooks = Webhooks(config, world.alert)
    life, oracle, armed = Life(world, webhooks), Oracle(world), ArmedFaults()
    inbox = Inbox(world, life, webhooks=webhooks, oracle=oracle)
    updates = TelegramUpdates(world, webhooks)
    people = People(
        world,
        inbox=inbox,
        telegram=TelegramPeople(world, updates, oracle),
        africastalking=AfricasTalkingInbox(world, webhooks, oracle),
    )
    surfaces = (
        MessagesSurface(world, life, oracle=oracle, armed=armed),
        OneMessageSurface(world, life, armed),
        MediaSurface(world, armed),
        AccountSurface(world, armed),
        TemplatesSurface(world, armed),
        ServicesSurface(world, armed),
        PricingSurface(world, armed),
        LookupSurface(world, armed),
        ControlSurface(world, webhooks, oracle=oracle, armed=armed, people=people),
        TelegramSurface(world, updates, oracle=oracle, armed=armed),
        AfricasTalkingSurface(world, life, oracle=oracle, armed=armed),
        PhonesSurface(world, people),
    )
    app = web.Application(client_max_size=_LARGEST_REQUEST)
    app[WORLD] = world
    for surface in surfaces:
        app.add_routes([_recorded(world, route) for route in surface.routes()])
    app.add_routes([_recorded(world, web.route("*", "/{path:.*}", _nothing_here))])
    app.cleanup_ctx.append(_lifetime(world, webhooks, updates))
    return app


def _lifetime(
    world: World, webhooks: Webhooks, updates: TelegramUpdates
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def lifetime(_app: web.Application) -> AsyncIterator[None]:
        await webhooks.open()
        yield
        world.timeline.clear()
        await updates.close()
        await webhooks.close()

    return lifetime


def _recorded(world: World, route: web.RouteDef) -> web.RouteDef:
    """Return a route that remembers raw requests while that is wanted; a middleware costs each call far more."""

    async def record(request: web.Request) -> web.StreamResponse:
        if world.requests.maxlen and not request.path.startswith("/_sandbox/"):
            body = (await request.read()).decode("utf-8", "replace")
            headers = tuple((name, value) for name, value in request.headers.items())
            now = world.timeline.now()
            world.requests.append(RawRequest(now, request.method, request.raw_path, headers, body))
        return await route.handler(request)

    return web.RouteDef(route.method, route.path, record, route.kwargs)


async def _nothing_here(request: web.Request) -> web.Response:
    """Answer that there is nothing here, or nothing that is asked for in this way."""
    allowed = set[str]()
    for resource in request.app.router.resources():
        if resource.canonical != _ANY_PATH:
            allowed |= (await resource.resolve(request))[1]
    if not allowed:
        return not_found(request.path)
    answer = refuse(20004)
    answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


async def serve(config: SandboxConfig, ready: Callable[[str], None]) -> None:
    """Serve until cancelled; call `ready` with the base URL once connections are taken.

    Raises SandboxError when the address cannot be had.
    """
    app = build_app(config)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=config.idle_seconds)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, config.host, config.port).start()
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            where = f"{config.host}:{config.port}"
            raise SandboxError(f"The sandbox cannot listen on {where}: {reason}.") from error
        host, port = runner.addresses[0][:2]
        app[WORLD].origin = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        ready(app[WORLD].origin)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def run(config: SandboxConfig) -> None:
    """Run a sandbox until SIGINT or SIGTERM; print one line with its base URL when it is ready.

    Ends the process with words and status 1 when the address cannot be had.
    """
    # Hundreds of thousands of remembered messages are looked at again and again otherwise; none is in a cycle.
    gc.set_threshold(50_000, 50, 100)
    # uvloop about doubles the rate; without it everything works the same.
    new_loop = uvloop.new_event_loop if uvloop else asyncio.new_event_loop
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_serve_until_signal(config))
    except SandboxError as error:
        raise SystemExit(str(error)) from error


async def _serve_until_signal(config: SandboxConfig) -> None:
    serving = asyncio.create_task(serve(config, _announce))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


def _announce(base_url: str) -> None:
    sys.stdout.write(f"Sandbox ready at {base_url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(read_options())
