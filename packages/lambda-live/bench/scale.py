"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """The whole run; a field's name says of what it is the number."""

    saves: int = 40
    peer_saves: int = 10
    slow_saves: int = 9
    cold_starts: int = 15
    rounds: int = 7
    requests_a_round: int = 1500
    storm_requests: int = 10_000
    storm_edits: int = 20
    early_invocations: int = 1_000
    late_invocations: int = 100_000
    page_seconds: float = 60.0


QUICK = Scale(
    saves=10,
    peer_saves=3,
    slow_saves=3,
    cold_starts=5,
    rounds=3,
    requests_a_round=500,
    storm_requests=2_000,
    storm_edits=4,
    late_invocations=10_000,
    page_seconds=6.0,
)
