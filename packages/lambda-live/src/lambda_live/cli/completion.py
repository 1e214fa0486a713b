"""`lambda-live completion SHELL`: print a script that completes commands and options."""

import contextlib
import importlib
import io
import re
import sys
from collections.abc import Mapping, Sequence

from lambda_live.cli.main import COMMANDS
from lambda_live.cli.parser import CommandParser

_PROGRAM = "lambda-live"
_SHELLS = ("bash", "zsh", "fish")
_DESCRIPTION = """\
Print a script that completes commands and options. Write it to a file:

bash  ~/.local/share/bash-completion/completions/lambda-live
fish  ~/.config/fish/completions/lambda-live.fish
zsh   any, such as ~/.lambda-live.zsh; add `source ~/.lambda-live.zsh` to ~/.zshrc after `compinit`
"""
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def _options() -> dict[str, list[str]]:
    """Return the options of each command, as its help lists them."""
    found = {}
    for command in COMMANDS:
        module = importlib.import_module(f"lambda_live.cli.{command.replace('-', '_')}")
        with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
            module.main(["--help"])
        found[command] = sorted(set(_OPTION.findall(text.getvalue())))
    return found


def _bash(options: Mapping[str, Sequence[str]]) -> str:
    cases = "".join(
        f"        {name}) words='{' '.join(each)}' ;;\n" for name, each in options.items()
    )
    default = " ".join((*options, *options["serve"]))
    return f"""\
_lambda_live() {{
    local words='{default}'
    ((COMP_CWORD == 1)) || case ${{COMP_WORDS[1]}} in
{cases}    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _lambda_live {_PROGRAM}
"""


def _zsh(options: Mapping[str, Sequence[str]]) -> str:
    return f"autoload -U +X bashcompinit && bashcompinit\n{_bash(options)}"


def _fish(options: Mapping[str, Sequence[str]]) -> str:
    lines = [
        f"complete -c {_PROGRAM} -n __fish_use_subcommand -a {name} -d '{summary.replace("'", '')}'"
        for name, summary in COMMANDS.items()
    ]
    lines += [
        f"complete -c {_PROGRAM} -n '__fish_seen_subcommand_from {name}' -l {option[2:]}"
        for name, each in options.items()
        for option in each
    ]
    return "".join(f"{line}\n" for line in lines)


def main(arguments: Sequence[str]) -> None:
    """Print the script; exit with status 2 for an unknown shell."""
    parser = CommandParser("completion", _DESCRIPTION)
    parser.add_argument("shell", choices=_SHELLS)
    shell = parser.parse(arguments).shell
    write = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]
    sys.stdout.write(write(_options()))
