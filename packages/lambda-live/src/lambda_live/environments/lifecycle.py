"""
The life of an execution environment.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import enum
import time
from collections.abc import Mapping


class State(enum.Enum):
    """Where in its life an environment is."""

    SPAWNING = "spawning"
    """Its process is about to start."""
    STANDBY = "standby"
    """Its process has imported the runtime client, and waits to be told to begin."""
    INIT = "init"
    """The handler is being loaded."""
    READY = "ready"
    """It can be given an invocation."""
    FROZEN = "frozen"
    """The same, and its processes are stopped."""
    ASSIGNED = "assigned"
    """It has been given one, which the runtime has not asked for yet."""
    INVOKE = "invoke"
    """The handler runs."""
    SHUTDOWN = "shutdown"
    """It takes nothing more; its process ends."""
    EXITED = "gone"
    """The process has ended."""


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.SPAWNING: frozenset({State.STANDBY, State.SHUTDOWN}),
    State.STANDBY: frozenset({State.INIT, State.SHUTDOWN}),
    State.INIT: frozenset({State.READY, State.SHUTDOWN}),
    State.READY: frozenset({State.FROZEN, State.ASSIGNED, State.INVOKE, State.SHUTDOWN}),
    State.FROZEN: frozenset({State.INVOKE, State.SHUTDOWN}),
    State.ASSIGNED: frozenset({State.INVOKE, State.SHUTDOWN}),
    State.INVOKE: frozenset({State.READY, State.SHUTDOWN}),
    State.SHUTDOWN: frozenset({State.EXITED}),
    State.EXITED: frozenset(),
}


class IllegalTransitionError(Exception):
    """An environment was to become what it can't from where it is."""


class Lifecycle:
    """Decides which state may follow which, and nothing else."""

    def __init__(self) -> None:
        self.state = State.SPAWNING
        self._ready_since = 0.0

    def transition_to(self, state: State) -> None:
        """Go on to a state. Raises IllegalTransitionError."""
        if state not in TRANSITIONS[self.state]:
            message = f"{self.state.value} is not followed by {state.value}"
            raise IllegalTransitionError(message)
        self.state = state
        if state is State.READY:
            self._ready_since = time.monotonic()

    @property
    def is_terminating(self) -> bool:
        """Whether it takes nothing more."""
        return self.state in (State.SHUTDOWN, State.EXITED)

    def idle_seconds(self, now: float) -> float:
        """Seconds without work until `now`, monotonic."""
        return now - self._ready_since if self.state in (State.READY, State.FROZEN) else 0.0
