"""
Time that a caller waits for a new environment.

The handler exits, so the next request needs a new process. This is the emulator's faster case: its
first start takes longer.
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

MAX_RATIO = 0.5
_PAUSE_SECONDS = 0.5


def _measure_one(server: Server) -> float:
    client = Client(server.port)
    with suppress(OSError, http.client.HTTPException):
        client.invoke({"exit": 1})
    time.sleep(_PAUSE_SECONDS)
    start = time.perf_counter()
    end = client.wait_for("'hello'", {"message": "hello"})
    client.close()
    return (end - start) * 1000


def measure(directory: Path, scale: Scale) -> list[Row]:
    """Measure lambda_live and the emulator in turns."""
    binary = peers.emulator_binary()
    with ExitStack() as stack:
        servers = [stack.enter_context(peers.run_local(directory, peers.EXITING_HANDLER))]
        if binary is not None:
            servers.append(
                stack.enter_context(peers.run_emulator(directory, binary, peers.EXITING_HANDLER))
            )
        for server in servers:
            Client(server.port).wait_for("'hello'", {"message": "hello"})
        times = [[_measure_one(server) for server in servers] for _ in range(scale.cold_starts)]
    name, target = "cold start, seen by the caller", f"≤ {MAX_RATIO:g} × emulator"
    local = statistics.median(row[0] for row in times)
    if binary is None:
        return [Row(name, f"{local:.0f} ms", "Linux only", target=target)]
    emulator = statistics.median(row[1] for row in times)
    ratio = statistics.median(row[0] / row[1] for row in times)
    return [
        Row(
            name,
            f"{local:.0f} ms",
            f"{emulator:.0f} ms",
            ratio=f"{ratio:.2f} × emulator",
            target=target,
            reached=ratio <= MAX_RATIO,
        )
    ]
