"""
One execution environment: a process that runs AWS's runtime client, one invocation at a time.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import signal
from dataclasses import replace
from functools import partial
from typing import Protocol, override

from lambda_live.environments.lifecycle import Lifecycle, State
from lambda_live.environments.phase_timer import PhaseTimer
from lambda_live.environments.process_spec import describe_error, explain_start_failure
from lambda_live.environments.runtime_api import RuntimeApiConnection, RuntimeCalls
from lambda_live.environments.sandbox import Sandbox, SharedResources
from lambda_live.model import errors
from lambda_live.model.code_version import CodeVersion
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Report, Result
from lambda_live.telemetry.listener import Listener

INIT_TIMEOUT_SECONDS = 10.0
"""AWS's limit for an init ("Init phase")."""

EXIT_GRACE_SECONDS = 1.0
"""After a failed init, the process may still write its last log lines before it is killed."""

STACK_DUMP_SECONDS = 1.0
"""After a timeout, a process may take this long to report its stack before it is killed."""

FREEZE_AFTER_SECONDS = 0.05
"""An idle environment's processes are stopped after this time, as AWS freezes them."""

_MB = 2**20


class EnvironmentListener(Protocol):
    """Receives the events of environments, and decides what they run."""

    def on_initialized(self, environment: "Environment") -> None:
        """Handle a successful init."""

    def on_init_failed(
        self, environment: "Environment", error: errors.ErrorFactory, location: str
    ) -> bool:
        """
        Handle a failed init. `location` has file, line and text of the error, if they are known.

        Return whether the invocation that waits for this init gets the error as its result.
        """

    def on_init_timeout(self, environment: "Environment", stack: tuple[str, ...]) -> None:
        """
        Handle an init that exceeded its timeout while no invocation waited for it.

        `stack` has the frames of the code that was running, if they are known.
        """

    def on_invocation_done(
        self, environment: "Environment", invocation: Invocation, result: Result, report: Report
    ) -> None:
        """Handle a result or an error. The environment may be ready for another invocation."""

    def on_invocation_returned(self, invocation: Invocation) -> None:
        """Queue an invocation again: the environment exited before the runtime received it."""

    def on_start_failed(self, reason: str) -> None:
        """Handle a process that could not be started."""

    def on_exit(self, environment: "Environment") -> None:
        """Handle the exit of the environment's process."""


