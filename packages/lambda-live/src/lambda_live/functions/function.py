"""A function: accepts requests and runs them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from lambda_live.background import BackgroundTasks
from lambda_live.debugger.server import DebugServer
from lambda_live.environments.sandbox import SharedResources
from lambda_live.environments.variables import missing_paths
from lambda_live.functions.async_invocations import AsyncInvocationQueue, AsyncOutcome
from lambda_live.functions.code_reloader import CodeReloader, ReloadHooks
from lambda_live.functions.dispatcher import Dispatcher
from lambda_live.functions.environment_pool import EnvironmentPool
from lambda_live.functions.load_slots import LoadSlots
from lambda_live.functions.request_queue import (
    RecursiveLoopError,
    RequestQueue,
    ServiceStoppingError,
    TenantError,
    ThrottledError,
)
from lambda_live.functions.scaler import SWEEP_INTERVAL_SECONDS, Scaler
from lambda_live.model.code_version import CodeVersion
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Result, count_lineage
from lambda_live.model.requirements import PackageState
from lambda_live.model.service import ServiceSettings
from lambda_live.telemetry.listener import CompositeListener, Listener

_MAX_CALLS_IN_A_CHAIN = 16
"""AWS stops a function after about as many calls (Lambda, "recursive loop detection")."""

_EXIT_TIMEOUT_SECONDS = 5.0
"""The kernel ends a killed process at once, unless a device or a file system hangs."""


class Function:
    """
    Composes the queue, the reloader, the scaler and the dispatcher of one function.

    `stop()` accepts nothing more, the `drain_*` methods wait for what was accepted, and `kill()`
    ends the rest.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # the manager alone calls it
        self,
        configuration: FunctionConfiguration,
        settings: ServiceSettings,
        listener: Listener,
        reload_hooks: ReloadHooks,
        on_async_done: Callable[[AsyncOutcome], Awaitable[None]],
        debug_server: DebugServer | None,
    ) -> None:
        """
        Create the function; `start()` starts it.

        `on_async_done` receives finished asynchronous invocations.
        """
        self._has_debugger = debug_server is not None
        self._background = background = BackgroundTasks(listener.service_log)
        self._queue = RequestQueue(settings.max_queued_requests, settings.queue_timeout, listener)
        self.reloader = reloader = CodeReloader(
            configuration, listener, background, self._on_settled, reload_hooks
        )
        self._listener = listener = CompositeListener([reloader.self_writes, listener])
        self._pool = pool = EnvironmentPool()
        resources = SharedResources(debug_server)
        self._scaler = Scaler(pool, reloader, listener, resources, preload=settings.preload)
        self._dispatcher = Dispatcher(pool, self._queue, reloader, self._scaler, listener)
        self._async_queue = AsyncInvocationQueue(
            self._run, lambda: reloader.desired_configuration, on_async_done, listener
        )
        self._results: set[asyncio.Future[Result]] = set()
        self._is_stopping = False
        self._is_killed = False
        self._sweep_error = ""
        self._missing_paths: set[tuple[str, str]] = set()
        self.package_state = PackageState()
        """Whether the function has the packages that it requires."""

    @property
    def code_version(self) -> CodeVersion:
        """The code that answers requests, and its configuration."""
        return self.reloader.code_version

    @property
    def configuration(self) -> FunctionConfiguration:
        """The configuration of the code that answers requests."""
        return self.reloader.code_version.configuration

    @property
    def desired_configuration(self) -> FunctionConfiguration:
        """The configuration after the reload that is in progress."""
        return self.reloader.desired_configuration

    @property
    def is_loaded(self) -> bool:
        """Whether requests are answered: some code was loaded, or failed to load."""
        if self._is_stopping:
            return False
        return self.reloader.is_loaded or self.configuration.concurrency == 0

    def waiting(self) -> int:
        """Return how many requests wait for an environment."""
        return len(self._queue)

    def executing(self) -> int:
        """Return how many invocations run."""
        return self._pool.count_executing()

    def environments(self) -> int:
        """Return how many environments are alive."""
        return len(self._pool.live())

    def max_memory(self) -> int:
        """Return the peak memory of the largest environment, in bytes."""
        return self._pool.max_memory()

    def standby_memory(self) -> int:
        """Return the current memory of the standby process, in bytes."""
        return self._scaler.standby_memory()

    def start(self, load_slots: LoadSlots) -> None:
        """Load the code as soon as a slot is free, and watch it."""
        self._report_missing_paths(self.configuration)
        self._start_sweep()
        self.reloader.start()
        self._scaler.start(self._dispatcher, load_slots, self._dispatcher.replace_outdated)

    def configure(self, configuration: FunctionConfiguration) -> None:
        """Run later requests with this configuration. A debugger allows one environment only."""
        if self._has_debugger:
            configuration = replace(configuration, concurrency=min(configuration.concurrency, 1))
        self._report_missing_paths(configuration)
        self.reloader.configure(configuration)
        self._async_queue.retry_throttled()

    def _report_missing_paths(self, configuration: FunctionConfiguration) -> None:
        """Report each path in a variable that only exists on AWS, once."""
        for variable, path in missing_paths(configuration):
            if (variable, path) in self._missing_paths:
                continue
            self._missing_paths.add((variable, path))
            is_local = variable in configuration.local_environment
            place = None if is_local else configuration.variable_places.get(variable)
            self._listener.service_log(
                f"{place + ': ' if place else ''}{configuration.name}: {variable} names {path},"
                " which is not in the code or a layer here; add it,"
                f" or set {variable} to a local path in .env",
                "WARN",
            )

    async def invoke(self, invocation: Invocation) -> Result:
        """
        Run an invocation on the current code.

        Raises:
            ThrottledError: All environments are busy and the queue is full.
            TenantError: The tenant id is missing, or the function has no tenant isolation.
            RecursiveLoopError: The function was called too often in one chain of requests.
            ServiceStoppingError: The service is stopping.
        """
        if self._is_stopping:
            raise ServiceStoppingError
        self._check_tenant(invocation)
        if self._is_recursive(invocation):
            raise RecursiveLoopError
        return await self._run(invocation)

    def report_failure(self, request_id: str, consequence: str) -> None:
        """Report what happens to the messages of an invocation that failed."""
        self._listener.on_failure_handled(request_id, consequence)

    def drop_queued(self, invocation: Invocation, why: Exception) -> None:
        """Remove an invocation that waits, and raise `why` in its caller. A running one goes on."""
        self._queue.remove(invocation, why)

    def enqueue_event(self, invocation: Invocation) -> asyncio.Task[None]:
        """
        Accept an asynchronous invocation; the task ends when its outcome has been delivered.

        Raises:
            ServiceStoppingError: The service is stopping.
            ThrottledError: Too many events wait.
            TenantError: The tenant id is missing, or the function has no tenant isolation.
        """
        self._check_tenant(invocation)
        return self._async_queue.enqueue(invocation, is_recursive=self._is_recursive(invocation))

    def _check_tenant(self, invocation: Invocation) -> None:
        """Raise TenantError unless the invocation has a tenant id exactly if it must."""
        is_isolated = self.desired_configuration.tenancy is not None
        if is_isolated and invocation.tenant_id is None:
            message = "enabled with tenancy configuration. Add a valid tenant ID in your"
        elif invocation.tenant_id is not None and not is_isolated:
            message = "not enabled with tenancy configuration. Remove the tenant ID from your"
        else:
            return
        message = f"The invoked function is {message} request and try again."
        raise TenantError(message)

    def _is_recursive(self, invocation: Invocation) -> bool:
        """Count the call in the invocation's trace; return whether AWS stops it."""
        invocation.trace_id, calls = count_lineage(invocation.trace_id, self.configuration.arn)
        return calls > _MAX_CALLS_IN_A_CHAIN and not self.configuration.allows_recursion

    async def wait_for_load(self, code_sha256: str, timeout_seconds: float) -> None:
        """Return when code of that hash is loaded or fails to load, or at the timeout."""
        self.reloader.check_for_changes()
        loads = self.configuration.concurrency > 0
        await self.reloader.wait_for_code(code_sha256, timeout_seconds, loads=loads)

    def stop(self) -> None:
        """Accept nothing more; what was accepted is still answered."""
        self._is_stopping = True
        self.reloader.stop()
        self._async_queue.stop()

    async def drain_events(self, timeout_seconds: float) -> None:
        """Run the accepted events; log those that are left at the timeout."""
        await self._async_queue.drain(timeout_seconds)

    async def drain_requests(self, timeout_seconds: float) -> None:
        """Wait for the accepted requests, or for the timeout."""
        if self._results:
            await asyncio.wait(self._results, timeout=timeout_seconds)

    def kill(self) -> None:
        """Kill every process."""
        self._is_stopping = self._is_killed = True
        self.reloader.stop()
        self._dispatcher.close(ServiceStoppingError())
        self._background.cancel()
        self._scaler.close()

    async def wait_closed(self) -> None:
        """Return when every process has exited, or after a timeout."""
        try:
            async with asyncio.timeout(_EXIT_TIMEOUT_SECONDS):
                await self._scaler.wait_closed()
        except TimeoutError:
            name = self.configuration.name
            self._listener.service_log(f"{name}: a killed process does not exit", "ERROR")

    async def _run(self, invocation: Invocation) -> Result:
        """Run an invocation. An event that was accepted runs even after `stop()`."""
        if self._is_killed:
            raise ServiceStoppingError
        arrived_at = time.monotonic()
        self.reloader.check_for_changes()
        concurrency = self.desired_configuration.concurrency
        if concurrency == 0:
            self._listener.on_throttle()
            raise ThrottledError
        self._queue.enqueue(invocation, arrived_at, concurrency - self._pool.count_executing())
        self._dispatcher.dispatch()
        result = invocation.result
        self._results.add(result)
        try:
            return await result
        finally:
            self._results.discard(result)
            self._async_queue.on_capacity()

    def _on_settled(self, error: Exception | None) -> None:
        if error is not None:
            self._dispatcher.fail_queued(f"cannot read the code: {error!r}")
            return
        if self.configuration.concurrency == 0:
            self._queue.reject_all(ThrottledError())
        self._dispatcher.replace_outdated()

    def _start_sweep(self) -> None:
        self._background.spawn(self._sweep(), self._on_sweep_error)

    def _on_sweep_error(self, error: Exception) -> None:
        """Go on, because limits and timeouts depend on it. Log the same error once."""
        if repr(error) != self._sweep_error:
            self._sweep_error = repr(error)
            self._listener.service_log(f"internal error: {error!r}", "ERROR")
        self._start_sweep()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_SECONDS)
            now = time.monotonic()
            self._scaler.sweep(now)
            if not (self.reloader.is_reloading or self._scaler.waits_for_slot):
                self._queue.expire(now, self._pool.count_starting(self.code_version))
