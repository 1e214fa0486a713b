"""What an environment may not go beyond, but for time, of which its course knows."""

import signal

from lambda_live.environments.environment import Environment
from lambda_live.environments.lifecycle import State
from lambda_live.model import errors

FREEZE_AFTER_SECONDS = 0.05
"""Seconds of idleness after which the environment's processes stop, as AWS freezes them."""

_MB = 2**20


def enforce(environment: Environment, now: float) -> None:
    """Freeze it when it is idle; end it when it uses more memory than it may."""
    state, sandbox = environment.lifecycle.state, environment.sandbox
    if state in (State.SPAWNING, State.STANDBY):
        if sandbox.measure_resident() > environment.configuration.memory * _MB:
            environment.shutdown()
    elif state in (State.INIT, State.INVOKE):
        if sandbox.measure_resident() > environment.configuration.memory * _MB:
            environment.shutdown()
            environment.abort(errors.out_of_memory, in_init=state is State.INIT)
    elif (
        state is State.READY
        and sandbox.is_polling
        and environment.lifecycle.idle_seconds(now) > FREEZE_AFTER_SECONDS
    ):
        environment.lifecycle.transition_to(State.FROZEN)
        sandbox.signal(signal.SIGSTOP)
