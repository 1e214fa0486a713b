"""Whether all requests get a response from code that is not older than them, during saves."""

from pathlib import Path

from bench import peers, project
from bench.load import Load, generate
from bench.scale import Scale
from bench.table import Row

_CONNECTIONS = 50


def measure(directory: Path, version: int, scale: Scale) -> list[Row]:
    """Send requests on 50 connections while the code is saved repeatedly."""
    with peers.run_local(directory, concurrency=4) as server:
        load = Load(
            server.port,
            scale.consistency_requests,
            _CONNECTIONS,
            version,
            edited=str(project.handler_file(directory)),
            edits=scale.consistency_edits,
        )
        outcome = generate(load)
    is_sound = not (outcome.lost or outcome.wrong or outcome.stale)
    found = f"{outcome.lost} lost, {outcome.wrong} wrong, {outcome.stale} stale"
    return [
        Row(
            f"{outcome.responses:,} invocations, 50 connections, {outcome.edits} saves",
            found,
            target="0 lost, 0 wrong, 0 stale",
            reached=is_sound and outcome.edits == scale.consistency_edits,
        )
    ]
