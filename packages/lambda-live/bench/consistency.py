"""Whether each of many callers is answered, and by code no older than its request, under edits."""

from pathlib import Path

from bench import peers, project
from bench.load import Load, generate
from bench.scale import Scale
from bench.table import Row

_CONNECTIONS = 50


def measure(directory: Path, version: int, scale: Scale) -> list[Row]:
    """Send requests over 50 connections while the code is saved again and again."""
    with peers.local(directory, concurrency=4) as server:
        load = Load(
            server.port,
            scale.storm_requests,
            _CONNECTIONS,
            version,
            edited=str(project.app(directory)),
            edits=scale.storm_edits,
        )
        outcome = generate(load)
    sound = not (outcome.lost or outcome.wrong or outcome.stale)
    found = f"{outcome.lost} lost, {outcome.wrong} wrong, {outcome.stale} older"
    return [
        Row(
            f"{outcome.answers:,} invocations, 50 connections, {outcome.edits} edits",
            found,
            must="0 lost, 0 wrong, 0 older than the request",
            reached=sound and outcome.edits == scale.storm_edits,
        )
    ]
