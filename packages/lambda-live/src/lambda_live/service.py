"""
The service: `build_service` creates every object, and `Service` starts and stops them.

Order of a stop: the HTTP server accepts no new connection, running invocations and accepted
events finish, environments exit, and the log is flushed.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from lambda_live.http.aws_errors import ErrorPage
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


@dataclass(slots=True)
class Service:
    """Every object that starts or stops with the service."""

    config: Config
    front_socket: socket.socket
    admin_socket: socket.socket
    output: Output
    log: LogListener | Terminal
    reaper: Reaper
    debug_server: DebugServer | None
    terminal: Terminal
    actions: Actions
    keys: KeyBindings
    manager: FunctionManager
    config_watcher: ConfigWatcher
    reload_command: ReloadCommand
    ui_state: UiState
    front_server: Server
    admin_server: Server
    aws: "EventSources | None" = None
    _kill_timer: asyncio.TimerHandle | None = field(default=None, init=False)

    async def run(self) -> None:
        """Serve until a signal stops the service; return when its last process has exited."""
        logging.basicConfig(handlers=[LoggingBridge(self.log)], format="%(message)s")
        self.reaper.start()
        self._handle_signals()
        self.config_watcher.start()
        if self.debug_server is not None:
            await self.debug_server.start(self.log.service_log)
        self._log_startup()
        self.ui_state.open()
        if self.config.service.is_interactive:
            self.keys.start()
        if self.aws is not None:
            await self.aws.create(self.config.resources)
        self.manager.start()
        if self.aws is not None:
            await self.aws.start(self.config.event_sources)
        front = asyncio.create_task(self.front_server.serve(sockets=[self.front_socket]))
        admin = asyncio.create_task(self.admin_server.serve(sockets=[self.admin_socket]))
        clock = asyncio.create_task(self.ui_state.run_clock())
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
        if self.aws is not None:
            await self.aws.drain(self.config.service.shutdown_timeout)
        await self.manager.drain()
        if self.aws is not None:
            await self.aws.close()
        await self.reload_command.stop()
        await self.actions.stop()
        if self.debug_server is not None:
            self.debug_server.stop()
        clock.cancel()
        await self.ui_state.close()
        self.terminal.close()
        self.admin_server.stop()
        await admin
        self.reaper.close()
        self.keys.stop()
        self.output.close(_LOG_FLUSH_TIMEOUT_SECONDS)

    def stop(self) -> None:
        """Stop, and let running invocations finish. A second call kills them."""
        if self.front_server.should_exit:
            self.front_server.force_exit = True
            self.manager.kill()
            return
        self.log.service_log("Stopping (press again to force quit)")
        self.front_server.stop()
        seconds = self.config.service.shutdown_timeout
        self._kill_timer = asyncio.get_running_loop().call_later(seconds, self._kill_running)
        self.config_watcher.stop()
        if self.aws is not None:
            self.aws.stop()
        self.manager.stop()

    def _kill_running(self) -> None:
        """Kill what runs if a caller still waits: it gets AWS's error, not a closed connection."""
        if self.front_server.server_state.tasks:
            self.manager.kill()

    def _log_startup(self) -> None:
        """Log what is served and where."""
        functions, url = self.config.functions, socket_url(self.front_socket)
        admin_url = socket_url(self.admin_socket)
        if self.config.service.is_interactive:
            self.terminal.print_startup(functions, url, admin_url)
        else:
            _log_urls(self.log, functions, url, admin_url)
        if self.debug_server is not None:
            self.log.service_log(self.debug_server.addresses)
        if self.aws is not None and (summary := self.aws.describe(self.config.resources)):
            self.log.service_log(summary)
        for notice in self.config.startup_notices:
            self.log.service_log(notice, "WARN")


