"""
The process of the emulator: MiniStack's ASGI application.

Usage: `emulator_process.py fd://DESCRIPTOR KEY` on an inherited socket, for the service that
started it, or `emulator_process.py HOST:PORT` for the pods of a cluster. It runs with the packages
of the emulator's environment alone, so it imports nothing of this service.

Polling an emulator costs time and processor. So the process adds three requests of its own below
`/_lambda_live/` to the emulator's:

- `GET changes?PROJECT` is an endless response. It has a line with the name of a service,
  such as `sqs`, after each request that may have changed data of that service. `leader` in a line
  says that this client reads the event sources of the project: the one that is connected longest.
  So several pods read each stream once, and another takes over when the connection of the first
  ends, without a lock that could expire.
- `GET state` and `PUT state` read and change a JSON object: the positions of streams, which live
  exactly as long as the streams' records do.
- `POST stop` stops the process. With PERSIST_STATE, the emulator then stores its data, and this
  process the JSON object, in the folder STATE_DIR.

The emulator checks no credentials, and some of its services run code, such as Lambda functions. So
any web page and any user of the machine could run commands as the developer. `_SERVICES` are those
that only store and deliver. Requests from pages of other sites are rejected by the rules of
`http/origin_policy.py`. Links on such pages are rejected as well, because SQS also sends messages
by GET.

A service that is killed leaves the emulator running, with every message in it. The next service of
the same project finds it. If none comes within a minute, the process stops, except in a cluster.
"""

# ruff: noqa: E402  # a variable decides what the emulator imports

import asyncio
import contextlib
import ipaddress
import json
import os
import signal
import sys
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_SERVICES = (
    *("appconfig", "appconfigdata", "cognito-identity", "cognito-idp", "dynamodb"),
    *("dynamodbstreams", "events", "firehose", "iam", "kinesis", "kms", "logs", "monitoring", "s3"),
    *("scheduler", "secretsmanager", "ses", "sns", "sqs", "ssm", "sts"),
)
os.environ["SERVICES"] = ",".join(_SERVICES)  # the emulator reads it when it is imported

from hypercorn.asyncio import serve  # type: ignore[import-not-found, unused-ignore]  # here alone
from hypercorn.config import Config  # type: ignore[import-not-found, unused-ignore]  # likewise
from ministack.app import app as emulator  # type: ignore[import-not-found, unused-ignore]  # as well

PREFIX = "/_lambda_live/"
_LEADER = "leader"
_ORPHAN_SECONDS = 60.0
_HEARTBEAT_SECONDS = 5.0
_FORM = b"application/x-www-form-urlencoded"
_REST_XML = ("cloudfront", "route53")
_DELIVERY_SECONDS = 0.05
"""How long the emulator may take to pass on what it accepted, such as a notification."""

_READS = ("Get", "List", "Describe", "Receive", "Delete", "ChangeMessage", "Query", "Scan", "Batch")
_WRITES = ("DeleteItem", "BatchWriteItem", "BatchExecuteStatement")
_PASSED_ON = ("s3", "sns", "events")

type Scope = dict[str, Any]
type Receive = Callable[[], Awaitable[dict[str, Any]]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]


def _signed_service(scope: Scope) -> str | None:
    """Return the service that a request is signed for, or None if it is not signed."""
    # the credential has the form KEY/DATE/REGION/SERVICE/aws4_request
    signature = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    parts = signature.partition("Credential=")[2].partition(",")[0].split("/")
    return parts[3] if len(parts) > 3 else None  # noqa: PLR2004  # the position of the service


def _changes_data(scope: Scope) -> bool:
    """Return whether a request may change data of its service."""
    target = dict(scope["headers"]).get(b"x-amz-target", b"").decode("latin-1").rpartition(".")[2]
    is_read = target.startswith(_READS) and target not in _WRITES
    return not is_read and scope["method"] not in ("GET", "HEAD")


