"""Requests per second. The servers take turns, so that other load affects all of them."""

import statistics
from contextlib import ExitStack
from pathlib import Path

from bench import peers
from bench.client import Client
from bench.load import Load, generate
from bench.scale import Scale
from bench.server import Server
from bench.table import Row

MIN_RATIO_ONE_CONNECTION = 1.2
MIN_RATIO_FIFTY_CONNECTIONS = 2.0
_CONNECTIONS = 50
_ENVIRONMENTS = 4
_SMYTH_DIVISOR = 10
"""smyth gets fewer requests: it serves about 20 per second on an open connection."""


class WrongResponseError(Exception):
    """A server lost a request or sent a wrong response."""


def _requests_per_second(name: str, load: Load) -> float:
    outcome = generate(load)
    if outcome.lost or outcome.wrong or outcome.stale:
        message = f"{name}: {outcome}"
        raise WrongResponseError(message)
    return outcome.per_second


def _start(stack: ExitStack, directory: Path) -> dict[str, Server]:
    servers = {
        "local": peers.run_local(directory),
        "local, 50": peers.run_local(directory, concurrency=_ENVIRONMENTS),
        "smyth": peers.run_smyth(directory),
        "bare": peers.run_bare(directory),
    }
    if (binary := peers.emulator_binary()) is not None:
        servers["emulator"] = peers.run_emulator(directory, binary)
    return {name: stack.enter_context(server) for name, server in servers.items()}


def _rounds(servers: dict[str, Server], version: int, scale: Scale) -> dict[str, list[float]]:
    speeds: dict[str, list[float]] = {name: [] for name in (*servers, "bare, 50")}
    for number in range(scale.rounds + 1):
        for name, measured in speeds.items():
            bare, many = name.startswith("bare"), name.endswith("50")
            load = Load(
                servers["bare" if bare else name].port,
                scale.requests_per_round // (_SMYTH_DIVISOR if name == "smyth" else 1),
                _CONNECTIONS if many else 1,
                version=0 if bare else version,
                expects_echo=not bare,
            )
            speed = _requests_per_second(name, load)
            if number:  # the first round warms up
                measured.append(speed)
    return speeds


def measure(directory: Path, version: int, scale: Scale) -> list[Row]:
    """Measure one connection with one environment, and fifty with four."""
    with ExitStack() as stack:
        servers = _start(stack, directory)
        for name, server in servers.items():
            if name != "bare":
                Client(server.port).wait_for(f"v{version}: ", {"message": "hello"})
        speeds = _rounds(servers, version, scale)
    return [
        _row("1 connection, 1 environment", speeds, "local", "bare", MIN_RATIO_ONE_CONNECTION),
        _row(
            "50 connections, 4 environments",
            speeds,
            "local, 50",
            "bare, 50",
            MIN_RATIO_FIFTY_CONNECTIONS,
        ),
    ]


def _row(name: str, speeds: dict[str, list[float]], local: str, limit: str, target: float) -> Row:
    def median(server: str) -> str:
        return f"{statistics.median(speeds[server]):.0f}/s"

    text = f"≥ {target:g} × emulator" + (" with one" if local == "local, 50" else "")
    pairs = zip(speeds[local], speeds.get("emulator", ()), strict=False)
    ratios = [ours / theirs for ours, theirs in pairs]
    ratio = statistics.median(ratios) if ratios else None
    return Row(
        name,
        median(local),
        median("emulator") if ratios else "Linux only",
        median("smyth") if local == "local" else "-",
        median(limit),
        "-" if ratio is None else f"{ratio:.2f} × emulator",
        text,
        None if ratio is None else ratio >= target,
    )