def build_service(
    config: Config,
    front_socket: socket.socket,
    admin_socket: socket.socket,
    debug_sockets: Mapping[str, socket.socket],
    emulator: "Emulator | None" = None,
) -> Service:
    """
    Create every object of the service, each after those that it needs.

    `debug_sockets` has a listening socket for each function if debuggers may attach. `emulator` has
    AWS's other services, if the template needs them.
    """
    settings = config.service
    url, admin_url = socket_url(front_socket), socket_url(admin_socket)
    debug_server = None
    if settings.debug_port is not None:
        debug_server = DebugServer(settings.debug_port, debug_sockets)
    output, terminal, log = _build_output(config, debug_server)
    functions = FunctionRegistry()
    ui_state = _build_ui_state(config, functions, url, terminal, log)
    reload_command = _build_reload_command(settings, url, terminal, ui_state, debug_server)

    def create_listeners(configuration: FunctionConfiguration) -> list[Listener]:
        return [
            _create_log(configuration, settings, output),
            terminal.create_listener(configuration, show_name=len(config.functions) > 1),
            ui_state.create_listener(configuration),
            reload_command,
            *([deliveries.create_listener(configuration.name)] if deliveries else []),
        ]

    def is_reload_blocked(name: str) -> bool:
        return config_watcher.blocks_reload(name)  # it and the manager need each other

    def on_saved(name: str, saved_at: float) -> None:
        config_watcher.on_saved(name, saved_at)

    aws, deliveries = _build_event_sources(emulator, config, functions, log, admin_url)
    ui_state.resources = None if aws is None else ResourcesView(aws)
    manager = FunctionManager(
        functions,
        settings,
        url,
        create_listeners,
        ReloadHooks(is_reload_blocked, on_saved),
        log.service_log,
        debug_server,
        aws,
    )

    def on_accepted(changed: Config) -> None:
        if aws is not None:
            aws.update(changed.resources, changed.event_sources)

    config_watcher = ConfigWatcher(config, manager, log.service_log, on_accepted)
    if aws is not None:
        aws.on_values = config_watcher.read_again

    def template_resources() -> TemplateResources:
        return config_watcher.config.resources, config_watcher.config.event_sources

    ui_state.template = template_resources
    public_host = urlsplit(settings.public_url).hostname
    policy = OriginPolicy((*settings.allowed_hosts, *((public_host,) if public_host else ())))
    error_page = BrowserErrorPages(ui_state.history, ui_state.editor, admin_url).for_browser
    front = _build_function_app(functions, settings, log, error_page, policy, aws, deliveries)
    registry = create_registry(manager.metrics)
    admin = AdminApp(functions, registry, UiApp(ui_state), terminal.stream, aws)
    actions = Actions(terminal.status, functions, reload_command, settings, url, template_resources)
    if aws is not None and aws.url:
        actions.reset_resources = aws.request_reset
    ui_state.start_checks = actions.check if actions.can_check else None
    ui_state.start_accept = actions.accept if actions.can_accept else None
    return Service(
        config=config,
        front_socket=front_socket,
        admin_socket=admin_socket,
        output=output,
        log=log,
        reaper=Reaper(),
        debug_server=debug_server,
        terminal=terminal,
        actions=actions,
        keys=KeyBindings(
            terminal.status,
            actions,
            dashboard_url=admin_url,
            toggle_replay=ui_state.replay.toggle,
            on_quit=partial(signal.raise_signal, signal.SIGINT),
        ),
        manager=manager,
        aws=aws,
        config_watcher=config_watcher,
        reload_command=reload_command,
        ui_state=ui_state,
        front_server=create_server(
            await_first(config_watcher.wait_current, front), settings.shutdown_timeout
        ),
        admin_server=create_server(
            OriginMiddleware(admin, policy), _ADMIN_SHUTDOWN_TIMEOUT_SECONDS
        ),
    )


def _build_ui_state(
    config: Config, functions: FunctionRegistry, url: str, terminal: Terminal, log: Listener
) -> UiState:
    settings, project = config.service, config.functions[0].project
    path = database_path(project) if settings.history else None
    ui_state = UiState(
        functions,
        settings.public_url or url,
        url,
        EditorLinks(project, settings.editor_root, settings.editor),
        terminal.status.show_replay,
        HistoryStore(path, log.service_log),
    )
    ui_state.replay.set_enabled(enabled=settings.replay)
    return ui_state


def _build_function_app(  # noqa: PLR0913, PLR0917  # called once
    functions: FunctionRegistry,
    settings: ServiceSettings,
    log: Listener,
    error_page: ErrorPage,
    policy: OriginPolicy,
    aws: "EventSources | None",
    deliveries: "Deliveries | None",
) -> FunctionApp:
    """Return the application of the function's port, with the operations of AWS's Lambda API."""
    apis = (
        CheckApi(functions, settings.pods, deliveries),
        InvokeApi(),
        ConfigurationApi(functions),
        ConcurrencyApi(functions),
        EventInvokeApi(),
        EventSourceMappingApi(functions, aws),
    )
    return FunctionApp(
        OperationRouter(functions, [route for api in apis for route in api.routes]),
        ApiGateway(functions, log, error_page, settings.caller),
        FunctionUrl(functions, log, error_page, settings.caller),
        functions,
        policy,
    )


def _build_event_sources(
    emulator: "Emulator | None",
    config: Config,
    functions: FunctionRegistry,
    log: Listener,
    admin_url: str,
) -> "tuple[EventSources | None, Deliveries | None]":
    if emulator is None:
        return None, None
    from lambda_live.events.deliveries import Deliveries  # noqa: PLC0415  # few projects need them
    from lambda_live.events.event_sources import EventSources  # noqa: PLC0415

    aws = EventSources(emulator, config, functions.get, log.service_log, admin_url)
    return aws, Deliveries(aws) if aws.url else None


def _build_output(
    config: Config, debug_server: DebugServer | None
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
        is_debugging=_debugging_test(debug_server),
    )
    log = terminal if settings.is_interactive else _create_log(first, settings, output)
    return output, terminal, log


def _debugging_test(debug_server: DebugServer | None) -> Callable[[], bool]:
    return lambda: debug_server is not None and debug_server.is_attached


def _create_log(
    configuration: FunctionConfiguration, settings: ServiceSettings, output: Output
) -> LogListener:
    """Return a log in AWS's format. With an interactive terminal, only callers get its records."""
    out = _discard if settings.is_interactive else output.write
    return LogListener(out, json_format=configuration.json_logs)


def _discard(record: bytes) -> None:
    """Do not write the record."""


def _build_reload_command(
    settings: ServiceSettings,
    url: str,
    terminal: Terminal,
    ui_state: UiState,
    debug_server: DebugServer | None,
) -> ReloadCommand:
    """Return the command that runs after each reload; a terminal shows its output formatted."""

    def on_finished(result: CommandResult) -> None:
        terminal.status.show_checks_finished(result)
        ui_state.add_checks(result)

    def on_progress(progress: CheckProgress | None) -> None:
        ui_state.set_check_progress(progress)
        if progress is not None and progress.total:
            terminal.status.show_check_progress(progress)

    if not settings.is_interactive:
        return ReloadCommand(settings.reload_command, url)
    test = _debugging_test(debug_server)
    return ReloadCommand(settings.reload_command, url, on_finished, test, on_progress)


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
