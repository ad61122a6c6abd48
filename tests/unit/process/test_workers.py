"""Workers that share threads: each job in its turn, and none behind one that hangs."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from datasync_spider.process.workers import Threads, Worker


def test_jobs_of_a_worker_come_in_their_order_and_never_two_at_once_whatever_thread_does_them() -> None:
    threads = Threads("test", 3)
    done: dict[int, list[int]] = {number: [] for number in range(10)}
    busy: set[int] = set()

    def job(worker: int, number: int) -> None:
        assert worker not in busy
        busy.add(worker)
        done[worker].append(number)
        busy.discard(worker)

    async def submit() -> None:
        workers = [Worker("", threads) for _ in done]
        await asyncio.gather(
            *(
                workers[worker].submit(lambda worker=worker, number=number: job(worker, number))  # type: ignore[misc]
                for number in range(50)
                for worker in done
            )
        )

    asyncio.run(submit())
    assert all(numbers == list(range(50)) for numbers in done.values())


def test_a_job_that_hangs_keeps_no_other_worker_waiting_and_there_are_no_more_threads_than_allowed() -> None:
    threads = Threads("test", 2)
    let_go = threading.Event()
    seen: set[threading.Thread] = set()

    async def submit() -> None:
        hanging = Worker("", threads)
        hung = hanging.submit(let_go.wait)
        behind = hanging.submit(lambda: None)
        for _ in range(20):
            seen.add(await Worker("", threads).submit(threading.current_thread))
        assert not behind.done()
        let_go.set()
        await asyncio.gather(hung, behind)

    asyncio.run(submit())
    assert len(seen) == 1
    assert all(thread.daemon for thread in seen)


def test_a_job_has_its_callers_context_and_its_error_travels_back() -> None:
    whose = contextvars.ContextVar("whose", default="nobody's")

    def fail() -> None:
        raise ValueError("broken")

    async def submit() -> None:
        threads = Threads("test", 1)
        whose.set("mine")
        assert await Worker("", threads).submit(whose.get) == "mine"
        with pytest.raises(ValueError, match="broken"):
            await Worker("", threads).submit(fail)
        assert await Worker("", threads).submit(lambda: 4711) == 4711

    asyncio.run(submit())


def test_threads_without_a_job_end_by_themselves_and_are_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasync_spider.process.workers._IDLE_SECONDS", 0.0)

    async def submit() -> None:
        worker = Worker("", Threads("test", 2))
        first = await worker.submit(threading.current_thread)
        await asyncio.to_thread(first.join, 30)
        assert not first.is_alive()
        assert await worker.submit(threading.current_thread) is not first

    asyncio.run(submit())


def test_a_thread_of_ones_own_ends_after_the_jobs_that_it_has() -> None:
    async def submit() -> None:
        worker = Worker("test")
        let_go = threading.Event()
        working, last = worker.submit(let_go.wait), worker.submit(threading.current_thread)
        worker.close()
        let_go.set()
        await working
        thread = await last
        await asyncio.to_thread(thread.join, 30)
        assert not thread.is_alive()

    asyncio.run(submit())
