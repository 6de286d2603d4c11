"""Calls to a Chroma that hangs, is away, or says that it cannot work; in virtual time."""

from __future__ import annotations

import asyncio

import anyio
import httpx2
import pytest

from tests.support.virtual_time import run_virtual
from waypoint.errors import StoreDamagedError, StoreUnavailableError
from waypoint.observe.events import Event, EventBus, StoreRecovered, StoreRetried
from waypoint.storage.chroma.retry import CALL_TIMEOUT, SUSPECT_AFTER, StoreCalls

GIVE_UP_AFTER = 120.0
LONGEST_WAIT = 10.0


class Server:
    """Fails in its way until a moment, and answers from then on."""

    def __init__(self, failure: Exception | None, *, back_at: float = 1e9) -> None:
        self._failure = failure
        self._back_at = back_at
        self.calls = 0

    async def answer(self) -> str:
        self.calls += 1
        if asyncio.get_running_loop().time() >= self._back_at:
            return "an answer"
        if self._failure is None:
            await anyio.sleep_forever()
        assert self._failure is not None
        raise self._failure


def refused(status: int, error: str, message: str = "something broke") -> httpx2.HTTPStatusError:
    """An error of Chroma's own form."""
    request = httpx2.Request("POST", "http://chroma/upsert")
    body = {"error": error, "message": message}
    response = httpx2.Response(status, json=body, request=request)
    return httpx2.HTTPStatusError("refused", request=request, response=response)


def called(server: Server, *, ours: bool = False) -> tuple[str, float, list[Event]]:
    """What came of an operation, after how many seconds, and what was told."""
    told: list[Event] = []

    async def run() -> tuple[str, float]:
        async def alive() -> bool:
            return False

        bus, clock = EventBus(), asyncio.get_running_loop().time
        bus.subscribe(told.append)
        calls = StoreCalls(bus, alive if ours else None, GIVE_UP_AFTER)
        began = clock()
        try:
            outcome = await calls.run("write", server.answer)
        except (StoreUnavailableError, StoreDamagedError) as error:
            outcome = type(error).__name__
        return outcome, clock() - began

    return (*run_virtual(run), told)


def test_a_call_that_hangs_is_given_up_and_made_again() -> None:
    """Its own time is none of what a server that went away is given."""
    hung = Server(None)
    outcome, seconds, told = called(hung)
    assert outcome == "StoreUnavailableError"
    assert hung.calls >= 2
    assert seconds >= CALL_TIMEOUT + GIVE_UP_AFTER
    assert seconds <= CALL_TIMEOUT + GIVE_UP_AFTER + CALL_TIMEOUT + LONGEST_WAIT
    assert isinstance(told[0], StoreRetried)
    assert told[0].reason == f"no answer within {CALL_TIMEOUT:g} s"


@pytest.mark.parametrize("ours", [False, True])
def test_a_server_that_is_away_is_tried_for_a_time(ours: bool) -> None:
    """And no longer; an answer in that time is an answer."""
    away = Server(httpx2.ConnectError("refused"))
    outcome, seconds, _ = called(away, ours=ours)
    assert outcome == "StoreUnavailableError"
    assert GIVE_UP_AFTER <= seconds <= GIVE_UP_AFTER + LONGEST_WAIT


def test_an_answer_after_failures_is_an_answer() -> None:
    """Whatever went before it."""

    async def now() -> float:
        return asyncio.get_running_loop().time()

    back = Server(httpx2.ConnectError("refused"), back_at=run_virtual(now) + 60)
    outcome, seconds, told = called(back)
    assert outcome == "an answer"
    assert 60 <= seconds <= 60 + LONGEST_WAIT
    *retried, recovered = told
    assert len(retried) == back.calls - 1
    assert isinstance(recovered, StoreRecovered)
    assert recovered.seconds == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(
    ("ours", "least"), [(True, SUSPECT_AFTER), (False, GIVE_UP_AFTER)], ids=["ours", "another's"]
)
def test_an_error_within_chroma_is_damage_if_it_lasts(ours: bool, least: float) -> None:
    """Of a private server soon; of somebody else's after all the time there is."""
    outcome, seconds, _ = called(Server(refused(500, "InternalError")), ours=ours)
    assert outcome == "StoreDamagedError"
    assert least <= seconds <= least + LONGEST_WAIT


@pytest.mark.parametrize("failure", ["disk I/O error", None])
def test_a_server_of_ours_that_may_be_stuck_is_started_anew_once(failure: str | None) -> None:
    """After an error of its disk, or without an answer in time; what is stuck again is told."""
    stops: list[float] = []

    async def run(get_over: bool) -> tuple[str, float]:
        stops.clear()
        clock = asyncio.get_running_loop().time

        async def alive() -> bool:
            return False

        async def stop() -> None:
            stops.append(clock())

        async def answer() -> str:
            if stops and get_over:
                return "an answer"
            if failure is None:
                await anyio.sleep_forever()
            raise refused(500, "InternalError", failure or "")

        calls = StoreCalls(EventBus(), alive, GIVE_UP_AFTER, stop=stop)
        began = clock()
        try:
            return await calls.run("write", answer), clock() - began
        except StoreUnavailableError as error:
            return str(error), clock() - began

    said, seconds = run_virtual(lambda: run(True))
    assert (said, len(stops)) == ("an answer", 1)
    assert seconds < (CALL_TIMEOUT if failure is None else 0) + 1
    said, seconds = run_virtual(lambda: run(False))
    assert said.startswith("Chroma cannot write: " + (failure or "no answer within"))
    assert len(stops) == 1
    assert seconds < (2 * CALL_TIMEOUT if failure is None else 0) + 1
