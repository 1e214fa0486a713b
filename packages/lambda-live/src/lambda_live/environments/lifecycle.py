"""
The states of an execution environment, and the transitions between them.

Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import enum
import time
from collections.abc import Mapping


class State(enum.Enum):
    """State of an environment."""

    SPAWNING = "spawning"
    """The process is starting."""
    STANDBY = "standby"
    """The process has imported the runtime client, and waits for the start of its init."""
    INIT = "init"
    """The handler is being loaded."""
    READY = "ready"
    """The handler is loaded and no invocation is assigned."""
    FROZEN = "frozen"
    """Ready, with its processes stopped by SIGSTOP."""
    ASSIGNED = "assigned"
    """An invocation is assigned; the runtime has not requested it yet."""
    INVOKE = "invoke"
    """The handler runs."""
    SHUTDOWN = "shutdown"
    """The process is being stopped. No invocation can be assigned."""
    EXITED = "exited"
    """The process has exited."""


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
    """An environment cannot change from its state to the requested one."""


class Lifecycle:
    """Holds the state of one environment, and permits legal transitions only."""

    def __init__(self) -> None:
        self.state = State.SPAWNING
        self._ready_since = 0.0

    def transition_to(self, state: State) -> None:
        """Change the state. Raises IllegalTransitionError."""
        if state not in TRANSITIONS[self.state]:
            message = f"illegal transition from {self.state.value} to {state.value}"
            raise IllegalTransitionError(message)
        self.state = state
        if state is State.READY:
            self._ready_since = time.monotonic()

    @property
    def is_terminating(self) -> bool:
        """Whether the process is being stopped, or has exited."""
        return self.state in (State.SHUTDOWN, State.EXITED)

    def idle_seconds(self, now: float) -> float:
        """Return how long the environment has been idle at the monotonic time `now`."""
        return now - self._ready_since if self.state in (State.READY, State.FROZEN) else 0.0
