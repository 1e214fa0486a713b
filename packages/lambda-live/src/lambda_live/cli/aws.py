"""
`lambda-live aws ACTION`: send messages and data to the AWS resources of a running service.

`send QUEUE FILE` sends a file as a message, `put s3://BUCKET/KEY FILE` an object, `put TABLE FILE`
an item of plain JSON. `seed FOLDER` loads a folder of test data. `fire SCHEDULE` fires a schedule
now. `reset` deletes all data, and creates the resources again. The command uses the emulator of the
current folder's service, or AWS_ENDPOINT_URL.
"""

import http.client
import json
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from lambda_live.cli.admin_client import AdminClient, default_url
from lambda_live.cli.parser import CommandParser, fail, service_url
from lambda_live.dependencies.cache import cache_dir
from lambda_live.model.function import Account
from lambda_live.model.resources import INTERNAL_QUEUES
from lambda_live.model.text_files import is_given, read_file
from lambda_live.resources import seeding
from lambda_live.resources.aws import AwsClients
from lambda_live.resources.emulator import running_emulator
from lambda_live.telemetry.sanitize import sanitize

_TIMEOUT_SECONDS = 30
_USAGE = """\
lambda-live aws send QUEUE FILE [--group GROUP]
       lambda-live aws put TABLE FILE
       lambda-live aws put s3://BUCKET/KEY FILE
       lambda-live aws seed FOLDER
       lambda-live aws fire SCHEDULE
       lambda-live aws reset"""


def _parser() -> CommandParser:
    description = "Send messages and data to the AWS resources of a service."
    parser = CommandParser("aws", description, usage=_USAGE)
    add = parser.add_argument
    actions = ("send", "put", "seed", "fire", "reset")
    what = "send, put, seed, fire or reset; reset deletes all data"
    add("action", nargs="?", metavar="ACTION", choices=actions, help=what)
    add("target", nargs="?", help="a queue, a table, s3://BUCKET/KEY, a folder or a schedule")
    add("file", nargs="?", type=Path, help="the message, the item or the object")
    add("--group", default="", help="the message group, for FIFO queues")
    add(
        "--admin-url",
        metavar="URL",
        type=service_url,
        default=default_url(),
        help="the service's admin port, for `fire` and `reset` [%(default)s]",
    )
    return parser


def _clients() -> AwsClients:
    """Return clients of the project's emulator; exit with status 2 if it does not run."""
    if url := os.environ.get("AWS_ENDPOINT_URL"):
        return AwsClients(url, Account(os.environ.get("AWS_REGION") or Account().region))
    found = _own_emulator()
    if found is None:
        fail("no emulator runs here; start `lambda-live --resources`, or set AWS_ENDPOINT_URL")
    return found


def _own_emulator() -> AwsClients | None:
    project = f"{Path.cwd().resolve()} "
    for file in cache_dir("emulators").glob("*/emulator.json"):
        try:
            key = str(json.loads(file.read_text(encoding="utf-8"))["key"])
        except (OSError, ValueError, KeyError):
            continue
        if key.startswith(project) and (url := running_emulator(file, in_use=True)):
            region, account = key.removeprefix(project).split(" ")
            return AwsClients(url, Account(region, account))
    return None


def _check_name(kind: str, name: str, names: list[str]) -> None:
    """Exit if there is no such resource, because boto3's error doesn't say which ones there are."""
    if name not in names:
        existing = ", ".join(sorted(names)) or "none"
        fail(f"there is no {kind} {name}; the {kind}s are: {existing}")


def _send(options: Namespace, file: Path) -> str:
    aws = _clients()
    urls = aws.call_now("sqs", "list_queues").get("QueueUrls", [])
    names = [url.rpartition("/")[2] for url in urls]
    own = [each for each in names if not each.startswith(INTERNAL_QUEUES)]
    _check_name("queue", options.target, own)
    message_id = aws.send_message(options.target, read_file(file), options.group or "default")
    return f"sent message {message_id} to {options.target}"


def _put(options: Namespace, file: Path) -> str:
    aws = _clients()
    if options.target.startswith("s3://"):
        bucket, _, key = options.target.removeprefix("s3://").partition("/")
        buckets = aws.call_now("s3", "list_buckets")["Buckets"]
        _check_name("bucket", bucket, [each["Name"] for each in buckets])
        seeding.put_object(aws, bucket, key or file.name, file)
        return f"put s3://{bucket}/{key or file.name}"
    _check_name("table", options.target, aws.call_now("dynamodb", "list_tables")["TableNames"])
    count = len(seeding.put_items(aws, options.target, seeding.read_json(file), file))
    return f"put {count} item{'s'[: count != 1]} into {options.target}"


def _post(options: Namespace, path: str) -> None:
    admin = AdminClient(options.admin_url)
    admin.exit_if_unreachable()
    try:
        with admin.request("POST", f"/{path}", _TIMEOUT_SECONDS) as response:
            if response.status != http.client.OK:
                fail(json.load(response)["message"])
    except (OSError, http.client.HTTPException) as error:
        fail(f"no service answers at {options.admin_url}: {error}; name it with --admin-url")


def main(arguments: Sequence[str]) -> None:
    """Run the command; exit with status 2 if it fails."""
    parser = _parser()
    options = parser.parse(arguments)
    if options.action is None or (options.target is None and options.action != "reset"):
        missing = f"{options.action} needs a target" if options.action else "name what to do"
        parser.error(f"{missing}, such as `send QUEUE FILE`; see --help")
    if options.action in ("send", "put"):
        if options.file is None or not is_given(options.file):
            parser.error(f"{options.action} needs a file: {options.file or 'FILE'} does not exist")
    elif options.action == "seed" and not Path(options.target).is_dir():
        parser.error(f"{options.target} is not a folder")
    try:
        match options.action:
            case "send":
                done = _send(options, options.file)
            case "put":
                done = _put(options, options.file)
            case "seed":
                loaded = seeding.load_folder(_clients(), Path(options.target))
                done = f"loaded {loaded or 'nothing'}"
            case "fire":
                _post(options, f"schedules/{quote(options.target)}/fire")
                done = f"fired {options.target}"
            case _:
                _post(options, "resources/reset")
                done = "deleted all data, and created the resources again"
    except (BotoCoreError, ClientError, OSError, ValueError) as error:
        fail(str(error))
    sys.stdout.write(f"{sanitize(done)}\n")
