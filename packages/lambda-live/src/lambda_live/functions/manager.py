"""The functions that are served: begun, changed and ended as they are given."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from lambda_live.background import BackgroundTasks
from lambda_live.debugger.server import DebugServer
from lambda_live.functions.destinations import Destinations
from lambda_live.functions.function import Function
from lambda_live.functions.load_slots import LoadSlots
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.service import ServiceSettings
from lambda_live.telemetry.listener import CompositeListener, Listener
from lambda_live.telemetry.metrics import MetricsListener


class FunctionManager:
    """Runs functions, each with its own listeners."""

    def __init__(  # noqa: PLR0913, PLR0917  # what each function needs, from the composition
        self,
        functions: FunctionRegistry,
        settings: ServiceSettings,
        url: str,
        create_listeners: Callable[[FunctionConfiguration], Sequence[Listener]],
        is_reload_blocked: Callable[[str], bool],
        log: Callable[[str, str], None],
        debug_server: DebugServer | None,
    ) -> None:
        self._settings = settings
        self._url = url
        self._create_listeners = create_listeners
        self._is_reload_blocked = is_reload_blocked
        self._debug_server = debug_server
        self._background = BackgroundTasks(log)
        self._listeners: dict[str, CompositeListener] = {}
        self._draining: set[Function] = set()
        self._turns = LoadSlots()
        self._started = False
        self.functions = functions
        self.metrics: dict[str, MetricsListener] = {}

    def apply(self, configurations: Sequence[FunctionConfiguration]) -> None:
        """Run them as they are now, those that are new as well."""
        for configuration in map(self._with_local_endpoint, configurations):
            function = self.functions.get(configuration.name)
            if function is None:
                self._add(configuration)
            else:
                function.configure(configuration)
        self._notify_configured()

    def remove_all_except(self, names: Iterable[str]) -> None:
        """End the functions that are called otherwise."""
        kept = set(names)
        for name in [each.configuration.name for each in self.functions]:
            if name not in kept:
                self._remove(name)
        self._notify_configured()

    def accept_code_on_disk(self, name: str) -> None:
        """Let a function's code be the one that answers, though there is a newer one."""
        if (function := self.functions.get(name)) is not None:
            function.accept_code_on_disk()

    def check_for_changes(self) -> None:
        """Have each look whether its code changed."""
        for function in self.functions:
            function.check_for_changes()

    def start(self) -> None:
        """Load the code of each."""
        self._started = True
        for function in self.functions:
            function.start(self._turns)

    def stop(self) -> None:
        """Take nothing more; what was taken in is still answered."""
        for function in self.functions:
            function.stop()

    def kill(self) -> None:
        """End every process at once."""
        for function in (*self.functions, *self._draining):
            function.kill()

    async def drain(self) -> None:
        """Run the events that were accepted; return when the last process has ended."""
        await asyncio.gather(*(self._stop(each) for each in (*self.functions, *self._draining)))

    async def _stop(self, function: Function) -> None:
        await function.drain_events(self._settings.shutdown_timeout)
        function.kill()
        await function.wait_closed()

    def _with_local_endpoint(self, configuration: FunctionConfiguration) -> FunctionConfiguration:
        """Let a handler that calls another function through an SDK reach it here."""
        name = "AWS_ENDPOINT_URL_LAMBDA"
        if name in configuration.environment:
            return configuration
        local = {name: self._url, **configuration.local_environment}
        return replace(configuration, local_environment=local)

    def _add(self, configuration: FunctionConfiguration) -> None:
        name = configuration.name
        metrics = self.metrics[name] = MetricsListener(configuration.timeout)
        listeners = self._listeners[name] = CompositeListener(
            [*self._create_listeners(configuration), metrics]
        )
        tell = Destinations(self._of_arn, listeners.service_log).deliver
        held = partial(self._is_reload_blocked, name)
        function = Function(
            configuration, self._settings, listeners, held, tell, self._debug_server
        )
        metrics.watch(function.stats)
        self.functions.add(function)
        if self._debug_server is not None:
            self._debug_server.enable(name)
        if self._started:
            listeners.service_log(f"{name} is new")
            function.start(self._turns)

    def _of_arn(self, arn: str) -> Function | None:
        return next((each for each in self.functions if each.configuration.arn == arn), None)

    def _remove(self, name: str) -> None:
        function = self.functions.remove(name)
        if self._debug_server is not None:
            self._debug_server.disable(name)
        del self.metrics[name]
        self._listeners.pop(name).service_log(f"{name} is gone")
        function.stop()
        self._draining.add(function)
        self._background.spawn(self._drain(function))

    async def _drain(self, function: Function) -> None:
        await function.drain_requests(self._settings.shutdown_timeout)
        await self._stop(function)
        self._draining.discard(function)

    def _notify_configured(self) -> None:
        several = len(self.functions) > 1
        for function in self.functions:
            listeners = self._listeners[function.configuration.name]
            listeners.on_configured(function.desired_configuration, multiple=several)
