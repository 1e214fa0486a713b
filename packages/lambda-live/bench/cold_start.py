"""
How long a caller waits for an environment that does not exist yet.

The handler ends its process; the next request needs a new one. That is the emulator's quicker cold
start: its very first init takes longer.
"""

import http.client
import statistics
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from bench import peers
from bench.client import Client
from bench.scale import Scale
from bench.server import Server
from bench.table import Row

MUST = 0.5
_PAUSE = 0.5


def _one(server: Server) -> float:
    client = Client(server.port)
    with suppress(OSError, http.client.HTTPException):
        client.invoke({"exit": 1})
    time.sleep(_PAUSE)
    begin = time.perf_counter()
    end = client.wait_for("'hello'", {"message": "hello"})
    client.close()
    return (end - begin) * 1000


def measure(directory: Path, scale: Scale) -> list[Row]:
    """Take turns: one of ours, one of theirs."""
    binary = peers.emulator_binary()
    with ExitStack() as stack:
        servers = [stack.enter_context(peers.local(directory, peers.EXITING))]
        if binary is not None:
            servers.append(stack.enter_context(peers.emulator(directory, binary, peers.EXITING)))
        for server in servers:
            Client(server.port).wait_for("'hello'", {"message": "hello"})
        times = [[_one(server) for server in servers] for _ in range(scale.cold_starts)]
    name, must = (
        "cold start of an environment, as the caller sees it",
        f"≤ {MUST:g} × the emulator's",
    )
    mine = statistics.median(row[0] for row in times)
    if binary is None:
        return [Row(name, f"{mine:.0f} ms", "Linux only", must=must)]
    theirs = statistics.median(row[1] for row in times)
    ratio = statistics.median(row[0] / row[1] for row in times)
    return [
        Row(
            name,
            f"{mine:.0f} ms",
            f"{theirs:.0f} ms",
            ratio=f"{ratio:.2f} × emulator",
            must=must,
            reached=ratio <= MUST,
        )
    ]
