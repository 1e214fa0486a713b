"""The functions of a service: added, reconfigured and removed as the configuration says."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import override

from lambda_live.background import BackgroundTasks
from lambda_live.debugger.server import DebugServer
from lambda_live.functions.code_reloader import ReloadHooks
from lambda_live.functions.destinations import Destinations, LocalAws
from lambda_live.functions.function import Function
from lambda_live.functions.load_slots import LoadSlots
from lambda_live.functions.registry import FunctionRegistry
from lambda_live.model.function import FunctionConfiguration, split_qualifier
from lambda_live.model.invocation import InitReport, Invocation, Report, Result
from lambda_live.model.requirements import PackageState
from lambda_live.model.reserved_variables import placeholder_credentials
from lambda_live.model.service import ServiceSettings
from lambda_live.telemetry.listener import CompositeListener, Listener
from lambda_live.telemetry.metrics import MetricsListener

_LAMBDA_VARIABLE = "AWS_ENDPOINT_URL_LAMBDA"
"""Where AWS's SDKs call Lambda: here, so that functions can invoke each other."""

_AWS_VARIABLE = "AWS_ENDPOINT_URL"
"""Where they call the other services: the local emulator."""

_CALLS_FAIL = (
    "the code imports boto3 without an emulator and credentials, so calls to AWS fail; start"
    " lambda-live with --resources for an emulator, or add AWS_PROFILE to .env for AWS itself"
)


class _CredentialsCheck(Listener):
    """
    Warns if a function has neither an emulator nor credentials, and uses boto3.

    That is known once its init has imported boto3, or a call has failed or hung in botocore.
    """

    def __init__(self, warn: Callable[[], None]) -> None:
        self._warn = warn
        self._calls_fail = False

    @override
    def on_configured(self, configuration: FunctionConfiguration, *, multiple: bool) -> None:
        own = {each for each in configuration.variables if each.startswith(_AWS_VARIABLE)}
        has_credentials = not placeholder_credentials(configuration.variables)
        self._calls_fail = not has_credentials and own <= {_LAMBDA_VARIABLE}

    @override
    def on_init_end(self, report: InitReport) -> None:
        if self._calls_fail and any(each.name == "boto3" for each in report.imports):
            self._warn()

    @override
    def on_invocation_end(self, invocation: Invocation, result: Result, report: Report) -> None:
        frames = result.payload.decode("utf-8", "replace") + "".join(result.stack)
        if self._calls_fail and result.error_type is not None and "/botocore/" in frames:
            self._warn()


class FunctionManager:
    """Runs the functions, each with its own listeners."""

    def __init__(  # noqa: PLR0913, PLR0917  # the composition alone calls it
        self,
        functions: FunctionRegistry,
        settings: ServiceSettings,
        url: str,
        create_listeners: Callable[[FunctionConfiguration], Sequence[Listener]],
        reload_hooks: ReloadHooks,
        log: Callable[[str, str], None],
        debug_server: DebugServer | None,
        aws: LocalAws | None = None,
    ) -> None:
        self._aws = aws
        self._functions = functions
        self._settings = settings
        self._url = url
        self._create_listeners = create_listeners
        self._reload_hooks = reload_hooks
        self._debug_server = debug_server
        self._background = BackgroundTasks(log)
        self._listeners: dict[str, CompositeListener] = {}
        self._draining: set[Function] = set()
        self._load_slots = LoadSlots()
        self._warn_of_credentials = cache(partial(log, _CALLS_FAIL, "WARN"))
        self._is_started = False
        self.metrics: dict[str, MetricsListener] = {}

    def apply(self, configurations: Sequence[FunctionConfiguration]) -> None:
        """Add the functions that are new, and reconfigure the others."""
        for configuration in map(self._with_local_endpoints, configurations):
            function = self._functions.get(configuration.name)
            if function is None:
                self._add(configuration)
            else:
                function.configure(configuration)
        self._notify_configured()

    def remove_all_except(self, names: Iterable[str]) -> None:
        """Remove the functions that are not named; their running invocations finish."""
        remaining = set(names)
        for name in [each.configuration.name for each in self._functions]:
            if name not in remaining:
                self._remove(name)
        self._notify_configured()

    def set_package_state(self, name: str, state: PackageState) -> None:
        """Report whether a function has the packages that it requires."""
        if (function := self._functions.get(name)) is not None:
            function.package_state = state

    def check_for_changes(self) -> None:
        """Reload the functions whose code changed."""
        for function in self._functions:
            function.reloader.check_for_changes()

    def start(self) -> None:
        """Load the code of every function."""
        self._is_started = True
        for function in self._functions:
            function.start(self._load_slots)

    def stop(self) -> None:
        """Accept nothing more; what was accepted is still answered."""
        for function in self._functions:
            function.stop()

    def kill(self) -> None:
        """Kill every process."""
        for function in (*self._functions, *self._draining):
            function.kill()

    async def drain(self) -> None:
        """Run the accepted events; return when every process has exited."""
        functions = (*self._functions, *self._draining)
        await asyncio.gather(*(self._drain_and_close(each) for each in functions))

    async def _drain_and_close(self, function: Function) -> None:
        await function.drain_events(self._settings.shutdown_timeout)
        function.kill()
        await function.wait_closed()

    def _with_local_endpoints(self, configuration: FunctionConfiguration) -> FunctionConfiguration:
        """Set the endpoint variables, except those of the template, `.env` and `--env`."""
        urls = {_LAMBDA_VARIABLE: self._url, _AWS_VARIABLE: self._aws.url if self._aws else ""}
        own = configuration.environment
        missing = {name: url for name, url in urls.items() if url and name not in own}
        return replace(
            configuration, local_environment={**missing, **configuration.local_environment}
        )

    def _add(self, configuration: FunctionConfiguration) -> None:
        name = configuration.name
        metrics = self.metrics[name] = MetricsListener(configuration.timeout)
        check = _CredentialsCheck(self._warn_of_credentials)
        listener = CompositeListener([*self._create_listeners(configuration), metrics, check])
        self._listeners[name] = listener
        function = Function(
            configuration,
            self._settings,
            listener,
            self._reload_hooks,
            Destinations(self._find_by_arn, listener.service_log, self._aws).deliver,
            self._debug_server,
        )
        metrics.watch(function)
        self._functions.add(function)
        if self._debug_server is not None:
            self._debug_server.enable(name)
        if self._is_started:
            listener.service_log(f"function {name} added")
            function.start(self._load_slots)

    def _find_by_arn(self, arn: str) -> Function | None:
        unqualified, qualifier = split_qualifier(arn)
        for function in self._functions:
            configuration = function.desired_configuration
            if configuration.arn == unqualified and configuration.version_of(qualifier):
                return function
        return None

    def _remove(self, name: str) -> None:
        function = self._functions.remove(name)
        if self._debug_server is not None:
            self._debug_server.disable(name)
        del self.metrics[name]
        self._listeners.pop(name).service_log(f"function {name} removed")
        function.stop()
        self._draining.add(function)
        self._background.spawn(self._drain_removed(function))

    async def _drain_removed(self, function: Function) -> None:
        await function.drain_requests(self._settings.shutdown_timeout)
        await self._drain_and_close(function)
        self._draining.discard(function)

    def _notify_configured(self) -> None:
        multiple = len(self._functions) > 1
        for function in self._functions:
            listener = self._listeners[function.configuration.name]
            listener.on_configured(function.desired_configuration, multiple=multiple)
