"""A fake machine with some tools, and programs that listen on ports."""

import contextlib
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TOOLS = ("docker", "tilt", "ctlptl", "k3d", "kubectl")
NO_RESPONSE = "exit 1"


@contextlib.contextmanager
def listening(address: str) -> Iterator[int]:
    """Listen on a free port of an address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        yield listener.getsockname()[1]


class Machine:
    """A machine with fake tools that print their arguments."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._bin = directory / "bin"
        self._bin.mkdir()
        for name in ("bash", "cat", "dirname", "mkdir", "sed"):
            self.link(name)
        (directory / "scripts").mkdir()
        for name in ("doctor", "down", "machine.bash", "up"):
            shutil.copy2(Path("scripts", name), directory / "scripts" / name)
        for name in ("ctlptl.yaml", "mise.toml", "Tiltfile"):
            shutil.copy2(name, directory / name)
        ports = re.sub(r"(?<=_PORT=)\d+$", "0", Path("machine.env").read_text(), flags=re.MULTILINE)
        (directory / "machine.env").write_text(ports)
        self._script(directory / ".venv" / "bin" / "python", 'echo "python $*"')
        self.install(*TOOLS)
        self.runs("make", "")  # everything is installed
        self.tilt_runs("")

    @property
    def path(self) -> Path:
        return self._bin

    @property
    def cluster_log(self) -> str:
        """The output of the cluster's creation."""
        return (self._directory / ".cache" / "cluster.log").read_text()

    @property
    def tiltfile(self) -> Path:
        return self._directory / "Tiltfile"

    def mise_has(self, *names: str) -> None:
        """Let mise have tools that are not on the PATH."""
        for name in names:
            self._script(self._directory / "mise" / name, f'echo "{name} $* of mise"')
        self._script(self._bin / "mise", f'[ "$*" = bin-paths ] && echo "{self._directory}/mise"')

    def link(self, name: str) -> None:
        """Link a program of this machine."""
        # a Python may be a shim, which is a script that needs more
        found = sys.executable if name == "python3" else shutil.which(name)
        if not found:
            pytest.skip(f"no {name} on this machine")
        (self._bin / name).unlink(missing_ok=True)
        (self._bin / name).symlink_to(found)

    def tilt_runs(self, tiltfile: str | Path) -> None:
        """Let Tilt report that it runs a Tiltfile, or none."""
        session = f'printf "%s" "{tiltfile}"; exit 0' if tiltfile else "exit 1"
        self._script(
            self._bin / "tilt", f'[ "$1" != get ] || {{ {session}; }}\necho "tilt $* at $TILT_PORT"'
        )

    def prints_what_it_reads(self, name: str) -> None:
        self.runs(name, "cat")

    def runs(self, name: str, body: str) -> None:
        """Let a tool run a script of sh, in the project's folder."""
        self._script(self._bin / name, body)

    def prints(self, name: str, text: str) -> None:
        self.runs(name, f'echo "{text}"')

    def append(self, name: str, line: str) -> None:
        """Append a line to a tool."""
        with (self._bin / name).open("a") as script:
            script.write(f"{line}\n")

    def publishes(self, container: str, port: int) -> None:
        """Let Docker report that a container publishes a port."""
        row = f"{container} 127.0.0.1:{port}->5432/tcp"
        self._script(self._bin / "docker", f'[ "$1" != ps ] || echo "{row}"')

    def docker_has(self, volume: str, images: tuple[str, ...]) -> None:
        """Let Docker list the volume of the registry and these images, and record removals."""
        listed = "\\n".join(images)
        self._script(
            self._bin / "docker",
            f"""case "$1 $2" in
            "inspect "*) echo {volume} ;;
            "images "*) printf '{listed}\\n' ;;
            "volume rm" | "rmi "*) echo "$*" >>"{self._bin}/removed" ;;
            esac""",
        )

    def docker_removed(self) -> list[str]:
        """Return the commands with which Docker removed something."""
        return (self._bin / "removed").read_text().splitlines()

    def install(self, *words: str) -> None:
        """Install tools that succeed, or one tool with a last line of its own."""
        last = words[-1] if words[-1].startswith("exit") else "exit 0"
        for name in words:
            if name != last:
                self._script(self._bin / name, f'echo "{name} $*"\n{last}')

    def remove(self, *names: str) -> None:
        for name in names:
            (self._bin / name).unlink()

    def run(
        self, script: str, *args: str, **settings: int | str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._directory / "scripts" / script, *args],
            env={"PATH": str(self._bin)} | {name: str(value) for name, value in settings.items()},
            capture_output=True,
            text=True,
            check=False,
        )

    @staticmethod
    def _script(path: Path, body: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
