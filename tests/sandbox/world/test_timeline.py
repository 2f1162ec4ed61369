"""The agenda runs calls in order of their due times, on any clock."""

import asyncio
import time

from campaigns.sandbox.world.timeline import Timeline


def test_manual_clock_stands_until_moved() -> None:
    async def story() -> list[tuple[str, int]]:
        timeline, seen = Timeline(), []
        timeline.set_factor(0)
        start = timeline.now()
        for name, delay in (("late", 30.0), ("soon", 10.0), ("never", 90.0)):
            timeline.after(delay, lambda name=name: seen.append((name, round(timeline.now() - start))))
        await asyncio.sleep(0.02)
        assert seen == []
        await timeline.advance(60)
        assert round(timeline.now() - start) == 60
        assert len(timeline) == 1
        return seen

    assert asyncio.run(story()) == [("soon", 10), ("late", 30)]


def test_calls_made_on_the_way_run_too() -> None:
    async def story() -> list[int]:
        timeline, seen = Timeline(), []
        timeline.set_factor(0)

        def again(left: int) -> None:
            seen.append(left)
            if left:
                timeline.after(10, again, left - 1)

        timeline.after(10, again, 5)
        await timeline.advance(35)
        return seen

    assert asyncio.run(story()) == [5, 4, 3]


def test_fast_clock_runs_ahead() -> None:
    async def story() -> float:
        timeline, done = Timeline(), asyncio.Event()
        timeline.set_factor(1000)
        timeline.after(60, done.set)
        began = time.monotonic()
        await asyncio.wait_for(done.wait(), 5)
        return time.monotonic() - began

    assert 0.05 < asyncio.run(story()) < 1


def test_a_failing_call_does_not_stop_the_agenda() -> None:
    async def story() -> list[str]:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        timeline, seen = Timeline(), []
        timeline.after(0.001, lambda: seen.append(str(1 / 0)))
        timeline.after(0.002, lambda: seen.append("next"))
        await asyncio.sleep(0.05)
        return seen

    assert asyncio.run(story()) == ["next"]