def _reason_to_reject(scope: Scope) -> str:
    """Return why a request is not from this machine's programs or pages, empty if it is."""
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    if any(not _is_own(host, any_address=True) for host in hosts):
        return f"Host {', '.join(hosts)} is not allowed."
    origin = headers.get("origin") or headers.get("referer") or ""
    if origin:
        scheme, _, rest = origin.partition("://")
        is_local = scheme in ("http", "https") and _is_own(rest.partition("/")[0])
        return "" if is_local else f"Requests from pages of {origin} are not allowed."
    is_foreign = headers.get("sec-fetch-site") == "cross-site"
    return "Requests from pages of other sites are not allowed." if is_foreign else ""


def _is_own(authority: str, *, any_address: bool = False) -> bool:
    """Return whether a name with a port is this machine, or the emulator's in the cluster."""
    name = authority.rpartition("]")[0].lstrip("[") or authority.partition(":")[0]
    name = name.removesuffix(".").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        own = ("localhost", os.environ.get("MINISTACK_HOST"))
        return name in own or name.endswith(".localhost")
    return not address.is_unspecified if any_address else address.is_loopback


class EmulatorApp:
    """The emulator's application, with the requests for this service in front."""

    def __init__(self, key: str | None, file: Path | None) -> None:
        self.stopped = asyncio.Event()
        self.finished = asyncio.Event()
        self._key = key
        self._file = file
        self._state: dict[str, Any] = {}
        if file is not None:
            with contextlib.suppress(OSError, ValueError):  # missing, or damaged by a full disk
                self._state = dict(json.loads(file.read_text(encoding="utf-8")))
        self._listeners: dict[asyncio.Queue[str], bytes] = {}
        self._orphaned = self._exit_later()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await emulator(scope, partial(self._receive_until_stopped, receive), send)
            self.finished.set()
        elif rejected := _reason_to_reject(scope):
            await _reject(scope, rejected, send)
        elif scope["type"] != "http":
            await emulator(scope, receive, send)
        elif scope["path"].startswith(PREFIX):
            await self._serve_own(scope, receive, send)
        elif (service := _signed_service(scope)) is not None and service not in _SERVICES:
            await _read_body(receive)
            await _respond_unsupported(scope, service, send)
        else:
            if scope["path"] == "/_ministack/reset":
                self._state.clear()
            await emulator(*await _with_trace(scope, receive), send)
            if service is not None and _changes_data(scope):
                self._notify(service)
                if service in _PASSED_ON:
                    task = asyncio.create_task(self._notify_later(service))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _receive_until_stopped(self, receive: Receive) -> dict[str, Any]:
        """Return the server's message, or that of a shutdown after the request to stop."""
        message = asyncio.ensure_future(receive())
        stopped = asyncio.create_task(self.stopped.wait())
        await asyncio.wait((message, stopped), return_when=FIRST_COMPLETED)
        stopped.cancel()
        return message.result() if message.done() else {"type": "lifespan.shutdown"}

    def save(self) -> None:
        """Store the JSON object if the emulator stores its data."""
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new = self._file.with_suffix(".tmp")
            new.write_text(json.dumps(self._state), encoding="utf-8")
            new.replace(self._file)

    def _notify(self, service: str) -> None:
        for queue in self._listeners:
            queue.put_nowait(service)

    async def _notify_later(self, service: str) -> None:
        await asyncio.sleep(_DELIVERY_SECONDS)
        self._notify(service)

    def _exit_later(self) -> asyncio.TimerHandle | None:
        if self._key is None:
            return None
        return asyncio.get_running_loop().call_later(_ORPHAN_SECONDS, self.stopped.set)

    def _leader(self, project: bytes) -> asyncio.Queue[str] | None:
        queues = (queue for queue, name in self._listeners.items() if name == project)
        return next(queues, None)

    async def _serve_own(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive)
        match scope["method"], scope["path"].removeprefix(PREFIX):
            case "GET", "changes":
                await self._stream(scope["query_string"], receive, send)
            case "GET", "state":
                listeners = len(self._listeners)
                await _respond(
                    send, 200, {"key": self._key, "services": listeners, "state": self._state}
                )
            case "PUT", "state":
                self._state |= json.loads(body)
                await _respond(send, 200, {})
            case "POST", "stop":
                await _respond(send, 200, {})
                self.stopped.set()
            case _:
                await _respond(send, 404, {})

    async def _stream(self, project: bytes, receive: Receive, send: Send) -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners[queue] = project
        if self._orphaned is not None:
            self._orphaned.cancel()
        gone = asyncio.create_task(_wait_disconnected(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            line = _LEADER if self._leader(project) is queue else ""
            while not gone.done():
                chunk = f"{line}\n".encode()
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                line = ""
                getter = asyncio.create_task(queue.get())
                await asyncio.wait(
                    (getter, gone),
                    timeout=_HEARTBEAT_SECONDS,
                    return_when=FIRST_COMPLETED,
                )
                if getter.done():
                    names = {getter.result()}
                    while not queue.empty():
                        names.add(queue.get_nowait())
                    line = " ".join(names)
                else:
                    getter.cancel()
        finally:
            gone.cancel()
            was_leader = self._leader(project) is queue
            del self._listeners[queue]
            if was_leader and (successor := self._leader(project)) is not None:
                successor.put_nowait(_LEADER)
            if not self._listeners:
                self._orphaned = self._exit_later()


async def _with_trace(scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """
    Store the sender's trace in the messages of a request to SQS; return the changed request.

    AWS detects recursive loops by it; AWS's SDKs send it in a header of each request.
    """
    headers = dict(scope["headers"])
    operation = headers.get(b"x-amz-target", b"").removeprefix(b"AmazonSQS.")
    trace = unquote(headers.get(b"x-amzn-trace-id", b"").decode("latin-1"))
    if not trace or operation not in (b"SendMessage", b"SendMessageBatch"):
        return scope, receive
    content = json.loads(await _read_body(receive))
    value = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    for message in content.get("Entries", [content]):
        message["MessageSystemAttributes"] = value | message.get("MessageSystemAttributes", {})
    changed = [{"type": "http.request", "body": json.dumps(content).encode()}]

    async def receive_changed() -> dict[str, Any]:
        return changed.pop() if changed else await receive()

    others = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    return scope | {"headers": others}, receive_changed


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body


async def _wait_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _reject(scope: Scope, rejected: str, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
    else:
        await _respond(send, 403, {"message": rejected})


async def _respond_unsupported(scope: Scope, service: str, send: Send) -> None:
    """Send an error that the SDKs of all protocols of AWS show with its message."""
    code = "UnsupportedServiceException"
    message = (
        f"the local emulator has no service '{service}'; to call another emulator or AWS, set the"
        " service's AWS_ENDPOINT_URL_... in .env"
    )
    is_form = dict(scope["headers"]).get(b"content-type", b"").startswith(_FORM)
    if is_form or service in _REST_XML:
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        both = f"<ErrorResponse>{error}<Errors>{error}</Errors></ErrorResponse>"  # EC2 has Errors
        await _send(send, 400, both.encode(), [])
    else:
        value = json.dumps({"__type": code, "message": message})
        await _send(send, 400, value.encode(), [(b"x-amzn-errortype", code.encode())])


async def _respond(send: Send, status: int, value: object) -> None:
    await _send(send, status, json.dumps(value).encode(), [])


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _main() -> None:
    address, *keys = sys.argv[1:]
    config = Config()
    config.bind = [address]
    config.keep_alive_timeout = 600.0
    config.accesslog = None
    config.errorlog = None
    persists = os.environ.get("PERSIST_STATE") == "1"
    file = Path(os.environ["STATE_DIR"]) / "lambda_live.json" if persists else None
    app = EmulatorApp(keys[0] if keys else None, file)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stopped.set)
    server = asyncio.create_task(serve(app, config, shutdown_trigger=app.finished.wait))
    finished = asyncio.create_task(app.finished.wait())
    await asyncio.wait((server, finished), return_when=FIRST_COMPLETED)
    try:
        app.save()
    except OSError as error:
        sys.stderr.write(f"cannot store {file}: {error}\n")
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)  # the server would wait for its clients, and Python for the emulator's threads


if __name__ == "__main__":
    asyncio.run(_main())
