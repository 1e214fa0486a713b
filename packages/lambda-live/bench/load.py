"""
Load generator: a process that sends requests, and checks every response.

It reads a `Load` as JSON from standard input, and writes an `Outcome` as JSON to standard output.
"""

import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import httptools
import uvloop

from bench.client import PATH
from bench.project import PACKAGE, VersionedHandler

_BODY = re.compile(rb"v(\d+): '(m\d{8})'")
_REQUEST = "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 24\r\n\r\n"
_OK = 200
_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Load:
    """What to send. `edited` is the handler's file, which is saved `edits` times meanwhile."""

    port: int
    requests: int
    connections: int = 1
    version: int = 0
    edited: str = ""
    edits: int = 0
    expects_echo: bool = True


@dataclass(slots=True)
class Outcome:
    """Result of a run. `stale` counts responses of code that is older than the request."""

    responses: int = 0
    lost: int = 0
    wrong: int = 0
    stale: int = 0
    edits: int = 0
    seconds: float = 0.0
    median_ms: float = 0.0
    p99_ms: float = 0.0

    @property
    def per_second(self) -> float:
        """Responses per second."""
        return self.responses / self.seconds


class _Run:
    def __init__(self, load: Load) -> None:
        self.load = load
        self.outcome = Outcome()
        self.done = asyncio.get_running_loop().create_future()
        self.request = _REQUEST.format(path=PATH).encode()
        self._sent = 0
        self._handler = VersionedHandler(Path(load.edited), load.version) if load.edits else None
        self._latencies: list[float] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def connect(self) -> None:
        task = asyncio.get_running_loop().create_task(self._connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.load.port)
        except OSError as error:
            if not self.done.done():
                self.done.set_exception(error)

    @property
    def version(self) -> int:
        return self.load.version if self._handler is None else self._handler.version

    def next_number(self) -> int | None:
        if self._sent == self.load.requests:
            return None
        self._sent += 1
        return self._sent

    def on_response(self, status: int, body: bytes, sent: "_PendingRequest") -> None:
        self._latencies.append(time.perf_counter() - sent.at)
        outcome = self.outcome
        outcome.responses += 1
        match = _BODY.search(body)
        version = -1 if match is None else int(match[1])
        echoed = match is not None and (match[2] == sent.message or not self.load.expects_echo)
        if status != _OK or not echoed or version > self.version:
            outcome.wrong += 1
        elif version < sent.version:
            outcome.stale += 1
        self._on_done()

    def on_lost(self) -> None:
        self.outcome.lost += 1
        self._on_done()

    def _on_done(self) -> None:
        ended = self.outcome.responses + self.outcome.lost
        every = self.load.requests / (self.load.edits + 1)
        due = min(int(ended / every), self.load.edits)
        if self._handler is not None and due > self.outcome.edits:
            self._handler.save()
            self.outcome.edits += 1
        if ended == self.load.requests and not self.done.done():
            self.done.set_result(None)

    def finish(self, seconds: float) -> Outcome:
        self.outcome.seconds = seconds
        self.outcome.lost = self.load.requests - self.outcome.responses
        latencies = sorted(self._latencies) or [0.0]
        self.outcome.median_ms = statistics.median(latencies) * 1000
        self.outcome.p99_ms = latencies[len(latencies) * 99 // 100] * 1000
        return self.outcome


@dataclass(slots=True)
class _PendingRequest:
    message: bytes
    version: int
    at: float


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._body = b""
        self._sent: _PendingRequest | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        number = self._run.next_number()
        if number is None or self._transport is None:
            self._sent = None
            return
        message = b"m%08d" % number
        self._sent = _PendingRequest(message, self._run.version, time.perf_counter())
        self._transport.write(self._run.request + b'{"message": "%s"}' % message)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.abort()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        if self._sent is not None:
            self._run.on_response(self._parser.get_status_code(), body, self._sent)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._transport = None
        if self._sent is not None:
            self._run.on_lost()
            self._run.connect()


async def _generate(load: Load) -> Outcome:
    run = _Run(load)
    start = time.perf_counter()
    for _ in range(load.connections):
        run.connect()
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        await run.done
    return run.finish(time.perf_counter() - start)


def generate(load: Load) -> Outcome:
    """Run the load in a separate process. Raises CalledProcessError if no server listens."""
    command = [sys.executable, "-m", "bench.load"]
    load_json = json.dumps(asdict(load))
    done = subprocess.run(command, input=load_json, cwd=PACKAGE, text=True, stdout=-1, check=True)
    return Outcome(**json.loads(done.stdout))


def main() -> None:
    """Read a `Load`, run it and write the `Outcome`."""
    outcome = uvloop.run(_generate(Load(**json.load(sys.stdin))))
    json.dump(asdict(outcome), sys.stdout)


if __name__ == "__main__":
    main()
