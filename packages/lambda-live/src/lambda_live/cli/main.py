"""
Run the command that the first argument names, `serve` if it names none.

Only that command's module is imported: most of them need little of the service. An error in a file
of the user is one line, with exit status 2.
"""

import importlib
import os
import sys

from lambda_live import __version__
from lambda_live.cli.parser import fail
from lambda_live.model.requirements import InstallError
from lambda_live.model.template_error import TemplateError

COMMANDS = {
    "serve": "run the functions of the current folder (default)",
    "init": "write a template, a function, an event and a test to a folder",
    "invoke": "send events to a running function and print the responses",
    "events": "list the events of the current folder",
    "imports": "print how long the imports of a function's cold start took",
    "logs": "print the logs of a running service's functions",
    "aws": "send messages and data to the AWS resources of a service",
    "check": "send events to a running function and compare the responses",
    "describe": "print the functions as JSON",
    "install": "install the functions' requirements, print the folders",
    "clear-cache": "remove installed packages that no service uses",
    "image-context": "write what a function's image is built from",
    "terminal": "show the terminal output of a service that runs elsewhere",
    "problems": "list the errors of a service that runs elsewhere, for editors",
    "completion": "print the completion of bash, zsh or fish",
}

_INTERRUPTED = 130
"""The status of a program that Ctrl-C stopped, in shells: 128 and the number of the signal."""


def main() -> None:
    """Run a command with the arguments of this process."""
    name, *arguments = sys.argv[1:] or ["serve"]
    if name == "--version":
        sys.stdout.write(f"lambda-live {__version__}\n")
        return
    if name not in COMMANDS:
        name, arguments = "serve", sys.argv[1:]
    try:
        try:
            importlib.import_module(f"lambda_live.cli.{name.replace('-', '_')}").main(arguments)
        finally:
            if sys.stdout is not None:  # it may be closed
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:  # the reader has exited, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (TemplateError, InstallError) as error:
        fail(str(error))
    except OSError as error:
        if name == "serve":
            raise  # a fault of the service, whose traceback is needed
        fail(str(error))
