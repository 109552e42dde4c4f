"""Memory of a server that is asked for up to 100 times what it may hold."""
import asyncio
import collections
import json
import time

from . import llama
from .machine import MARTLET, server, table

RUNNING, QUEUED = 8, 24
IN_FLIGHT = 200  # connections at once


def resident(process):
    """MB of resident memory now."""
    with open(f"/proc/{process}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


async def ask(port, body, answers):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        status = (await reader.readline()).split()
        await reader.read()
        answers[status[1].decode() if len(status) > 1 else "cut"] += 1
    except OSError:
        answers["cut"] += 1
    finally:
        writer.close()


async def flood(port, process, count):
    body = json.dumps({"model": "m", "prompt": "word " * 400, "max_tokens": 16, "ignore_eos": True}).encode()
    answers, peak = collections.Counter(), 0.0
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one():
        async with gate:
            await ask(port, body, answers)

    started = time.monotonic()
    tasks = [asyncio.create_task(one()) for _ in range(count)]
    while not all(task.done() for task in tasks):
        peak = max(peak, resident(process))
        await asyncio.sleep(0.02)
    return answers, peak, time.monotonic() - started


def curve(options):
    path = llama.model(options.types[0])
    rows = []
    command = [MARTLET, "serve", "--model-path", path, "--max-total-tokens", 4096, "--max-running-requests", RUNNING,
               "--max-queued-requests", QUEUED]
    with server(command) as (port, process):
        for times in (1, 10, 100, 100, 100):
            answers, peak, seconds = asyncio.run(flood(port, process, times * (RUNNING + QUEUED)))
            counts = ", ".join(f"{count:,} x {status}" for status, count in sorted(answers.items()))
            rows.append((f"{times} x", f"{times * (RUNNING + QUEUED):,}", counts, f"{peak:,.0f} MB", f"{seconds:.1f} s"))
    return table(("capacity asked for", "requests", "answers", "peak resident memory", "over after"), rows)
