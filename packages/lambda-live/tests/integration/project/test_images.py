"""Functions that are images: served from their Dockerfile, with live reload."""

from functools import partial

import pytest

from support.lambda_service import LambdaService
from support.project import write_project
from support.service_starter import StartService
from support.waiting import wait_until
from support.wheel import write_wheel

TEMPLATE = """
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      PackageType: Image
      Environment: {Variables: {WHO: template}}
    Metadata: {DockerContext: ./hello, DockerTag: v1}
  Parts:
    Type: AWS::Serverless::Function
    Properties: {PackageType: Image}
    Metadata: {DockerContext: ., Dockerfile: parts.Dockerfile}
"""
HELLO = """FROM public.ecr.aws/lambda/python:3.12
ENV WHO=image WHERE=image MODEL=${LAMBDA_TASK_ROOT}/model.txt
COPY app.py model.txt requirements/image.txt ./
RUN pip install -r image.txt
CMD ["app.handler"]
"""
APP = """
import os, ours

def handler(event, context):
    return [ours.version, os.environ["WHO"], os.environ["WHERE"], open(os.environ["MODEL"]).read()]

def other(event, context):
    return "other"

def kind(event, context):
    return os.environ["AWS_EXECUTION_ENV"]
"""
PARTS = """FROM public.ecr.aws/lambda/python:3.12
COPY functions/parts/ ${LAMBDA_TASK_ROOT}/
COPY common ${LAMBDA_TASK_ROOT}/common
CMD ["main.handler"]
"""
MAIN = "from common.text import said\ndef handler(event, context):\n    return said\n"


@pytest.fixture(scope="module")
def service(
    start_module_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> LambdaService:
    root = tmp_path_factory.mktemp("images")
    (root / "hello/requirements").mkdir(parents=True)
    wheel = write_wheel(root / "hello", "ours", "1")
    files = {
        "template.yaml": TEMPLATE,
        "hello/Dockerfile": HELLO,
        "hello/app.py": APP,
        "hello/model.txt": "weights",
        "hello/requirements/image.txt": f"./{wheel}\n",
        "parts.Dockerfile": PARTS,
        "functions/parts/main.py": MAIN,
        "common/text.py": "said = 'first'\n",
    }
    write_project(root, files)
    service = start_module_service(root, handler=None, XDG_CACHE_HOME=str(root / "cache"))
    service.expected_stderr = service.stderr
    return service


def save(service: LambdaService, file: str, text: str) -> None:
    (service.project / file).write_text(text, encoding="utf-8")


def test_image_has_the_packages_and_variables_of_its_dockerfile(
    service: LambdaService,
) -> None:
    assert service.result("Hello") == ["1", "template", "image", "weights"]
    configuration = service.boto3.get_function_configuration(FunctionName="Hello")
    assert (
        configuration["PackageType"],
        "Runtime" in configuration,
        "Handler" in configuration,
    ) == (
        "Image",
        False,
        False,
    )
    assert configuration["Environment"] == {"Variables": {"WHO": "template"}}


def test_save_of_code_or_dockerfile_takes_effect(
    service: LambdaService,
) -> None:
    save(service, "hello/app.py", APP.replace('return "other"', 'return "new"'))
    save(service, "hello/Dockerfile", HELLO.replace("app.handler", "app.other"))
    assert service.result("Hello") == "new"

    save(service, "hello/Dockerfile", HELLO.replace('"app.handler"', '"app.kind"'))
    assert service.result("Hello").startswith("AWS_Lambda_python3.")
    client = '"python", "-m", "awslambdaric", "app.kind"'
    save(service, "hello/Dockerfile", HELLO.replace('"app.handler"', client))
    assert service.result("Hello") == "AWS_Lambda_Image"

    save(service, "hello/Dockerfile", HELLO.replace("WHERE=image", "WHERE=there"))
    assert service.result("Hello") == ["1", "template", "there", "weights"]


def test_invalid_dockerfile_is_reported_until_it_is_fixed(service: LambdaService) -> None:
    save(service, "hello/Dockerfile", HELLO.replace("CMD", "CMMD"))
    line = service.wait_for_line("Hello is not served: ")
    assert "not served: hello/Dockerfile:5: unknown instruction CMMD" in line

    save(service, "hello/Dockerfile", HELLO)
    assert service.result("Hello")[2] == "image"


def test_code_of_several_folders_follows_saves(
    service: LambdaService,
) -> None:
    assert service.result("Parts") == "first"
    save(service, "common/text.py", "said = 'second'\n")
    assert service.result("Parts") == "second"

    save(service, "functions/parts/more.py", "said = 'third'\n")
    save(service, "functions/parts/main.py", MAIN.replace("common.text", "more"))
    assert service.result("Parts") == "third"


def test_error_names_the_edited_file(
    service: LambdaService,
) -> None:
    save(service, "functions/parts/main.py", "def handler(event, context):\n    return 1 / 0\n")

    assert service.result("Parts")["errorType"] == "ZeroDivisionError"

    newest = service.admin("/api/rows").json()[0]["id"]
    location = service.admin(f"/api/rows/{newest}").json()["location"]
    assert (location["path"], location["line"]) == (f"{service.project}/functions/parts/main.py", 2)


def test_folder_with_only_a_dockerfile_is_served(start_service: StartService) -> None:
    dockerfile = 'FROM public.ecr.aws/lambda/python:3.12\nCOPY app.py .\nCMD ["app.handler"]\n'
    source = "def handler(*_):\n    return 'first'\ndef other(*_):\n    return 2\n"
    service = start_service({"Dockerfile": dockerfile, "app.py": source}, handler=None)
    assert service.result("function") == "first"

    save(service, "Dockerfile", dockerfile.replace("app.handler", "app.other"))
    assert service.result("function") == 2


READS = """
def handler(event, context):
    try:
        return open(event).read()
    except FileNotFoundError:
        return None
"""
MAKES = """FROM python:3.12 AS build
WORKDIR /build
COPY train.py .
RUN python train.py --epochs 3
RUN wget -O /opt/weights/large.bin https://example.com/large

FROM public.ecr.aws/lambda/python:3.12
COPY --from=build /build/model.pkl ${LAMBDA_TASK_ROOT}/
COPY --from=build /opt/weights ./weights
COPY src/ ./
RUN curl -sSL --output words.txt https://example.com/words && tar -xzf all.tgz -C data
RUN echo 7 > version
CMD ["app.handler"]
"""
MADE = {
    "model.pkl": "model.pkl",
    "large.bin": "weights/large.bin",
    "words.txt": "words.txt",
    "data/a.txt": "data/a.txt",
    "version": "version",
}


def test_file_beside_the_dockerfile_stands_for_what_a_command_makes(
    start_service: StartService,
) -> None:
    files = {"Dockerfile": MAKES, "train.py": "", "src/app.py": READS, "README.md": ""}
    service = start_service(files, handler=None)
    service.wait_for_line("put the files that it makes beside the Dockerfile")

    read = partial(service.result, "function")
    before = [read(name) for name in MADE.values()]
    write_project(service.project, dict.fromkeys(MADE, "made"))
    wait_until(lambda: all(read(name) == "made" for name in MADE.values()))

    assert before == [None] * len(MADE)
    assert read("README.md") is None
    service.wait_for_line("Dockerfile:12: its command is not run locally; version beside the")
