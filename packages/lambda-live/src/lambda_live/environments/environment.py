"""
One execution environment: a process that runs AWS's runtime client, one invocation at a time.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import signal
from dataclasses import replace
from functools import partial

from lambda_live.environments.lifecycle import Life, State
from lambda_live.environments.listener import Owner
from lambda_live.environments.phase_timer import Course
from lambda_live.environments.runtime import Runtime
from lambda_live.environments.sandbox import Sandbox
from lambda_live.environments.shared_resources import Host
from lambda_live.environments.start_failure import missing
from lambda_live.model import errors
from lambda_live.model.code_version import CodeVersion
from lambda_live.model.function import FunctionConfiguration
from lambda_live.model.invocation import Invocation, Result
from lambda_live.telemetry.listener import Listener

INIT_LIMIT = 10.0
"""Seconds that an init may take (AWS, "Init phase")."""

_FAREWELL = 1.0
"""Seconds that a process has to end by itself after its init failed."""


class Environment:
    """Decides what follows what in its life; what it runs, and whether at all, its owner does."""

    def __init__(
        self,
        configuration: FunctionConfiguration,
        owner: Owner,
        listener: Listener,
        host: Host,
        *,
        ahead: str = "",
    ) -> None:
        """`ahead` is what an earlier environment's process has told for this one's."""
        self.configuration = configuration
        self.generation: CodeVersion | None = None
        self.sandbox = Sandbox(configuration, listener, host, ahead=ahead)
        self.ahead = ""
        self.begins_ahead = bool(ahead)
        self.spawned = asyncio.Event()
        self._owner = owner
        self.life = Life()
        self._course = Course(configuration, self.sandbox, listener, host)

    @property
    def invocation(self) -> Invocation | None:
        """What it runs, or is going to."""
        return self.sandbox.invocation

    async def spawn(self) -> None:
        """Start the process. Raises OSError."""
        await self.sandbox.spawn(Runtime(self), self._exited)
        if self.life.over:
            self.sandbox.signal(signal.SIGKILL)
        await self.sandbox.ready()
        if not self.life.over:
            self.life.become(State.STANDBY)
        self.spawned.set()

    def not_started(self, error: OSError | None) -> None:
        """Take it that there is no process; an error is told."""
        self.shutdown()
        self._give_back()
        if error is not None:
            self._owner.not_started(missing(self.configuration) or str(error))
        self._gone()

    def begin(self, generation: CodeVersion, invocation: Invocation | None = None) -> None:
        """
        Load the handler.

        With an invocation, its timeout holds for the init as well (AWS, "Init phase").
        """
        self.life.become(State.INIT)
        self.generation = generation
        self.sandbox.invocation = invocation
        limit = INIT_LIMIT if invocation is None else self.configuration.timeout
        self._course.init_begins(limit, self._overran)
        self.sandbox.begin()

    def initialised(self) -> None:
        """Go on from the init: to the invocation that waited for it, if one did."""
        told = self.sandbox.told()
        if self._course.was_overrun(told.ahead_ms):
            self._overran()
            return
        self.ahead = told.ahead
        self._course.init_ends(limited=self.invocation is not None)
        self.life.become(State.READY)
        if self.invocation is not None:
            self.assign(self.invocation)
        self._owner.initialised(self)

    def assign(self, invocation: Invocation) -> None:
        """Run an invocation, now or as soon as the runtime asks for it."""
        self.sandbox.invocation = invocation
        if not self.sandbox.polls:
            self.life.become(State.ASSIGNED)
            return
        if self.life.state is State.FROZEN:
            self.sandbox.signal(signal.SIGCONT)
        self.life.become(State.INVOKE)
        self._course.invocation_begins(self._overran)
        self.sandbox.deliver(self.configuration.timeout)

    def answered(self, result: Result) -> None:
        """Take what the runtime answered."""
        self.life.become(State.READY)
        self._finish(result, "success" if result.error_type is None else "error")

    def fail_init(self, error: errors.ErrorFactory) -> None:
        """Take it that the handler can't be loaded; the process may say its last words."""
        if not self.life.over:
            self.life.become(State.SHUTDOWN)
            asyncio.get_running_loop().call_later(_FAREWELL, self.shutdown)
        self._course.init_ends("error", error("").error_type)
        stands = self._owner.init_failed(self, error, self.sandbox.told().place)
        if stands and self.invocation is not None:
            self._finish(error(self.invocation.request_id), "failure")
        self._give_back()

    def shutdown(self) -> None:
        """End the process, and what it started, at once; what it runs ends with it."""
        self._course.ends()
        if not self.life.over:
            self.sandbox.measure()  # nobody knows when the process has ended
            self.life.become(State.SHUTDOWN)
        if self.life.state is not State.GONE:
            self.sandbox.signal(signal.SIGKILL)

    def cut_off(self, error: errors.ErrorFactory, *, in_init: bool) -> None:
        """End what was under way, be it an invocation or the init, in an error."""
        if self.invocation is not None and self.invocation.is_started:
            self._finish(error(self.invocation.request_id), "failure")
        elif in_init:
            self.fail_init(error)

    def _finish(self, result: Result, status: str, *, overran: bool = False) -> None:
        report = self._course.invocation_ends(status, result.error_type, overran=overran)
        invocation, self.sandbox.invocation = self.sandbox.invocation, None
        if invocation is not None and self.generation is not None:
            result = replace(result, code_sha256=self.generation.code_sha256)
            self._owner.ended(self, invocation, result, report)

    def _overran(self) -> None:
        self.shutdown()
        if self.invocation is None:
            self._course.init_ends("timeout", "Sandbox.Timedout")
            self._owner.init_overran(self)
        else:
            error = errors.timed_out(self.invocation.request_id, self.configuration.timeout)
            self._finish(error, "timeout", overran=True)

    def _exited(self, returncode: int) -> None:
        in_init = self.life.state is State.INIT
        self.shutdown()  # what it started ends with it
        self.sandbox.drain(last=True)
        self.cut_off(partial(errors.exited, returncode=returncode), in_init=in_init)
        self._gone()

    def _gone(self) -> None:
        self._give_back()
        self.life.become(State.GONE)
        self.sandbox.close()
        self.spawned.set()
        self._owner.gone(self)

    def _give_back(self) -> None:
        invocation, self.sandbox.invocation = self.sandbox.invocation, None
        if invocation is not None:
            self._owner.returned(invocation)
