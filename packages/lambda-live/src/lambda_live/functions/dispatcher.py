"""
Which invocation runs in which execution environment.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from dataclasses import replace
from typing import override

from lambda_live.dependencies.missing_modules import explain_load_error
from lambda_live.environments.environment import Environment, EnvironmentListener
from lambda_live.environments.lifecycle import State
from lambda_live.functions.code_reloader import CodeReloader
from lambda_live.functions.environment_pool import EnvironmentPool
from lambda_live.functions.request_queue import RequestQueue
from lambda_live.functions.scaler import Scaler
from lambda_live.model import errors
from lambda_live.model.code_version import CodeVersion, LoadOutcome
from lambda_live.model.invocation import Invocation, Report, Result
from lambda_live.model.outcome import judge
from lambda_live.telemetry.listener import Listener
from lambda_live.telemetry.source_location import error_message, innermost_frame


class Dispatcher(EnvironmentListener):
    """
    Assigns queued requests to environments.

    A request runs on code that is at least as new as the request. Code that changes faster than it
    loads would never answer under that rule alone, so an environment of older code still gets the
    requests that arrived while its code was the newest.
    """

    def __init__(
        self,
        pool: EnvironmentPool,
        queue: RequestQueue,
        reloader: CodeReloader,
        scaler: Scaler,
        listener: Listener,
    ) -> None:
        self._pool = pool
        self._queue = queue
        self._reloader = reloader
        self._scaler = scaler
        self._listener = listener
        self._close_error: Exception | None = None

    def dispatch(self) -> None:
        """Assign queued requests to idle environments, and start the missing environments."""
        code_version = self._reloader.code_version
        while self._pool.has_idle:
            invocation = self._queue.pop_first(code_version.verified_at, self._pool.has_idle_for)
            if invocation is None or (idle := self._pool.take_idle_for(invocation)) is None:
                break
            idle.assign(invocation)
        if self._reloader.in_progress:
            return
        missing = len(self._queue) - self._pool.count_starting(code_version)
        if code_version.outcome in (LoadOutcome.TIMED_OUT, LoadOutcome.FAILED):
            self._retry_init(missing)
        else:
            while missing > 0 and (self._scaler.scale_out() or self._replace_tenant()):
                missing -= 1

    def _replace_tenant(self) -> bool:
        """Replace an idle environment of another tenant at the limit; return success."""
        code_version = self._reloader.code_version
        if not code_version.configuration.tenancy or not self._pool.has_idle:
            return False
        if not self._queue.arrived_by(code_version.verified_at):
            return False  # the request waits for a check of the code, and may fit then
        if (environment := self._pool.take_longest_idle()) is not None:
            environment.shutdown()
        return self._scaler.scale_out()

    def _retry_init(self, missing: int) -> None:
        """Run the init within an invocation, as AWS does after an init that failed."""
        while missing > 0:
            invocation = self._queue.pop()
            if not self._scaler.scale_out(invocation):
                self._queue.requeue(invocation)
                return
            missing -= 1

    def replace_outdated(self) -> None:
        """Shut down environments of older code that no request needs, and load the new code."""
        for environment in self._pool.outdated(self._reloader.code_version):
            if environment.invocation is None and not self._is_still_needed(environment):
                environment.shutdown()
        self._scaler.start_first()
        self.dispatch()

    def close(self, error: Exception) -> None:
        """Raise the error for each queued request, and for each that environments return later."""
        self._close_error = error
        self._queue.reject_all(error)

    def _is_still_needed(self, environment: Environment) -> bool:
        """Whether the first queued request arrived while the environment's code was the newest."""
        code_version = environment.code_version
        return code_version is not None and self._queue.arrived_by(code_version.verified_at)

    def fail_queued(self, reason: str) -> None:
        """Log why no environment can start, and complete every queued request with that error."""
        self._listener.service_log(f"cannot start an execution environment: {reason}", "ERROR")
        code_version = self._reloader.code_version
        memory = code_version.configuration.memory
        for _ in range(len(self._queue)):
            invocation = self._queue.pop()
            error = errors.environment_not_started(reason)
            error = replace(error, code_sha256=code_version.code_sha256)
            report = Report(0.0, memory, 0, status="failure", error_type=error.error_type)
            self._complete(invocation, error, report)

    def _complete(self, invocation: Invocation, result: Result, report: Report) -> None:
        """Notify the listeners, then the caller."""
        if not invocation.is_started:
            invocation.is_started = True
            self._listener.on_invocation_start(invocation)
        report = replace(report, outcome=judge(invocation, result))
        self._listener.on_invocation_end(invocation, result, report)
        invocation.set_result(result)

    def _assign_or_idle(self, environment: Environment) -> None:
        if environment.code_version is self._reloader.code_version:
            self._pool.mark_idle(environment)
            self.dispatch()
        elif (invocation := self._pop_for_outdated(environment)) is not None:
            environment.assign(invocation)
        else:
            environment.shutdown()

    def _pop_for_outdated(self, environment: Environment) -> Invocation | None:
        """Return the first request that arrived while the environment's code was the newest."""
        code_version = environment.code_version
        if code_version is None:
            return None
        return self._queue.pop_first(code_version.verified_at, environment.accepts)

    def _record_load(
        self,
        code_version: CodeVersion,
        outcome: LoadOutcome,
        error: Result | None = None,
        location: str = "",
    ) -> None:
        self._reloader.record_load(code_version, outcome, error, location)
        self._scaler.release_load_slot()

    @override
    def on_initialized(self, environment: Environment) -> None:
        if environment.code_version is not None:
            self._record_load(environment.code_version, LoadOutcome.LOADED)
        if environment.invocation is None:
            self._assign_or_idle(environment)
        self._scaler.remember_preload(environment)
        self._scaler.prepare_standby()

    @override
    def on_init_failed(
        self, environment: Environment, error: errors.ErrorFactory, location: str
    ) -> bool:
        self._scaler.prepare_standby()
        self._reloader.check_for_changes()
        code_version = self._reloader.code_version
        if environment.code_version is not code_version or self._reloader.is_reloading:
            return False  # the files may have been half saved: the requests wait for the new code
        configuration = code_version.configuration
        location = explain_load_error(location, configuration.task_root, configuration.project)
        if error("").error_type == "Runtime.HandlerNotFound" and configuration.handler_place:
            location = f"{configuration.handler_place}: {location.partition(': ')[2]}"
        short_location = location.replace(f"{configuration.task_root}/", "")
        short_location = short_location.removeprefix(f"{configuration.project.absolute()}/")
        self._listener.on_load_failure(
            short_location or error("").error_type or "error", code_version.code_sha256
        )
        self._record_load(code_version, LoadOutcome.FAILED, error(""), location)
        if code_version.outcome is not LoadOutcome.LOADED:
            self.dispatch()
        elif environment.invocation is None:
            self._retry_init(min(1, len(self._queue)))
        return True

    @override
    def on_init_timeout(self, environment: Environment, stack: tuple[str, ...]) -> None:
        if (code_version := environment.code_version) is not None:
            error = replace(errors.init_timed_out(), stack=stack)
            frame = innermost_frame(error, code_version.configuration.task_root)
            location = f"{frame[0]}:{frame[1]}: {error_message(error)}" if frame else ""
            self._record_load(code_version, LoadOutcome.TIMED_OUT, error, location)
        self.dispatch()

    @override
    def on_invocation_done(
        self, environment: Environment, invocation: Invocation, result: Result, report: Report
    ) -> None:
        self._complete(invocation, result, report)
        if environment.lifecycle.state is State.READY:
            self._assign_or_idle(environment)

    @override
    def on_invocation_returned(self, invocation: Invocation) -> None:
        self._queue.requeue(invocation)
        if self._close_error is not None:
            self._queue.reject_first(self._close_error)

    @override
    def on_exit(self, environment: Environment) -> None:
        self._scaler.discard(environment)
        self._reloader.check_for_changes()
        self.dispatch()

    @override
    def on_start_failed(self, reason: str) -> None:
        code_version = self._reloader.code_version
        if code_version.outcome is LoadOutcome.UNKNOWN:
            error = errors.environment_not_started(reason)
            self._record_load(code_version, LoadOutcome.FAILED, error, reason)
        self.fail_queued(reason)
