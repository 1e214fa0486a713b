"""
The service: creates every object, starts and stops them.

Order of a stop: the HTTP server accepts no new connection, running invocations and accepted
events finish, environments exit, and the log is flushed.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lambda_live.checks.reload_command import CommandResult, ReloadCommand
from lambda_live.checks.sender import CheckProgress
from lambda_live.debugger.server import DebugServer
from lambda_live.environments.reaper_client import Reaper
from lambda_live.functions.code_reloader import ReloadHooks
from lambda_live.functions.manager import FunctionManager
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.http.admin_app import AdminApp
from lambda_live.http.api_gateway import ApiGateway
from lambda_live.http.asgi import await_first
from lambda_live.http.check_api import CheckApi
from lambda_live.http.configuration_api import ConcurrencyApi, ConfigurationApi
from lambda_live.http.event_invoke_api import EventInvokeApi
from lambda_live.http.event_source_mapping_api import EventSourceMappingApi
from lambda_live.http.function_app import FunctionApp
from lambda_live.http.function_url import FunctionUrl
from lambda_live.http.invoke_api import InvokeApi
from lambda_live.http.operations import OperationRouter
from lambda_live.http.origin_policy import OriginMiddleware, OriginPolicy
from lambda_live.http.server import Server, create_server, socket_url
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.resources import TemplateResources
from lambda_live.model.service import ServiceSettings
from lambda_live.model.template import Route
from lambda_live.project.config import Config
from lambda_live.project.config_watcher import ConfigWatcher
from lambda_live.telemetry import log as log_records
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.log import LoggingBridge, LogListener
from lambda_live.telemetry.metrics import create_registry
from lambda_live.telemetry.output import Output
from lambda_live.terminal import screen
from lambda_live.terminal.actions import Actions
from lambda_live.terminal.keys import KeyBindings
from lambda_live.terminal.terminal import Terminal
from lambda_live.ui.app import UiApp
from lambda_live.ui.error_pages import BrowserErrorPages
from lambda_live.ui.links import EditorLinks
from lambda_live.ui.resources_view import ResourcesView
from lambda_live.ui.state import UiState
from lambda_live.ui.store import HistoryStore, database_path

if TYPE_CHECKING:
    from lambda_live.events.deliveries import Deliveries
    from lambda_live.events.event_sources import EventSources
    from lambda_live.resources.emulator import Emulator

_STDOUT = 1
_LOG_FLUSH_TIMEOUT_SECONDS = 1.0
"""How long a stop waits for a slow reader of the log."""

_ADMIN_SHUTDOWN_TIMEOUT_SECONDS = 1.0


class Service:
    """Every object of the service: the constructor creates them, and `run` starts them."""

    def __init__(
        self,
        config: Config,
        front_socket: socket.socket,
        admin_socket: socket.socket,
        debug_sockets: Mapping[str, socket.socket],
        emulator: "Emulator | None" = None,
    ) -> None:
        """
        Create every object, each after those that it needs.

        `debug_sockets` has a listening socket for each function if debuggers may attach. `emulator`
        has AWS's other services, if the template needs them.
        """
        settings = config.service
        self._config = config
        self._front_socket, self._admin_socket = front_socket, admin_socket
        self._url, self._admin_url = socket_url(front_socket), socket_url(admin_socket)
        self._kill_timer: asyncio.TimerHandle | None = None
        self._reaper = Reaper()
        self._debug_server: DebugServer | None = None
        if settings.debug_port is not None:
            self._debug_server = DebugServer(settings.debug_port, debug_sockets)
        self._output, self._terminal, self._log = _build_output(config, self._is_debugging)
        self._functions = FunctionRegistry()
        self._ui_state = self._build_ui_state()
        self._reload_command = self._build_reload_command()
        self._aws, self._deliveries = self._build_event_sources(emulator)
        self._ui_state.resources = None if self._aws is None else ResourcesView(self._aws)
        self._manager = FunctionManager(
            self._functions,
            settings,
            self._url,
            self._create_listeners,
            ReloadHooks(self._is_reload_blocked, self._on_saved),
            self._log.service_log,
            self._debug_server,
            self._aws,
        )
        self._config_watcher = ConfigWatcher(
            config, self._manager, self._log.service_log, self._on_accepted
        )
        if self._aws is not None:
            self._aws.on_values = self._config_watcher.read_again
        self._actions = self._build_actions()
        self._keys = KeyBindings(
            self._terminal.status,
            self._actions,
            dashboard_url=self._admin_url,
            toggle_replay=self._ui_state.replay.toggle,
            on_quit=partial(signal.raise_signal, signal.SIGINT),
        )
        self._front_server, self._admin_server = self._build_servers()

    def _is_debugging(self) -> bool:
        return self._debug_server is not None and self._debug_server.is_attached

    def _is_reload_blocked(self, name: str) -> bool:
        return self._config_watcher.blocks_reload(name)  # it and the manager need each other

    def _on_saved(self, name: str, saved_at: float) -> None:
        self._config_watcher.on_saved(name, saved_at)

    def _on_accepted(self, changed: Config) -> None:
        if self._aws is not None:
            self._aws.update(changed.resources, changed.event_sources)

    def _template_resources(self) -> TemplateResources:
        config = self._config_watcher.config
        return config.resources, config.event_sources

    def _create_listeners(self, configuration: FunctionConfiguration) -> list[Listener]:
        show_name = len(self._config.functions) > 1
        listeners: list[Listener] = [
            _create_log(configuration, self._config.service, self._output),
            self._terminal.create_listener(configuration, show_name=show_name),
            self._ui_state.create_listener(configuration),
            self._reload_command,
        ]
        if self._deliveries is not None:
            listeners.append(self._deliveries.create_listener(configuration.name))
        return listeners

    def _build_ui_state(self) -> UiState:
        settings, project = self._config.service, self._config.functions[0].project
        path = database_path(project) if settings.history else None
        ui_state = UiState(
            self._functions,
            settings.public_url or self._url,
            self._url,
            EditorLinks(project, settings.editor_root, settings.editor),
            self._terminal.status.show_replay,
            HistoryStore(path, self._log.service_log),
        )
        ui_state.replay.set_enabled(enabled=settings.replay)
        ui_state.template = self._template_resources
        return ui_state

    def _build_reload_command(self) -> ReloadCommand:
        """Return the command that runs after each reload; a terminal shows its output formatted."""
        settings, status = self._config.service, self._terminal.status
        if not settings.is_interactive:
            return ReloadCommand(settings.reload_command, self._url)

        def on_finished(result: CommandResult) -> None:
            status.show_checks_finished(result)
            self._ui_state.add_checks(result)

        def on_progress(progress: CheckProgress | None) -> None:
            self._ui_state.set_check_progress(progress)
            if progress is not None and progress.total:
                status.show_check_progress(progress)

        return ReloadCommand(
            settings.reload_command, self._url, on_finished, self._is_debugging, on_progress
        )

    def _build_event_sources(
        self, emulator: "Emulator | None"
    ) -> "tuple[EventSources | None, Deliveries | None]":
        if emulator is None:
            return None, None
        from lambda_live.events.deliveries import Deliveries  # noqa: PLC0415  # few projects need them
        from lambda_live.events.event_sources import EventSources  # noqa: PLC0415

        aws = EventSources(
            emulator, self._config, self._functions.get, self._log.service_log, self._admin_url
        )
        return aws, Deliveries(aws) if aws.url else None

    def _build_actions(self) -> Actions:
        actions = Actions(
            self._terminal.status,
            self._functions,
            self._reload_command,
            self._config.service,
            self._url,
            self._template_resources,
        )
        if self._aws is not None and self._aws.url:
            actions.reset_resources = self._aws.request_reset
        self._ui_state.start_checks = actions.check if actions.can_check else None
        self._ui_state.start_accept = actions.accept if actions.can_accept else None
        return actions

    def _build_servers(self) -> tuple[Server, Server]:
        """Return the servers of the functions' port and of the admin port."""
        settings = self._config.service
        public_host = urlsplit(settings.public_url).hostname
        policy = OriginPolicy((*settings.allowed_hosts, *((public_host,) if public_host else ())))
        front = await_first(self._config_watcher.wait_current, self._build_function_app(policy))
        page, registry = UiApp(self._ui_state), create_registry(self._manager.metrics)
        admin = AdminApp(self._functions, registry, page, self._terminal.stream, self._aws)
        return (
            create_server(front, settings.shutdown_timeout),
            create_server(OriginMiddleware(admin, policy), _ADMIN_SHUTDOWN_TIMEOUT_SECONDS),
        )

    def _build_function_app(self, policy: OriginPolicy) -> FunctionApp:
        """Return the application of the functions' port, with AWS's Lambda API."""
        functions, log, settings = self._functions, self._log, self._config.service
        ui_state = self._ui_state
        pages = BrowserErrorPages(ui_state.history, ui_state.editor, self._admin_url)
        apis = (
            CheckApi(functions, settings.pods, self._deliveries),
            InvokeApi(),
            ConfigurationApi(functions),
            ConcurrencyApi(functions),
            EventInvokeApi(),
            EventSourceMappingApi(functions, self._aws),
        )
        return FunctionApp(
            OperationRouter(functions, [route for api in apis for route in api.routes]),
            ApiGateway(functions, log, pages.for_browser, settings.caller),
            FunctionUrl(functions, log, pages.for_browser, settings.caller),
            functions,
            policy,
        )

    async def run(self) -> None:
        """Serve until a signal stops the service; return when its last process has exited."""
        logging.basicConfig(handlers=[LoggingBridge(self._log)], format="%(message)s")
        self._reaper.start()
        self._handle_signals()
        self._config_watcher.start()
        if self._debug_server is not None:
            await self._debug_server.start(self._log.service_log)
        self._log_startup()
        self._ui_state.open()
        if self._config.service.is_interactive:
            self._keys.start()
        if self._aws is not None:
            await self._aws.create(self._config.resources)
        self._manager.start()
        if self._aws is not None:
            await self._aws.start(self._config.event_sources)
        front = asyncio.create_task(self._front_server.serve(sockets=[self._front_socket]))
        admin = asyncio.create_task(self._admin_server.serve(sockets=[self._admin_socket]))
        clock = asyncio.create_task(self._ui_state.run_clock())
        await front
        await self._shut_down(clock, admin)

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        signals = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
            signals.append(signal.SIGHUP)
        for number in signals:
            loop.add_signal_handler(number, self.stop)

    async def _shut_down(self, clock: asyncio.Task[None], admin: asyncio.Task[None]) -> None:
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        if self._aws is not None:
            await self._aws.drain(self._config.service.shutdown_timeout)
        await self._manager.drain()
        if self._aws is not None:
            await self._aws.close()
        await self._reload_command.stop()
        await self._actions.stop()
        if self._debug_server is not None:
            self._debug_server.stop()
        clock.cancel()
        await self._ui_state.close()
        self._terminal.close()
        self._admin_server.stop()
        await admin
        self._reaper.close()
        self._keys.stop()
        self._output.close(_LOG_FLUSH_TIMEOUT_SECONDS)

    def stop(self) -> None:
        """Stop, and let running invocations finish. A second call kills them."""
        if self._front_server.should_exit:
            self._front_server.force_exit = True
            self._manager.kill()
            return
        self._log.service_log("Stopping (press again to force quit)")
        self._front_server.stop()
        seconds = self._config.service.shutdown_timeout
        self._kill_timer = asyncio.get_running_loop().call_later(seconds, self._kill_running)
        self._config_watcher.stop()
        if self._aws is not None:
            self._aws.stop()
        self._manager.stop()

    def _kill_running(self) -> None:
        """Kill what runs if a caller still waits: it gets AWS's error, not a closed connection."""
        if self._front_server.server_state.tasks:
            self._manager.kill()

    def _log_startup(self) -> None:
        """Log what is served and where."""
        functions, url, admin_url = self._config.functions, self._url, self._admin_url
        if self._config.service.is_interactive:
            self._terminal.print_startup(functions, url, admin_url)
        else:
            _log_urls(self._log, functions, url, admin_url)
        if self._debug_server is not None:
            self._log.service_log(self._debug_server.addresses)
        if self._aws is not None and (summary := self._aws.describe(self._config.resources)):
            self._log.service_log(summary)
        for notice in self._config.startup_notices:
            self._log.service_log(notice, "WARN")


