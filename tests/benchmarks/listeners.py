"""Readers who follow a thread: opens streams, says on one line how many began, and holds them until its input ends.

`python -m tests.benchmarks.listeners PORT PATH NUMBER`; exit status 1 when a stream ended before that.
"""

from __future__ import annotations

import asyncio
import sys

from tests.benchmarks.tools import raise_limit_of_files

AT_ONCE = 200


async def listen(port: int, path: str, number: int) -> int:
    """Return how many streams ended by themselves."""
    gate = asyncio.Semaphore(AT_ONCE)
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode()
    lines: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def open_one() -> None:
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " in head.split(b"\r\n")[0]:
                lines.append((reader, writer))
            else:
                writer.close()

    await asyncio.gather(*(open_one() for _ in range(number)))
    print(len(lines), flush=True)
    drains = [asyncio.create_task(_drain(reader)) for reader, _ in lines]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    ended = sum(drain.done() for drain in drains)
    for _, writer in lines:
        writer.close()
    return ended


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


if __name__ == "__main__":
    raise_limit_of_files()
    sys.exit(1 if asyncio.run(listen(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))) else 0)
