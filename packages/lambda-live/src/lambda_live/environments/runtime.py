"""What the runtime says of itself, held against what it was given."""

from typing import TYPE_CHECKING

from lambda_live.environments.lifecycle import State
from lambda_live.environments.runtime_api import RuntimeApiConnection
from lambda_live.model import errors
from lambda_live.model.invocation import Result

if TYPE_CHECKING:
    from lambda_live.environments.environment import Environment


class Runtime:
    """Lets through to the environment what fits its state; answers the rest as AWS does."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment

    def on_next(self, api: RuntimeApiConnection) -> None:
        """Part of the Runtime API."""
        environment = self._environment
        environment.sandbox.on_poll(api)
        if environment.lifecycle.state is State.INIT:
            environment.complete_init()
        elif environment.lifecycle.state is State.ASSIGNED and environment.invocation is not None:
            environment.assign(environment.invocation)

    def on_response(self, request_id: str, payload: bytes, content_type: str) -> int:
        """Part of the Runtime API."""
        if len(payload) > errors.MAX_RESPONSE_BYTES:
            return self._answered(request_id, errors.response_too_large(), 413)
        return self._answered(request_id, Result(payload, content_type), 202)

    def on_error(self, request_id: str, payload: bytes, error_type: str) -> int:
        """Part of the Runtime API."""
        return self._answered(request_id, Result(payload, error_type=error_type), 202)

    def on_init_error(self, payload: bytes, error_type: str) -> None:
        """Part of the Runtime API."""
        if self._environment.lifecycle.state is State.INIT:
            self._environment.fail_init(lambda _: Result(payload, error_type=error_type))

    def _answered(self, request_id: str, result: Result, status: int) -> int:
        invocation = self._environment.invocation
        if self._environment.lifecycle.state is not State.INVOKE or invocation is None:
            return 400
        if invocation.request_id != request_id:
            return 400
        self._environment.complete_invocation(result)
        return status