class Environment(RuntimeCalls):
    """State machine of one environment. Its `EnvironmentListener` decides what it runs."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        environment_listener: EnvironmentListener,
        listener: Listener,
        resources: SharedResources,
        *,
        preload: str = "",
    ) -> None:
        """`preload` is the `next_preload` of an earlier environment, or empty."""
        self.configuration = configuration
        self.code_version: CodeVersion | None = None
        self.tenant_id: str | None = None
        """The tenant of the first invocation. Invocations of other tenants never run here."""
        self.sandbox = Sandbox(configuration, listener, resources, preload=preload)
        self.next_preload = ""
        self.has_preload = bool(preload)
        self.spawned = asyncio.Event()
        self.lifecycle = Lifecycle()
        self._has_timed_out = False
        self._environment_listener = environment_listener
        self._phases = PhaseTimer(configuration, self.sandbox, listener, self._on_timeout)

    @property
    def invocation(self) -> Invocation | None:
        """The invocation that runs here, or is reserved for this environment."""
        return self.sandbox.invocation

    def accepts(self, invocation: Invocation) -> bool:
        """Whether an invocation may run here: it belongs to the same tenant, or is the first."""
        return self.tenant_id in (None, invocation.tenant_id)

    def reserve(self, invocation: Invocation | None) -> None:
        """Reserve the environment for an invocation before its init starts."""
        self.sandbox.invocation = invocation

    async def spawn(self) -> None:
        """
        Start the process, and wait until it has preloaded its imports.

        Raises any exception of the system or of Python, such as OSError for a missing file,
        ValueError for a variable with a NUL, or RuntimeError for a thread. `fail_start` must then
        be called: requests may be waiting for this environment.
        """
        await self.sandbox.spawn(self, self._on_process_exit)
        if self.lifecycle.is_terminating:
            self.sandbox.signal(signal.SIGKILL)
        await self.sandbox.wait_ready()
        if not self.lifecycle.is_terminating:
            self.lifecycle.transition_to(State.STANDBY)
        self.spawned.set()

    def fail_start(self, error: Exception | None) -> None:
        """Give up an environment that could not start. Without an error, silently."""
        if self.lifecycle.state is State.EXITED:
            return
        self.shutdown()
        self._return_invocation()
        if error is not None:
            reason = explain_start_failure(self.configuration) or describe_error(error)
            self._environment_listener.on_start_failed(reason)
        if not self.sandbox.is_watched:  # otherwise the exit of the process closes it
            self._close()

    def start_init(self, code_version: CodeVersion, invocation: Invocation | None = None) -> None:
        """
        Load the handler.

        With an invocation, the function's timeout covers the init too (AWS, "Init phase").
        """
        self.lifecycle.transition_to(State.INIT)
        self.code_version = code_version
        self.sandbox.invocation = invocation
        limit = INIT_TIMEOUT_SECONDS if invocation is None else self.configuration.timeout
        self._phases.start_init(limit)
        self.sandbox.start_handler_load()

    def assign(self, invocation: Invocation) -> None:
        """Run an invocation as soon as the runtime requests it."""
        self.tenant_id = invocation.tenant_id
        self.sandbox.invocation = invocation
        if not self.sandbox.is_polling:
            self.lifecycle.transition_to(State.ASSIGNED)
            return
        if self.lifecycle.state is State.FROZEN:
            self.sandbox.signal(signal.SIGCONT)
        self.lifecycle.transition_to(State.INVOKE)
        self._phases.start_invocation()
        self.sandbox.deliver(self.configuration.timeout)

    def shutdown(self) -> None:
        """Kill the process and everything it started, at once."""
        self._phases.cancel_timeout()
        if not self.lifecycle.is_terminating:
            self.sandbox.measure_peak()  # the kernel forgets the peak when the process exits
            self.lifecycle.transition_to(State.SHUTDOWN)
        if self.lifecycle.state is not State.EXITED:
            self.sandbox.signal(signal.SIGKILL)

    def enforce_limits(self, now: float) -> None:
        """Kill the environment if it exceeds its memory limit; freeze it if it is idle."""
        state = self.lifecycle.state
        if state in (State.SPAWNING, State.STANDBY, State.INIT, State.INVOKE):
            if self.sandbox.measure_resident() > self.configuration.memory * _MB:
                self.shutdown()
                self._abort(errors.out_of_memory, in_init=state is State.INIT)
        elif (
            state is State.READY
            and self.sandbox.is_polling
            and self.lifecycle.idle_seconds(now) > FREEZE_AFTER_SECONDS
        ):
            self.lifecycle.transition_to(State.FROZEN)
            self.sandbox.signal(signal.SIGSTOP)

    @override
    def on_next(self, api: RuntimeApiConnection) -> None:
        self.sandbox.on_poll(api)
        if self.lifecycle.state is State.INIT:
            self._complete_init()
        elif self.lifecycle.state is State.ASSIGNED and self.invocation is not None:
            self.assign(self.invocation)

    @override
    def is_stale(self, invocation_id: str) -> bool:
        is_running = self.lifecycle.state is State.INVOKE
        return not is_running or invocation_id != self.sandbox.invocation_id

    @override
    def on_response(self, request_id: str, payload: bytes, content_type: str) -> int:
        if len(payload) > errors.MAX_RESPONSE_BYTES:
            return self._on_result(request_id, errors.response_too_large(), 413)
        return self._on_result(request_id, Result(payload, content_type), 202)

    @override
    def on_error(self, request_id: str, payload: bytes, error_type: str) -> int:
        return self._on_result(request_id, Result(payload, error_type=error_type), 202)

    @override
    def on_init_error(self, payload: bytes, error_type: str) -> None:
        if self.lifecycle.state is State.INIT:
            self._fail_init(lambda _: Result(payload, error_type=error_type))

    def _on_result(self, request_id: str, result: Result, status: int) -> int:
        """Accept the result of the current invocation only; return the HTTP status."""
        if self.lifecycle.state is not State.INVOKE or self.invocation is None:
            return 400
        if self.invocation.request_id != request_id:
            return 400
        self.lifecycle.transition_to(State.READY)
        self._finish_invocation(result, "success" if result.error_type is None else "error")
        return status

    def _complete_init(self) -> None:
        message = self.sandbox.read_init_message()
        if self._phases.is_init_overdue(message.preload_ms):
            self._on_timeout()
            return
        self.next_preload = message.preload
        keeps_timeout = self.invocation is not None
        self._phases.finish_init(keep_timeout=keeps_timeout, imports=message.imports)
        self.lifecycle.transition_to(State.READY)
        if self.invocation is not None:
            self.assign(self.invocation)
        self._environment_listener.on_initialized(self)

    def _fail_init(self, error: errors.ErrorFactory) -> None:
        if not self.lifecycle.is_terminating:
            self.lifecycle.transition_to(State.SHUTDOWN)
            asyncio.get_running_loop().call_later(EXIT_GRACE_SECONDS, self.shutdown)
        self._phases.finish_init("error", error("").error_type)
        location = self.sandbox.read_init_message().location
        is_final = self._environment_listener.on_init_failed(self, error, location)
        if is_final and self.invocation is not None:
            self._finish_invocation(error(self.invocation.request_id), "failure")
        self._return_invocation()

    def _abort(self, error: errors.ErrorFactory, *, in_init: bool) -> None:
        """Fail the running invocation, or the init, with an error."""
        if self.invocation is not None and self.invocation.is_started:
            self._finish_invocation(error(self.invocation.request_id), "failure")
        elif in_init:
            self._fail_init(error)

    def _on_timeout(self) -> None:
        """Stop the process. It reports its stack while it exits, and then the timeout is final."""
        self._phases.cancel_timeout()
        self.sandbox.measure_peak()  # the kernel forgets the peak when the process exits
        self.lifecycle.transition_to(State.SHUTDOWN)
        self._has_timed_out = True
        self.sandbox.dump_stacks()
        asyncio.get_running_loop().call_later(STACK_DUMP_SECONDS, self._finish_timeout)

    def _finish_timeout(self) -> None:
        if not self._has_timed_out:
            return
        self._has_timed_out = False
        self.shutdown()
        stack = self.sandbox.read_stack()
        if self.invocation is None:
            self._phases.finish_init("timeout", "Sandbox.Timedout")
            self._environment_listener.on_init_timeout(self, stack)
        else:
            error = errors.timed_out(self.invocation.request_id, self.configuration.timeout)
            self._finish_invocation(replace(error, stack=stack), "timeout", timed_out=True)

    def _on_process_exit(self, returncode: int) -> None:
        in_init = self.lifecycle.state is State.INIT
        self.shutdown()  # kills the processes that it started
        self._finish_timeout()
        self.sandbox.drain(last=True)
        self._abort(partial(errors.exited, returncode=returncode), in_init=in_init)
        self._close()

    def _finish_invocation(self, result: Result, status: str, *, timed_out: bool = False) -> None:
        report = self._phases.finish_invocation(status, result.error_type, timed_out=timed_out)
        invocation = self.sandbox.take_invocation()
        if invocation is not None and self.code_version is not None:
            result = replace(result, code_sha256=self.code_version.code_sha256)
            self._environment_listener.on_invocation_done(self, invocation, result, report)

    def _return_invocation(self) -> None:
        invocation = self.sandbox.take_invocation()
        if invocation is not None:
            self._environment_listener.on_invocation_returned(invocation)

    def _close(self) -> None:
        self._return_invocation()
        self.lifecycle.transition_to(State.EXITED)
        self.sandbox.close()
        self.spawned.set()
        self._environment_listener.on_exit(self)
