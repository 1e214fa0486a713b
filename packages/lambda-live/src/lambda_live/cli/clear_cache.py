"""`lambda-live clear-cache`: remove the installed packages that no service uses."""

from collections.abc import Sequence

from lambda_live.cli.parser import CommandParser, log
from lambda_live.dependencies.cache import cache_dir
from lambda_live.dependencies.package_cache import prune

_MB = 2**20


def main(arguments: Sequence[str]) -> None:
    """Run the command."""
    CommandParser("clear-cache", "Remove installed packages that no service uses.").parse(arguments)
    freed = prune(0, 0.0)
    log(f"removed {freed / _MB:.1f} MB from {cache_dir('packages')}")
