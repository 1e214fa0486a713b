"""The service as a whole: its ports, its parts, its start and its end."""

import asyncio
import logging
import signal
import socket

from lambda_live.checks.reload_command import ReloadCommand
from lambda_live.environments.service_id import Reaper
from lambda_live.functions.manager import FunctionManager
from lambda_live.greeting import greet
from lambda_live.http.admin_app import AdminApp
from lambda_live.http.api_gateway import ApiGateway
from lambda_live.http.asgi import await_first
from lambda_live.http.code_status_api import CodeStatusApi
from lambda_live.http.configuration_api import ConcurrencyApi, ConfigurationApi
from lambda_live.http.event_invoke_api import EventInvokeApi
from lambda_live.http.function_app import FunctionApp
from lambda_live.http.function_url import FunctionUrl
from lambda_live.http.invoke_api import InvokeApi
from lambda_live.http.operations import OperationRouter
from lambda_live.http.origin_policy import OriginMiddleware, OriginPolicy
from lambda_live.http.server import create_server, socket_url
from lambda_live.model.function import FunctionConfiguration
from lambda_live.project.config import Config
from lambda_live.project.config_watcher import ConfigWatcher
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.log import LoggingBridge, LogListener
from lambda_live.telemetry.metrics import create_registry
from lambda_live.telemetry.output import Output
from lambda_live.terminal.actions import Actions
from lambda_live.terminal.keys import KeyBindings
from lambda_live.terminal.terminal import Terminal
from lambda_live.ui.editor import EditorLinks
from lambda_live.ui.failure_page import BrowserErrorPages
from lambda_live.ui.page import UiApp
from lambda_live.ui.state import UiState

_STDOUT = 1
_LAST_WORDS = 1.0
"""Seconds that the end waits for who reads the log."""


def _nowhere(record: bytes) -> None:
    """Let a record be, which is for its caller alone."""


