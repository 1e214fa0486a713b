"""
Which invocation runs in which execution environment.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from dataclasses import replace

from lambda_live.environments.environment import Environment
from lambda_live.environments.lifecycle import State
from lambda_live.functions.code_reloader import Reload
from lambda_live.functions.completion import end
from lambda_live.functions.environment_pool import Fleet
from lambda_live.functions.request_queue import Queue
from lambda_live.functions.scaler import Supply
from lambda_live.model import errors
from lambda_live.model.code_version import CodeVersion, Outcome
from lambda_live.model.invocation import Invocation, Result
from lambda_live.model.report import Report
from lambda_live.telemetry.listener import Listener


class Placement:
    """Decides which invocation runs where."""

    def __init__(
        self, fleet: Fleet, queue: Queue, reload: Reload, supply: Supply, listener: Listener
    ) -> None:
        self._fleet = fleet
        self._queue = queue
        self._reload = reload
        self._supply = supply
        self._listener = listener
        self._closed: Exception | None = None

    def place(self) -> None:
        """Give waiting invocations to idle environments; have as many more as are missing."""
        generation = self._reload.generation
        while self._queue.arrived_by(generation.verified_at):
            environment = self._fleet.take_idle()
            if environment is None:
                break
            environment.assign(self._queue.pop())
        if self._reload.under_way:
            return
        missing = len(self._queue) - self._fleet.coming(generation)
        if generation.outcome in (Outcome.TIMED_OUT, Outcome.FAILED):
            self._retry_init(missing)
        else:
            while missing > 0 and self._supply.order():
                missing -= 1

    def _retry_init(self, missing: int) -> None:
        """AWS tries an init that overran or failed once more, within the invocation."""
        while missing > 0:
            invocation = self._queue.pop()
            if not self._supply.order(invocation):
                self._queue.put_back(invocation)
                return
            missing -= 1

    def renew(self) -> None:
        """End what runs older code and is not waited for; load what is there now."""
        for environment in self._fleet.outdated(self._reload.generation):
            if environment.invocation is None and not self._awaited(environment):
                environment.shutdown()
        self._supply.load()
        self.place()

    def close(self, why: Exception) -> None:
        """Answer those that wait, and those that come back, with the reason."""
        self._closed = why
        self._queue.refuse_all(why)

    def _awaited(self, environment: Environment) -> bool:
        """Whether the first that waits came when the environment's code was the newest."""
        # else code that changes faster than it loads would never answer
        generation = environment.generation
        return generation is not None and self._queue.arrived_by(generation.verified_at)

    def _answer_waiting(self, error_of: errors.ErrorOf) -> None:
        """Let requests that wait for an environment have the reason why none can be had."""
        generation = self._reload.generation
        memory = generation.configuration.memory
        for _ in range(len(self._queue)):
            invocation = self._queue.pop()
            error = replace(error_of(invocation.request_id), code_sha256=generation.code_sha256)
            report = Report(0.0, memory, 0, status="failure", error_type=error.error_type)
            end(invocation, error, report, self._listener)

    def _welcome(self, environment: Environment) -> None:
        """Give work to one that has none, if its code is new enough for any."""
        if environment.generation is self._reload.generation:
            self._fleet.rests(environment)
            self.place()
        elif self._awaited(environment):
            environment.assign(self._queue.pop())
        else:
            environment.shutdown()

    def _came_out(
        self,
        generation: CodeVersion,
        outcome: Outcome,
        error: Result | None = None,
        place: str = "",
    ) -> None:
        self._reload.came_out(generation, outcome, error, place)
        self._supply.came_out()

    def initialised(self, environment: Environment) -> None:
        """Part of Owner."""
        if environment.generation is not None:
            self._came_out(environment.generation, Outcome.LOADED)
        if environment.invocation is None:
            self._welcome(environment)
        self._supply.learn(environment)
        self._supply.prepare()

    def init_failed(self, environment: Environment, error: errors.ErrorOf, place: str) -> bool:
        """Part of Owner."""
        self._supply.prepare()
        self._reload.check()
        generation = self._reload.generation
        if environment.generation is not generation or self._reload.under_way:
            return False  # it may have read half a save; the requests wait for the whole
        where = place.replace(f"{generation.configuration.task_root}/", "")
        self._listener.on_load_failure(
            where or error("").error_type or "error", generation.code_sha256
        )
        self._came_out(generation, Outcome.FAILED, error(""), place)
        if generation.outcome is not Outcome.LOADED:
            self.place()
        elif environment.invocation is None:
            self._retry_init(min(1, len(self._queue)))
        return True

    def init_overran(self, environment: Environment) -> None:
        """Part of Owner."""
        if environment.generation is not None:
            self._came_out(environment.generation, Outcome.TIMED_OUT, errors.init_overran())
        self.place()

    def ended(
        self, environment: Environment, invocation: Invocation, result: Result, report: Report
    ) -> None:
        """Part of Owner."""
        end(invocation, result, report, self._listener)
        if environment.life.state is State.READY:
            self._welcome(environment)

    def returned(self, invocation: Invocation) -> None:
        """Part of Owner."""
        self._queue.put_back(invocation)
        if self._closed is not None:
            self._queue.refuse(self._closed)

    def gone(self, environment: Environment) -> None:
        """Part of Owner."""
        self._supply.forget(environment)
        self._reload.check()
        self.place()

    def not_started(self, why: str) -> None:
        """Part of Owner."""
        self._listener.service_log(f"no execution environment can be started: {why}", "ERROR")
        self._answer_waiting(lambda _: errors.not_started(why))
