import itertools
from collections import deque

import pytest

from lambda_live.environments.lifecycle import (
    TRANSITIONS,
    IllegalTransitionError,
    Lifecycle,
    State,
)

LEGAL = sorted(
    ((state, next_state) for state in State for next_state in TRANSITIONS[state]), key=str
)
ILLEGAL = sorted(set(itertools.product(State, State)) - set(LEGAL), key=str)


def lifecycle_in(state: State) -> Lifecycle:
    """Return a lifecycle that reached the state by the shortest path."""
    paths = deque([[State.SPAWNING]])
    while paths[0][-1] is not state:
        path = paths.popleft()
        paths.extend([*path, next_state] for next_state in TRANSITIONS[path[-1]])
    lifecycle = Lifecycle()
    for next_state in paths[0][1:]:
        lifecycle.transition_to(next_state)
    return lifecycle


@pytest.mark.parametrize(("state", "next_state"), LEGAL)
def test_legal_transition_changes_state(state: State, next_state: State) -> None:
    lifecycle = lifecycle_in(state)

    lifecycle.transition_to(next_state)

    assert lifecycle.state is next_state


@pytest.mark.parametrize(("state", "next_state"), ILLEGAL)
def test_illegal_transition_raises(state: State, next_state: State) -> None:
    lifecycle = lifecycle_in(state)

    with pytest.raises(IllegalTransitionError, match=f"{state.value} to"):
        lifecycle.transition_to(next_state)

    assert lifecycle.state is state


@pytest.mark.parametrize("state", State)
def test_every_state_can_exit_and_exited_is_final(state: State) -> None:
    lifecycle = lifecycle_in(state)
    if state is not State.EXITED:
        if not lifecycle.is_terminating:
            lifecycle.transition_to(State.SHUTDOWN)
        lifecycle.transition_to(State.EXITED)

    assert lifecycle.is_terminating
    assert TRANSITIONS[lifecycle.state] == frozenset()


@pytest.mark.parametrize("state", State)
def test_only_ready_and_frozen_are_idle(state: State) -> None:
    idle = lifecycle_in(state).idle_seconds(float("inf")) > 0

    assert idle == (state in {State.READY, State.FROZEN})
