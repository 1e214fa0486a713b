"""Growth of the service's own memory."""

from pathlib import Path

from bench import peers
from bench.load import Load, generate
from bench.scale import Scale
from bench.table import Row

MAX_GROWTH = 1.1
_CONNECTIONS = 50


def measure(directory: Path, version: int, scale: Scale) -> list[Row]:
    """Compare the memory after few and after many invocations."""
    with peers.run_local(directory, concurrency=4) as server:
        generate(Load(server.port, scale.early_invocations, _CONNECTIONS, version))
        early = server.resident_bytes()
        rest = scale.late_invocations - scale.early_invocations
        generate(Load(server.port, rest, _CONNECTIONS, version))
        late = server.resident_bytes()
    figure = f"memory after {scale.late_invocations:,} invocations"
    return [
        Row(
            figure,
            f"{late / 2**20:.1f} MiB",
            ratio=f"{late / early:.3f} × after {scale.early_invocations:,}",
            target="within 10 %",
            reached=late <= MAX_GROWTH * early,
        )
    ]