def _build_output(
    config: Config, is_debugging: Callable[[], bool]
) -> tuple[Output, Terminal, LogListener | Terminal]:
    """Return the standard output, the terminal, and the log of the service's own messages."""
    settings = config.service
    first = config.functions[0]  # the service's own messages have the log format of this one
    if settings.is_interactive:
        output = Output(_STDOUT, screen.format_lost_message)
    else:
        lost = partial(log_records.format_lost_message, json_format=first.json_logs)
        output = Output(_STDOUT, lost)
    terminal = Terminal(
        output.write if settings.is_interactive else None,
        _STDOUT,
        runs_checks=settings.reload_command is not None,
        is_debugging=is_debugging,
    )
    log = terminal if settings.is_interactive else _create_log(first, settings, output)
    return output, terminal, log


def _create_log(
    configuration: FunctionConfiguration, settings: ServiceSettings, output: Output
) -> LogListener:
    """Return a log in AWS's format. With an interactive terminal, only callers get its records."""
    out = _discard if settings.is_interactive else output.write
    return LogListener(out, json_format=configuration.json_logs)


def _discard(record: bytes) -> None:
    """Do not write the record."""


def _log_urls(
    log: Listener, functions: Sequence[FunctionConfiguration], url: str, admin_url: str
) -> None:
    """Log the URLs in the format of the first function, and a command to try."""
    first = functions[0]
    if len(functions) > 1:
        message = f"{', '.join(each.name for each in functions)} answer at {url}"
    else:
        message = f"{first.handler} answers at {url}"
    if first.json_logs:
        log.service_log(message, url=url, admin_url=admin_url)
        return
    log.service_log(f"{message}; dashboard at {admin_url}")
    routes = [each for function in functions for each in function.routes]
    paths = [each.path for each in routes if _is_open_page(each)]
    invoke = f"{url}/2015-03-31/functions/{first.name}/invocations"
    example = f"{url}{paths[0]}" if paths else f"-d '{{}}' {invoke}"
    if (first.project / "events" / "event.json").is_file():
        example = f"-d @events/event.json {invoke}"
    log.service_log(f"try it: curl {example}")


def _is_open_page(route: Route) -> bool:
    """Return whether a GET request without a token reaches the route."""
    is_plain = route.path.startswith("/") and "{" not in route.path
    is_open = route.authorizer is None and route.api_key is None and route.is_proxy
    return is_plain and is_open and route.method in ("GET", "ANY")
