"""
Which invocation runs in which execution environment.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from dataclasses import replace

from lambda_live.environments.environment import Environment
from lambda_live.environments.lifecycle import State
from lambda_live.functions.code_reloader import CodeReloader
from lambda_live.functions.completion import complete
from lambda_live.functions.environment_pool import EnvironmentPool
from lambda_live.functions.request_queue import RequestQueue
from lambda_live.functions.scaler import Scaler
from lambda_live.model import errors
from lambda_live.model.code_version import CodeVersion, LoadOutcome
from lambda_live.model.invocation import Invocation, Report, Result
from lambda_live.telemetry.listener import Listener


class Dispatcher:
    """Decides which invocation runs where."""

    def __init__(
        self,
        fleet: EnvironmentPool,
        queue: RequestQueue,
        reload: CodeReloader,
        supply: Scaler,
        listener: Listener,
    ) -> None:
        self._fleet = fleet
        self._queue = queue
        self._reload = reload
        self._supply = supply
        self._listener = listener
        self._closed: Exception | None = None

    def dispatch(self) -> None:
        """Give waiting invocations to idle environments; have as many more as are missing."""
        generation = self._reload.code_version
        while self._queue.arrived_by(generation.verified_at):
            environment = self._fleet.take_idle()
            if environment is None:
                break
            environment.assign(self._queue.pop())
        if self._reload.in_progress:
            return
        missing = len(self._queue) - self._fleet.count_starting(generation)
        if generation.outcome in (LoadOutcome.TIMED_OUT, LoadOutcome.FAILED):
            self._retry_init(missing)
        else:
            while missing > 0 and self._supply.scale_out():
                missing -= 1

    def _retry_init(self, missing: int) -> None:
        """AWS tries an init that overran or failed once more, within the invocation."""
        while missing > 0:
            invocation = self._queue.pop()
            if not self._supply.scale_out(invocation):
                self._queue.requeue(invocation)
                return
            missing -= 1

    def replace_outdated(self) -> None:
        """End what runs older code and is not waited for; load what is there now."""
        for environment in self._fleet.outdated(self._reload.code_version):
            if environment.invocation is None and not self._is_still_needed(environment):
                environment.shutdown()
        self._supply.start_first()
        self.dispatch()

    def close(self, why: Exception) -> None:
        """Answer those that wait, and those that come back, with the reason."""
        self._closed = why
        self._queue.reject_all(why)

    def _is_still_needed(self, environment: Environment) -> bool:
        """Whether the first that waits came when the environment's code was the newest."""
        # else code that changes faster than it loads would never answer
        generation = environment.code_version
        return generation is not None and self._queue.arrived_by(generation.verified_at)

    def _fail_queued(self, error_of: errors.ErrorFactory) -> None:
        """Let requests that wait for an environment have the reason why none can be had."""
        generation = self._reload.code_version
        memory = generation.configuration.memory
        for _ in range(len(self._queue)):
            invocation = self._queue.pop()
            error = replace(error_of(invocation.request_id), code_sha256=generation.code_sha256)
            report = Report(0.0, memory, 0, status="failure", error_type=error.error_type)
            complete(invocation, error, report, self._listener)

    def _assign_or_idle(self, environment: Environment) -> None:
        """Give work to one that has none, if its code is new enough for any."""
        if environment.code_version is self._reload.code_version:
            self._fleet.mark_idle(environment)
            self.dispatch()
        elif self._is_still_needed(environment):
            environment.assign(self._queue.pop())
        else:
            environment.shutdown()

    def _record_load(
        self,
        generation: CodeVersion,
        outcome: LoadOutcome,
        error: Result | None = None,
        place: str = "",
    ) -> None:
        self._reload.record_load(generation, outcome, error, place)
        self._supply.release_load_slot()

    def on_initialized(self, environment: Environment) -> None:
        """Part of Owner."""
        if environment.code_version is not None:
            self._record_load(environment.code_version, LoadOutcome.LOADED)
        if environment.invocation is None:
            self._assign_or_idle(environment)
        self._supply.remember_preload(environment)
        self._supply.prepare_standby()

    def on_init_failed(
        self, environment: Environment, error: errors.ErrorFactory, place: str
    ) -> bool:
        """Part of EnvironmentListener."""
        self._supply.prepare_standby()
        self._reload.check_for_changes()
        generation = self._reload.code_version
        if environment.code_version is not generation or self._reload.in_progress:
            return False  # it may have read half a save; the requests wait for the whole
        where = place.replace(f"{generation.configuration.task_root}/", "")
        self._listener.on_load_failure(
            where or error("").error_type or "error", generation.code_sha256
        )
        self._record_load(generation, LoadOutcome.FAILED, error(""), place)
        if generation.outcome is not LoadOutcome.LOADED:
            self.dispatch()
        elif environment.invocation is None:
            self._retry_init(min(1, len(self._queue)))
        return True

    def on_init_timeout(self, environment: Environment) -> None:
        """Part of Owner."""
        if environment.code_version is not None:
            self._record_load(
                environment.code_version, LoadOutcome.TIMED_OUT, errors.init_timed_out()
            )
        self.dispatch()

    def on_invocation_done(
        self, environment: Environment, invocation: Invocation, result: Result, report: Report
    ) -> None:
        """Part of Owner."""
        complete(invocation, result, report, self._listener)
        if environment.lifecycle.state is State.READY:
            self._assign_or_idle(environment)

    def on_invocation_returned(self, invocation: Invocation) -> None:
        """Part of Owner."""
        self._queue.requeue(invocation)
        if self._closed is not None:
            self._queue.reject_first(self._closed)

    def on_exit(self, environment: Environment) -> None:
        """Part of Owner."""
        self._supply.discard(environment)
        self._reload.check_for_changes()
        self.dispatch()

    def on_start_failed(self, why: str) -> None:
        """Part of Owner."""
        self._listener.service_log(f"no execution environment can be started: {why}", "ERROR")
        self._fail_queued(lambda _: errors.environment_not_started(why))
