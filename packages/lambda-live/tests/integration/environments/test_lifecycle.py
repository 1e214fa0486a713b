import itertools
from collections import deque

import pytest

from lambda_live.environments.lifecycle import (
    TRANSITIONS,
    IllegalTransitionError,
    Lifecycle,
    State,
)

LEGAL = sorted(((state, following) for state in State for following in TRANSITIONS[state]), key=str)
ILLEGAL = sorted(set(itertools.product(State, State)) - set(LEGAL), key=str)


def life_in(state: State) -> Lifecycle:
    """Return a life that came to the state by the shortest way."""
    ways = deque([[State.SPAWNING]])
    while ways[0][-1] is not state:
        way = ways.popleft()
        ways.extend([*way, following] for following in TRANSITIONS[way[-1]])
    life = Lifecycle()
    for following in ways[0][1:]:
        life.transition_to(following)
    return life


@pytest.mark.parametrize(("state", "following"), LEGAL)
def test_a_life_goes_on_as_the_table_says(state: State, following: State) -> None:
    life = life_in(state)

    life.transition_to(following)

    assert life.state is following


@pytest.mark.parametrize(("state", "following"), ILLEGAL)
def test_a_life_goes_on_in_no_other_way(state: State, following: State) -> None:
    life = life_in(state)

    with pytest.raises(IllegalTransitionError, match=f"{state.value} to"):
        life.transition_to(following)

    assert life.state is state


@pytest.mark.parametrize("state", State)
def test_every_state_ends_and_none_comes_back_from_the_end(state: State) -> None:
    life = life_in(state)
    if state is not State.EXITED:
        if not life.is_terminating:
            life.transition_to(State.SHUTDOWN)
        life.transition_to(State.EXITED)

    assert life.is_terminating
    assert TRANSITIONS[life.state] == frozenset()


@pytest.mark.parametrize("state", State)
def test_only_what_is_ready_or_frozen_is_idle(state: State) -> None:
    idle = life_in(state).idle_seconds(float("inf")) > 0

    assert idle == (state in {State.READY, State.FROZEN})
