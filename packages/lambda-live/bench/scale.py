"""Amount of work of a benchmark run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers for a full run."""

    saves: int = 40
    peer_saves: int = 10
    slow_saves: int = 9
    cold_starts: int = 15
    rounds: int = 7
    requests_per_round: int = 1500
    consistency_requests: int = 10_000
    consistency_edits: int = 20
    early_invocations: int = 1_000
    late_invocations: int = 100_000
    page_seconds: float = 60.0


QUICK = Scale(
    saves=10,
    peer_saves=3,
    slow_saves=3,
    cold_starts=5,
    rounds=3,
    requests_per_round=500,
    consistency_requests=2_000,
    consistency_edits=4,
    late_invocations=10_000,
    page_seconds=6.0,
)
