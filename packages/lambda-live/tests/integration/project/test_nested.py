"""Functions of nested stacks: served beside the parent, with live reload."""

import asyncio
import json
from pathlib import Path

import pytest

from lambda_live.cli.describe import main as describe
from lambda_live.model.service import ServiceSettings
from lambda_live.project.config import Config
from lambda_live.project.config_watcher import ConfigWatcher
from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService

GLOBALS = """
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Globals: {Function: {Runtime: python3.12, CodeUri: code, Handler: app.handler}}
"""
PARENT = f"""{GLOBALS}
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {{Environment: {{Variables: {{GREETING: !GetAtt Child.Outputs.Name}}}}}}
  Child:
    Type: AWS::Serverless::Application
    Properties: {{Location: child/child.yaml, Parameters: {{Greeting: hello}}}}
"""
CHILD = f"""{GLOBALS}
Parameters: {{Greeting: {{Type: String}}}}
Resources:
  Fn::ForEach::Functions:
    - Name
    - [Work, Play]
    - ${{Name}}:
        Type: AWS::Serverless::Function
        Properties:
          Environment: {{Variables: {{GREETING: !Sub "${{Greeting}} from ${{Name}}"}}}}
          Events: {{Get: {{Type: HttpApi, Properties: {{Path: "/${{Name}}", Method: get}}}}}}
Outputs: {{Name: {{Value: !Ref Work}}}}
"""
APP = "import os\ndef handler(event, context): return os.environ['GREETING']\n"
PROJECT = {
    "template.yaml": PARENT,
    "code/app.py": APP,
    "child/child.yaml": CHILD,
    "child/code/app.py": APP,
}


@pytest.fixture(scope="module")
def shared(start_module_service: StartService) -> LambdaService:
    return start_module_service(PROJECT, handler=None)


@pytest.fixture
def service(shared: LambdaService) -> LambdaService:
    """Return the module's service with its original templates."""
    write_project(shared.project, PROJECT)
    assert shared.result("Play") == "hello from Play"
    return shared


def test_functions_of_both_stacks_respond(service: LambdaService) -> None:
    service.wait_for_line("Child/Work is served as Child-Work, because Work is not unique")
    by_host = service.request("GET", "/", headers={"Host": "child-work.localhost"})

    assert service.result("Work") == "Child-Work"
    assert service.result("Child-Work") == "hello from Work"
    assert service.request("GET", "/Play").body == b"hello from Play"
    assert by_host.body == b"hello from Work"


def test_save_of_a_nested_template_takes_effect(
    service: LambdaService,
) -> None:
    write_project(service.project, {"child/child.yaml": CHILD.replace("from", "of")})

    assert service.result("Child-Work") == "hello of Work"


def test_nested_template_can_be_added_later(service: LambdaService) -> None:
    later = PARENT.replace("child.yaml", "later.yaml")
    write_project(service.project, {"template.yaml": later})

    assert service.result("Work") == "Child-Work"
    service.wait_for_line("template.yaml:11: Location is 'child/later.yaml', but ")
    write_project(service.project, {"child/later.yaml": CHILD.replace("String", "String}")})

    assert service.result("Play") == "hello from Play"
    service.wait_for_line("later.yaml:5: invalid YAML")
    write_project(service.project, {"child/later.yaml": CHILD.replace("from", "later, from")})

    assert service.result("Play") == "hello later, from Play"


def test_describe_lists_nested_functions_and_files(
    service: LambdaService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(service.project)
    describe([])
    described = json.loads(capsys.readouterr().out)

    assert described["files"] == ["child/child.yaml"]
    folders = {each["name"]: each["folders"] for each in described["functions"]}
    assert folders == {"Work": ["code"], "Child-Work": ["child/code"], "Play": ["child/code"]}


class NoFunctions:
    """A function manager without functions."""

    def remove_all_except(self, names: object) -> None: ...
    def apply(self, configurations: object) -> None: ...
    def set_package_state(self, name: str, state: object) -> None: ...
    def check_for_changes(self) -> None: ...


def test_nested_template_saved_while_read_is_read_again(tmp_path: Path) -> None:
    """Editors can save several files at once."""
    write_project(tmp_path, {"parent": "", "child": "first"})
    parent, child = tmp_path / "parent", tmp_path / "child"
    read: list[str] = []

    def reader() -> Config:
        read.append(child.read_text())
        if len(read) == 1:
            write_project(tmp_path, {"child": "second"})
        return Config((), ServiceSettings(), files=(parent, child), reader=reader)

    async def save() -> None:
        config = Config((), ServiceSettings(), files=(parent,), reader=reader)
        watcher = ConfigWatcher(config, NoFunctions(), lambda *_: None, lambda _: None)
        watcher.start()
        write_project(tmp_path, {"parent": "saved"})
        await watcher.wait_current()
        watcher.stop()

    asyncio.run(save())

    assert read == ["first", "second"]
