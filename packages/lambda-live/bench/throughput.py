"""Requests a second, the servers taking turns so that a busy machine is as busy for each."""

import statistics
from contextlib import ExitStack
from pathlib import Path

from bench import peers
from bench.client import Client
from bench.load import Load, generate
from bench.scale import Scale
from bench.server import Server
from bench.table import Row

ONE = 1.2
FIFTY = 2.0
_CONNECTIONS = 50
_ENVIRONMENTS = 4
_SLOWER = 10
"""smyth answers some twenty requests a second on a connection that is kept open."""


class WrongAnswerError(Exception):
    """A server lost a request or answered another; its speed is worth nothing."""


def _speed(name: str, load: Load) -> float:
    outcome = generate(load)
    if outcome.lost or outcome.wrong or outcome.stale:
        message = f"{name}: {outcome}"
        raise WrongAnswerError(message)
    return outcome.per_second


def _start(stack: ExitStack, directory: Path) -> dict[str, Server]:
    servers = {
        "local": peers.local(directory),
        "local, 50": peers.local(directory, concurrency=_ENVIRONMENTS),
        "smyth": peers.smyth(directory),
        "bare": peers.bare(directory),
    }
    if (binary := peers.emulator_binary()) is not None:
        servers["emulator"] = peers.emulator(directory, binary)
    return {name: stack.enter_context(server) for name, server in servers.items()}


def _rounds(servers: dict[str, Server], version: int, scale: Scale) -> dict[str, list[float]]:
    speeds: dict[str, list[float]] = {name: [] for name in (*servers, "bare, 50")}
    for number in range(scale.rounds + 1):
        for name, measured in speeds.items():
            bare, many = name.startswith("bare"), name.endswith("50")
            load = Load(
                servers["bare" if bare else name].port,
                scale.requests_a_round // (_SLOWER if name == "smyth" else 1),
                _CONNECTIONS if many else 1,
                version=0 if bare else version,
                echoes=not bare,
            )
            speed = _speed(name, load)
            if number:  # the first round warms up
                measured.append(speed)
    return speeds


def measure(directory: Path, version: int, scale: Scale) -> list[Row]:
    """One connection against one environment, and fifty against four."""
    with ExitStack() as stack:
        servers = _start(stack, directory)
        for name, server in servers.items():
            if name != "bare":
                Client(server.port).wait_for(f"v{version}: ", {"message": "hello"})
        speeds = _rounds(servers, version, scale)
    return [
        _row("1 connection, 1 environment", speeds, "local", "bare", ONE),
        _row("50 connections, 4 environments", speeds, "local, 50", "bare, 50", FIFTY),
    ]


def _row(name: str, speeds: dict[str, list[float]], mine: str, limit: str, must: float) -> Row:
    def median(server: str) -> str:
        return f"{statistics.median(speeds[server]):.0f}/s"

    asked = f"≥ {must:g} × the emulator's" + (" with one" if mine == "local, 50" else "")
    pairs = zip(speeds[mine], speeds.get("emulator", ()), strict=False)
    ratios = [ours / theirs for ours, theirs in pairs]
    ratio = statistics.median(ratios) if ratios else None
    return Row(
        name,
        median(mine),
        median("emulator") if ratios else "Linux only",
        median("smyth") if mine == "local" else "-",
        median(limit),
        "-" if ratio is None else f"{ratio:.2f} × emulator",
        asked,
        None if ratio is None else ratio >= must,
    )