class LocalLambda:
    """Serves on the two sockets until it is told to stop."""

    def __init__(self, given: Config, front: socket.socket, admin: socket.socket) -> None:
        self._given = given
        self._settings = settings = given.service
        self._sockets = (front, admin)
        self._keeper = Reaper()
        self._cut_off: asyncio.TimerHandle | None = None
        self._url = socket_url(front)
        self._output = Output(_STDOUT, self._format_lost_message)
        out = self._output.write if settings.is_interactive else None
        checked = settings.reload_command is not None
        self._terminal = Terminal(
            out, _STDOUT, runs_checks=checked, is_debugging=settings.is_debugging
        )
        # a record of the service's own has the format of the function that comes first
        self._log = log = self._terminal if out else self._log_of(given.functions[0])
        logging.basicConfig(handlers=[LoggingBridge(log)], format="%(message)s")
        told = self._checked if out else None
        self._after_reload = ReloadCommand(
            settings.reload_command, self._url, told, settings.is_debugging
        )
        self._serving = serving = FunctionManager(
            settings, self._url, self._listeners_of, self._holds, self._failed
        )
        self._functions = functions = serving.functions
        editor = EditorLinks(given.functions[0].project, settings.editor_root)
        reached = settings.public_url or self._url
        self._desk = desk = UiState(
            functions, reached, self._url, editor, self._terminal.show_replay
        )
        desk.replay.set_enabled(enabled=settings.replay)
        self._definitions = ConfigWatcher(given, serving, log.service_log)
        apis = (
            CodeStatusApi(functions, settings.pods),
            InvokeApi(),
            ConfigurationApi(functions),
            ConcurrencyApi(functions),
            EventInvokeApi(),
        )
        routes = [route for api in apis for route in api.routes]
        failures = BrowserErrorPages(desk.history, editor, socket_url(admin))
        url = FunctionUrl(functions, log, failures)
        trust = OriginPolicy(settings.allowed_hosts)
        operations, api = OperationRouter(functions, routes), ApiGateway(functions, log, failures)
        app = await_first(
            self._definitions.wait_current, FunctionApp(operations, api, url, functions, trust)
        )
        self._front = create_server(app, settings.shutdown_timeout)
        self._page = UiApp(desk)
        own = AdminApp(
            functions, create_registry(serving.metrics), self._page, self._terminal.stream
        )
        self._admin = create_server(OriginMiddleware(own, trust), 1)

    def _format_lost_message(self, count: int) -> bytes:
        return self._log.format_lost_message(count)

    def _log_of(self, configuration: FunctionConfiguration) -> LogListener:
        out = _nowhere if self._settings.is_interactive else self._output.write
        return LogListener(out, json_format=configuration.json_logs)

    def _listeners_of(self, configuration: FunctionConfiguration) -> list[Listener]:
        scribe = self._desk.create_listener(configuration)
        narrator = self._terminal.create_listener(
            configuration, show_name=len(self._given.functions) > 1
        )
        return [self._log_of(configuration), narrator, scribe, self._after_reload]

    def _checked(self, output: bytes, status: int) -> None:
        self._terminal.show_checks_finished(output, status)
        self._desk.add_checks(output, status)

    def _failed(self, error: BaseException) -> None:
        self._log.service_log(f"internal error: {error!r}", "ERROR")

    def _holds(self, name: str) -> bool:
        return self._definitions.blocks_reload(name)

    async def run(self) -> None:
        """Serve; return when the last process has ended."""
        loop = asyncio.get_running_loop()
        hangs_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN  # nohup's does not
        for number in (signal.SIGTERM, signal.SIGINT, *[signal.SIGHUP] * hangs_up):
            loop.add_signal_handler(number, self._stop)
        keys, actions = self._keys()
        self._greet()
        if self._settings.is_interactive:
            keys.start()
        self._serving.start()
        self._definitions.start()
        front, admin = (
            loop.create_task(server.serve(sockets=[listener]))
            for server, listener in zip((self._front, self._admin), self._sockets, strict=True)
        )
        ticks = loop.create_task(self._page.run_clock())
        await front
        if self._cut_off is not None:
            self._cut_off.cancel()
        await self._serving.drain()
        await self._after_reload.stop()
        await actions.stop()
        if (debuggers := self._settings.debuggers) is not None:
            debuggers.stop()
        ticks.cancel()
        self._page.close()
        self._terminal.close()
        self._admin.stop()
        await admin
        await loop.run_in_executor(None, self._keeper.close)
        keys.stop()
        self._output.close(_LAST_WORDS)

    def _cut_off_requests(self) -> None:
        """End what runs, if a caller still waits for it: it gets AWS's error and not a reset."""
        if self._front.server_state.tasks:
            self._serving.kill()

    def _keys(self) -> tuple[KeyBindings, Actions]:
        terminal, functions = self._terminal, self._functions
        actions = Actions(terminal, functions, self._after_reload, self._settings, self._url)
        keys = KeyBindings(
            terminal.status,
            actions,
            page_url=socket_url(self._sockets[1]),
            toggle_replay=self._turn_replay,
            on_quit=self._stop,
        )
        return keys, actions

    def _turn_replay(self) -> bool:
        replay = self._desk.replay
        replay.set_enabled(enabled=not replay.is_enabled)
        return replay.is_enabled

    def _greet(self) -> None:
        functions, admin = self._given.functions, socket_url(self._sockets[1])
        if self._settings.is_interactive:
            self._terminal.print_startup(functions, self._url, admin)
        else:
            greet(self._log, functions, self._url, admin)
        if (debuggers := self._settings.debuggers) is not None:
            debuggers.log = self._log.service_log
            self._log.service_log(debuggers.addresses)
        for notice in self._given.notices:
            self._log.service_log(notice, "WARN")

    def _stop(self) -> None:
        if self._front.should_exit:
            self._front.force_exit = True
            self._serving.kill()
            return
        self._log.service_log("stopping: what runs may finish; once more to end at once")
        self._front.stop()
        seconds = self._settings.shutdown_timeout
        self._cut_off = asyncio.get_running_loop().call_later(seconds, self._cut_off_requests)
        self._definitions.stop()
        self._serving.stop()
