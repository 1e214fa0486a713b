"""The service as a whole: its ports, its parts, its start and its end."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator

import uvicorn

from lambda_local.after_reload import AfterReload
from lambda_local.code.source import Source
from lambda_local.door.admin import Admin
from lambda_local.door.front_door import FrontDoor
from lambda_local.door.function_url import FunctionUrl
from lambda_local.door.http import App
from lambda_local.door.invoke_api import InvokeApi
from lambda_local.environment.environment import Generation, Service
from lambda_local.function.events import EventQueue
from lambda_local.function.pool import Pool
from lambda_local.settings import Settings
from lambda_local.telemetry.log import Log, OwnLog
from lambda_local.telemetry.metrics import Metrics


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `LocalLambda`, which stops more than this server."""
        yield


def _server(app: App, shutdown_timeout: float) -> _Server:
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=65,
        timeout_graceful_shutdown=max(1, round(shutdown_timeout)),
    )
    return _Server(config)


def url_of(listener: socket.socket) -> str:
    """Return the URL under which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  # every address includes this one
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class LocalLambda:
    """Serves on the two sockets until it is told to stop."""

    def __init__(self, settings: Settings, front: socket.socket, admin: socket.socket) -> None:
        self._settings = settings
        self._sockets = (front, admin)
        self._url = url_of(front)
        self._log = Log(json_format=settings.json_logs, timeout=settings.timeout)
        logging.basicConfig(handlers=[OwnLog(self._log)], format="%(message)s")
        metrics = Metrics(settings.timeout)
        self._after_reload = AfterReload(settings.after_reload, self._url)
        service = Service(settings, self._log, metrics)
        self._pool = pool = Pool(service, Source(settings.watch), self._reloaded)
        self._events = EventQueue(pool, self._log, metrics)
        door = FrontDoor(
            InvokeApi(settings, pool, self._events), FunctionUrl(settings, pool, self._log), pool
        )
        self._front = _server(door, settings.shutdown_timeout)
        self._admin = _server(Admin(pool, metrics), 1)

    def _reloaded(self, generation: Generation, succeeded: bool) -> None:  # noqa: FBT001  # a callback of one use
        if succeeded or self._settings.after_reload is not None:
            self._after_reload.run(generation.code_sha256)

    async def run(self) -> None:
        """Serve; return when the last process has ended."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        self._greet()
        self._pool.start()
        front, admin = (
            loop.create_task(server.serve(sockets=[listener]))
            for server, listener in zip((self._front, self._admin), self._sockets, strict=True)
        )
        await front
        await self._events.finish(self._settings.shutdown_timeout)
        self._pool.kill()
        await self._pool.gone_all()
        self._after_reload.stop()
        self._admin.should_exit = True
        await admin

    def _greet(self) -> None:
        url, name = self._url, self._settings.name
        admin = url_of(self._sockets[1])
        message = f"{self._settings.handler} answers at {url}"
        if self._settings.json_logs:
            self._log.own(message, url=url, admin_url=admin)
            return
        self._log.own(f"{message}; metrics are at {admin}/metrics")
        path = f"{url}/2015-03-31/functions/{name}/invocations"
        self._log.own(f"try it: curl -d @events/event.json {path}")

    def _stop(self) -> None:
        if self._front.should_exit:
            self._front.force_exit = True
            self._pool.kill()
            return
        self._log.own("stopping: what runs may finish; once more to end at once")
        self._front.should_exit = True
        self._events.stop()
        self._pool.stop()
