"""
One execution environment: a process that runs AWS's runtime client, one invocation at a time.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import signal
from dataclasses import replace
from functools import partial

from lambda_live.environments.lifecycle import Lifecycle, State
from lambda_live.environments.listener import EnvironmentListener
from lambda_live.environments.phase_timer import PhaseTimer
from lambda_live.environments.runtime import Runtime
from lambda_live.environments.sandbox import Sandbox
from lambda_live.environments.shared_resources import SharedResources
from lambda_live.environments.start_failure import explain_start_failure
from lambda_live.model import errors
from lambda_live.model.code_version import CodeVersion
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Result
from lambda_live.telemetry.listener import Listener

INIT_TIMEOUT_SECONDS = 10.0
"""Seconds that an init may take (AWS, "Init phase")."""

EXIT_GRACE_SECONDS = 1.0
"""Seconds that a process has to end by itself after its init failed."""


class Environment:
    """Decides what follows what in its life; what it runs, and whether at all, its owner does."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        environment_listener: EnvironmentListener,
        listener: Listener,
        resources: SharedResources,
        *,
        preload: str = "",
    ) -> None:
        """`ahead` is what an earlier environment's process has told for this one's."""
        self.configuration = configuration
        self.code_version: CodeVersion | None = None
        self.sandbox = Sandbox(configuration, listener, resources, preload=preload)
        self.next_preload = ""
        self.has_preload = bool(preload)
        self.spawned = asyncio.Event()
        self._environment_listener = environment_listener
        self.lifecycle = Lifecycle()
        self._phases = PhaseTimer(configuration, self.sandbox, listener, resources)

    @property
    def invocation(self) -> Invocation | None:
        """What it runs, or is going to."""
        return self.sandbox.invocation

    async def spawn(self) -> None:
        """Start the process. Raises OSError."""
        await self.sandbox.spawn(Runtime(self), self._on_exit)
        if self.lifecycle.is_terminating:
            self.sandbox.signal(signal.SIGKILL)
        await self.sandbox.wait_ready()
        if not self.lifecycle.is_terminating:
            self.lifecycle.transition_to(State.STANDBY)
        self.spawned.set()

    def fail_start(self, error: OSError | None) -> None:
        """Take it that there is no process; an error is told."""
        self.shutdown()
        self._return_invocation()
        if error is not None:
            self._environment_listener.on_start_failed(
                explain_start_failure(self.configuration) or str(error)
            )
        self._close()

    def start_init(self, code_version: CodeVersion, invocation: Invocation | None = None) -> None:
        """
        Load the handler.

        With an invocation, its timeout holds for the init as well (AWS, "Init phase").
        """
        self.lifecycle.transition_to(State.INIT)
        self.code_version = code_version
        self.sandbox.invocation = invocation
        limit = INIT_TIMEOUT_SECONDS if invocation is None else self.configuration.timeout
        self._phases.start_init(limit, self._on_timeout)
        self.sandbox.start_handler_load()

    def complete_init(self) -> None:
        """Go on from the init: to the invocation that waited for it, if one did."""
        told = self.sandbox.read_init_message()
        if self._phases.is_init_overdue(told.preload_ms):
            self._on_timeout()
            return
        self.next_preload = told.preload
        self._phases.finish_init(limited=self.invocation is not None)
        self.lifecycle.transition_to(State.READY)
        if self.invocation is not None:
            self.assign(self.invocation)
        self._environment_listener.on_initialized(self)

    def assign(self, invocation: Invocation) -> None:
        """Run an invocation, now or as soon as the runtime asks for it."""
        self.sandbox.invocation = invocation
        if not self.sandbox.is_polling:
            self.lifecycle.transition_to(State.ASSIGNED)
            return
        if self.lifecycle.state is State.FROZEN:
            self.sandbox.signal(signal.SIGCONT)
        self.lifecycle.transition_to(State.INVOKE)
        self._phases.start_invocation(self._on_timeout)
        self.sandbox.deliver(self.configuration.timeout)

    def complete_invocation(self, result: Result) -> None:
        """Take what the runtime answered."""
        self.lifecycle.transition_to(State.READY)
        self._finish_invocation(result, "success" if result.error_type is None else "error")

    def fail_init(self, error: errors.ErrorFactory) -> None:
        """Take it that the handler can't be loaded; the process may say its last words."""
        if not self.lifecycle.is_terminating:
            self.lifecycle.transition_to(State.SHUTDOWN)
            asyncio.get_running_loop().call_later(EXIT_GRACE_SECONDS, self.shutdown)
        self._phases.finish_init("error", error("").error_type)
        stands = self._environment_listener.on_init_failed(
            self, error, self.sandbox.read_init_message().location
        )
        if stands and self.invocation is not None:
            self._finish_invocation(error(self.invocation.request_id), "failure")
        self._return_invocation()

    def shutdown(self) -> None:
        """End the process, and what it started, at once; what it runs ends with it."""
        self._phases.cancel()
        if not self.lifecycle.is_terminating:
            self.sandbox.measure_peak()  # nobody knows when the process has ended
            self.lifecycle.transition_to(State.SHUTDOWN)
        if self.lifecycle.state is not State.EXITED:
            self.sandbox.signal(signal.SIGKILL)

    def abort(self, error: errors.ErrorFactory, *, in_init: bool) -> None:
        """End what was under way, be it an invocation or the init, in an error."""
        if self.invocation is not None and self.invocation.is_started:
            self._finish_invocation(error(self.invocation.request_id), "failure")
        elif in_init:
            self.fail_init(error)

    def _finish_invocation(self, result: Result, status: str, *, timed_out: bool = False) -> None:
        report = self._phases.finish_invocation(status, result.error_type, overran=timed_out)
        invocation, self.sandbox.invocation = self.sandbox.invocation, None
        if invocation is not None and self.code_version is not None:
            result = replace(result, code_sha256=self.code_version.code_sha256)
            self._environment_listener.on_invocation_done(self, invocation, result, report)

    def _on_timeout(self) -> None:
        self.shutdown()
        if self.invocation is None:
            self._phases.finish_init("timeout", "Sandbox.Timedout")
            self._environment_listener.on_init_timeout(self)
        else:
            error = errors.timed_out(self.invocation.request_id, self.configuration.timeout)
            self._finish_invocation(error, "timeout", timed_out=True)

    def _on_exit(self, returncode: int) -> None:
        in_init = self.lifecycle.state is State.INIT
        self.shutdown()  # what it started ends with it
        self.sandbox.drain(last=True)
        self.abort(partial(errors.exited, returncode=returncode), in_init=in_init)
        self._close()

    def _close(self) -> None:
        self._return_invocation()
        self.lifecycle.transition_to(State.EXITED)
        self.sandbox.close()
        self.spawned.set()
        self._environment_listener.on_exit(self)

    def _return_invocation(self) -> None:
        invocation, self.sandbox.invocation = self.sandbox.invocation, None
        if invocation is not None:
            self._environment_listener.on_invocation_returned(invocation)
