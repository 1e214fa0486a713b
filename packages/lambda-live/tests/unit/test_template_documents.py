"""Parsing of templates, and errors with their lines."""

import json
from pathlib import Path

import pytest

from lambda_live.model.function import Account
from lambda_live.model.template import Cors, FunctionSpec, Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.discovery import default_template
from lambda_live.project.template.reader import read_template
from support.documents import template_error
from support.project import write_project

FUNCTION = """
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.12
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/app.py").touch()
    (tmp_path / "code/app.zip").touch()
    return tmp_path


def template(folder: Path, text: str, name: str = "template.yaml") -> Template:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return read_template(path, {})


def only(folder: Path, text: str) -> FunctionSpec:
    (function,) = template(folder, text).functions
    return function


def refusal(folder: Path, text: str) -> str:
    write_project(folder, {"template.yaml": text})
    return str(template_error(folder / "template.yaml")).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "a template must be a mapping; begin with Resources:"),
        ("- a\n", 1, "a template must be a mapping; begin with Resources:"),
        ("a: b\n", 1, "the template has no Resources; add Resources: with the functions"),
        ("Resources: 1\n", 1, "Resources must be a mapping; write NAME: … below it"),
        ("Resources: {}\n", 1, "the template has no function; add a resource with Type:"),
        ("Resources:\n\tA: 1\n", 2, "the line is indented with a tab; use spaces"),
        ("Resources: {a\n", 2, "invalid YAML: "),
        ("Resources:\n<<<<<<< HEAD\n=======\n>>>>>>> x\n", 2, "a merge conflict is not resolved"),
        ("Resources: &a\n  b: *a\n", 1, "an alias contains itself, or the values are"),
        ("Resources: " + "[" * 5000 + "]" * 5000, 1, "an alias contains itself, or the values are"),
        ("? [a]\n: b\n", 1, "a key must be text; write NAME: …"),
        ("Resources:\n  A: 1\n", 2, "A has no Type; write Type: AWS::Serverless::Function"),
        ("Resources:\n  A: {Type: T, Properties: 1}\n", 2, "the Properties of A must be a mapping"),
    ],
)
def test_invalid_template_is_refused_with_its_line(
    text: str, line: int, why: str, folder: Path
) -> None:
    assert refusal(folder, text).startswith(f"template.yaml:{line}: {why}")


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("Runtime:", "Timeout: [1]\n      Runtime:", 7, "Timeout must be text; write"),
        ("Runtime:", "Environment: 1\n      Runtime:", 7, "Environment must be a mapping"),
        ("Runtime:", "Architectures: {a: b}\n      Runtime:", 7, "Architectures must be a list"),
        ("    Type:", "    Condition: Sunny\n    Type:", 3, "condition Sunny is not defined;"),
        ("python3.12", "python3.99", 7, "unknown Runtime 'python3.99'"),
        ("Runtime: python3.12", "", 5, "Work has no Runtime; add python3.12"),
        ("app.handler", "app", 6, "invalid Handler 'app'"),
        ("Handler: app.handler", "", 5, "Work has no Handler; add MODULE.FUNCTION"),
        (
            "  Work:",
            FUNCTION.replace("Work", "WORK") + "  Work:",
            9,
            "WORK and Work have the same name",
        ),
    ],
)
def test_invalid_function_is_refused_with_its_line(
    old: str, new: str, line: int, why: str, folder: Path
) -> None:
    text = f"Resources:{FUNCTION.replace(old, new, 1)}"

    assert refusal(folder, text).startswith(f"template.yaml:{line}: {why}")


def test_unreadable_template_is_refused(folder: Path) -> None:
    (folder / "latin.yaml").write_bytes("Résumé: 1".encode("latin-1"))

    with pytest.raises(TemplateError, match="the line is not UTF-8; save the file as UTF-8"):
        read_template(folder / "latin.yaml", {})
    with pytest.raises(TemplateError, match="No such file or directory; check the path"):
        read_template(folder / "absent.yaml", {})


def test_merge_keys_and_surrogate_pairs_are_read(folder: Path) -> None:
    merged = only(
        folder,
        f"""
Common: &common {{Timeout: 7, MemorySize: 300}}
Resources: {FUNCTION}
      <<: *common
      MemorySize: 200
""",
    )
    resources = {
        "Work": {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "CodeUri": "code",
                "Handler": "app.handler",
                "Runtime": "python3.12",
                "Environment": {"Variables": {"SMILE": "\N{GRINNING FACE}", "NONE": None}},
            },
        }
    }
    escaped = only(folder, json.dumps({"Resources": resources}))

    assert (merged.timeout, merged.memory) == (7, 200)
    assert escaped.environment == {"SMILE": "\N{GRINNING FACE}"}


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (
            "CodeUri: s3://bucket/key",
            "its code is in S3 (s3://bucket/key)",
        ),
        ("CodeUri: code/app.zip", "its code is the file code/app.zip"),
        (
            "CodeUri: {Bucket: a, Key: b.zip}",
            "its code is in S3 (b.zip)",
        ),
        ("CodeUri: {Bucket: a}", "its code is in S3"),
        (
            "CodeUri: {ZipFile: 'def handler(): 0'}",
            "its code is in the template; put it into a file",
        ),
        ("CodeUri: {ImageUri: a}", "the template does not name its Dockerfile; add"),
        ("ImageUri: a", "the template does not name its Dockerfile; add"),
        (
            "InlineCode: a",
            "its code is in the template; put it into a file",
        ),
        (
            "CodeUri: !Ref Bucket",
            "its CodeUri is unknown: Bucket is not defined in",
        ),
    ],
)
def test_function_without_local_code_is_skipped(properties: str, reason: str, folder: Path) -> None:
    other = f"""
  Other:
    Type: AWS::Serverless::Function
    Properties: {{Handler: app.handler, Runtime: python3.12, {properties}}}
"""
    found = template(folder, f"Resources: {FUNCTION}{other}")

    assert [function.name for function in found.functions] == ["Work"]
    assert [each.logical_id for each in found.skipped] == ["Other"]
    assert found.skipped[0].reason.startswith(reason)


def test_folder_of_remote_code_can_be_named(folder: Path) -> None:
    path = folder / "template.yaml"
    remote = FUNCTION.replace("CodeUri: code", "CodeUri: {Bucket: a, Key: b.zip}")
    path.write_text(f"Resources: {remote}", encoding="utf-8")

    (function,) = read_template(path, {"Work.Code": "code"}).functions

    assert function.code_uri == folder / "code"
    with pytest.raises(TemplateError, match=r"name its folder with --parameter Work\.Code=FOLDER"):
        read_template(path, {})


def test_inline_code_needs_the_module_name_index(folder: Path) -> None:
    inline = "Runtime: python3.12, InlineCode: a = 1"
    text = f"""
Resources:
  Good: {{Type: AWS::Serverless::Function, Properties: {{{inline}, Handler: index.a}}}}
  Bad: {{Type: AWS::Serverless::Function, Properties: {{{inline}, Handler: main.a}}}}
"""
    (folder / "template.yaml").write_text(text, encoding="utf-8")
    template = read_template(folder / "template.yaml", {}, build_dir=folder)

    assert [each.name for each in template.functions] == ["Good"]
    assert (template.functions[0].code_uri / "index.py").read_text(encoding="utf-8") == "a = 1"
    reason = (
        "code in a template is the module index; use index.a, not main.a,"
        " or name its folder with --parameter Bad.Code=FOLDER"
    )
    assert [each.reason for each in template.skipped] == [reason]


def test_inline_placeholder_is_replaced_by_the_folder_of_the_user(folder: Path) -> None:
    placeholder = FUNCTION.replace("CodeUri: code", "InlineCode: a = 1")
    path = folder / "template.yaml"
    path.write_text(f"Resources: {placeholder}", encoding="utf-8")

    (function,) = read_template(path, {"Work.Code": "code"}).functions

    assert function.code_uri == folder / "code"


def test_inline_code_that_cannot_be_written_is_skipped(folder: Path) -> None:
    inline = "Runtime: python3.12, InlineCode: a = 1, Handler: index.a"
    path = folder / "template.yaml"
    other = f"  Other: {{Type: AWS::Serverless::Function, Properties: {{{inline}}}}}"
    path.write_text(f"Resources: {FUNCTION}{other}", encoding="utf-8")

    (skipped,) = read_template(path, {}, build_dir=path).skipped

    assert skipped.reason.startswith("its code is in the template and cannot be written")


def test_function_of_another_language_is_skipped_without_its_build(folder: Path) -> None:
    java = """
  Other:
    Type: AWS::Serverless::Function
    Properties: {Handler: a.B::c, Runtime: java21, CodeUri: target/built.zip}
"""

    (skipped,) = template(folder, f"Resources: {FUNCTION}{java}").skipped

    assert skipped.reason == "its Runtime is java21; only Python 3 functions are supported"


def test_template_without_local_functions_is_refused(folder: Path) -> None:
    text = f"Resources: {FUNCTION.replace('CodeUri: code', 'ImageUri: a')}"

    assert refusal(folder, text).startswith(
        "template.yaml:2: no function can run locally; Work: the template does not name"
    )


def test_macro_is_skipped(folder: Path) -> None:
    more = "  Fn::Transform: {Name: AWS::Include}\n"
    skipped = template(folder, f"Resources: {FUNCTION}{more}").skipped

    reason = "macros are not supported; write its result instead"
    assert [each.reason for each in skipped] == [reason]


def test_serverless_package_runs_from_its_project_folder(folder: Path) -> None:
    (folder / "app.py").touch()
    function = """
Resources:
  Work:
    Type: AWS::Lambda::Function
    Properties:
      Code: {S3Bucket: a, S3Key: work.zip}
      Handler: app.handler
      Runtime: python3.12
"""
    (found,) = template(folder, function, ".serverless/cloudformation.json").functions

    assert found.code_uri == folder


def test_globals_are_merged_like_sam(folder: Path) -> None:
    function = only(
        folder,
        f"""
Conditions: {{Never: !Equals [a, b]}}
Globals:
  Function:
    Timeout: 9
    Architectures: [arm64]
    MemorySize: !If [Never, 1000, 500]
    Environment: {{Variables: {{AA: general, BB: general}}}}
    Layers: [!Ref Common]
Resources: {FUNCTION}
      Timeout: 4
      Environment: {{Variables: {{BB: own}}}}
      Layers: [!Ref Own, !Ref Empty, !If [Never, a, !Ref "AWS::NoValue"]]
  Empty: {{Type: AWS::Serverless::LayerVersion}}
  Common: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: code}}}}
  Own: {{Type: AWS::Lambda::LayerVersion, Properties: {{Content: {{S3Bucket: a, S3Key: b}}}}}}
  Unwanted: {{Type: AWS::Serverless::Function, Condition: Never}}
""",
    )

    assert (function.timeout, function.memory, function.architecture) == (4, 500, "arm64")
    assert function.environment == {"AA": "general", "BB": "own"}
    assert [layer.name for layer in function.layers] == ["Common"]


def test_intrinsic_function_replaces_globals(folder: Path) -> None:
    choice = "!If [Never, !Ref AWS::NoValue, {Variables: {BB: own}}]"
    function = only(
        folder,
        f"""
Conditions: {{Never: !Equals [a, b]}}
Globals: {{Function: {{Environment: {{Variables: {{AA: general}}}}}}}}
Resources: {FUNCTION}
      Environment: {choice}
""",
    )

    assert function.environment == {"BB": "own"}


def test_layer_without_local_files_is_reported(folder: Path) -> None:
    layers = "[!Ref Own, 'arn:aws:lambda:us-east-1:1:layer:far:1']"
    own = "  Own: {Type: AWS::Lambda::LayerVersion, Properties: {Content: {S3Bucket: a, S3Key: b}}}"

    notices = template(folder, f"Resources: {FUNCTION}      Layers: {layers}\n{own}\n").notices

    assert "the layer Own is skipped: its code is in S3 (b)" in notices[0]
    assert "the layer arn:aws:lambda:us-east-1:1:layer:far:1 is not local" in notices[1]


def test_invalid_handler_without_a_template_is_refused(folder: Path) -> None:
    with pytest.raises(TemplateError, match=r"invalid handler 'app'; use MODULE\.FUNCTION"):
        default_template(folder, "app")


APIS = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.12
      Events:
        Rest: {Type: Api, Properties: {Path: /a, Method: get, RestApiId: !Ref Rest}}
        Wide: {Type: Api, Properties: {Path: /b, Method: get, RestApiId: !Ref Wide}}
        None: {Type: Api, Properties: {Path: /c, Method: get}}
        Http: {Type: HttpApi, Properties: {Path: /d, Method: get, ApiId: !Ref Http}}
        Open: {Type: HttpApi, Properties: {Path: /e, Method: get, ApiId: !Ref Open}}
        Shut: {Type: HttpApi}
  Rest:
    Type: AWS::Serverless::Api
    Properties:
      Cors: {AllowOrigin: "'https://a.example'", AllowMethods: "'GET, POST'", MaxAge: "'60'"}
  Wide: {Type: AWS::Serverless::Api, Properties: {Cors: "'*'"}}
  Http:
    Type: AWS::Serverless::HttpApi
    Properties: {CorsConfiguration: {AllowOrigins: [https://b.example], AllowCredentials: true}}
  Open: {Type: AWS::Serverless::HttpApi, Properties: {CorsConfiguration: true}}
"""


def test_cors_settings_are_read_from_each_kind_of_api(folder: Path) -> None:
    cors = {route.path: route.cors for route in only(folder, APIS).routes}

    assert cors == {
        "/a": Cors(("https://a.example",), ("GET", "POST"), max_age=60),
        "/b": Cors(("*",)),
        "/c": None,
        "/d": Cors(("https://b.example",), allow_credentials=True),
        "/e": Cors(("*",)),
        "$default": None,
    }


NAMES = """
Parameters:
  Zones: {{Type: CommaDelimitedList, Default: "a, b"}}
  Secret: {{Type: "AWS::SSM::Parameter::Value<String>", Default: /path}}
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.12
      Environment: {{Variables: {{VALUE: {value}}}}}
  Queue: {{Type: AWS::SQS::Queue, Properties: {{QueueName: !Sub "q-${{AWS::Region}}"}}}}
  Topic: {{Type: AWS::SNS::Topic}}
  Key: {{Type: AWS::EC2::KeyPair}}
"""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('!Join ["+", !Ref Zones]', "a+b"),
        ("!Ref Queue", "https://sqs.us-east-1.amazonaws.com/123456789012/q-us-east-1"),
        ("!GetAtt Queue.QueueName", "q-us-east-1"),
        ("!Ref Work.Alias", "arn:aws:lambda:us-east-1:123456789012:function:Work:$LATEST"),
        ("!Ref Work.Version", "arn:aws:lambda:us-east-1:123456789012:function:Work:$LATEST"),
        ("!Ref Queue.Version", "Queue.Version"),
        ("!GetAtt [Topic, TopicArn]", "arn:aws:sns:us-east-1:123456789012:Topic"),
        ('!Sub "${Queue.Arn}"', "arn:aws:sqs:us-east-1:123456789012:q-us-east-1"),
        ("!Ref Secret", "Secret"),
        ("!Select [0, !Split [',', !Ref Secret]]", "Secret"),
        ("!Select [3, !Split [',', !Ref Secret]]", "Secret"),
        ("!Select [1, !Ref Secret]", "Secret"),
        ("!Length [a, b]", "2"),
        ("!Length {Ref: Secret}", "Secret"),
        ("!Join [',', !Ref Secret]", "Secret"),
        ("!ToJsonString {a: [b]}", '{"a":["b"]}'),
        (
            '!ToJsonString {a: 1, b: yes, c: "1", d: 1.5, e: ü}',
            '{"a":1,"b":true,"c":"1","d":1.5,"e":"ü"}',
        ),
        ("!ToJsonString {a: !Ref AWS::NoValue, b: !Ref Zones}", '{"b":["a","b"]}'),
        ("!FindInMap [Sizes, a, b]", "Sizes.a.b"),
        ("!Ref AWS::NoValue", None),
        ("{a: {b: c}, d: !Ref AWS::NoValue}", None),
    ],
)
def test_references_are_resolved(value: str, expected: str | None, folder: Path) -> None:
    text = NAMES.format(value=value)

    if value.startswith("{"):
        assert "VALUE must be text" in refusal(folder, text)
        return
    assert (only(folder, text).environment or {}).get("VALUE") == expected


@pytest.mark.parametrize(
    ("value", "notice"),
    [
        ("!Ref Other", "Other is not defined in the template; set it with --parameter Other=VALUE"),
        (
            "!Ref Secret",
            "parameter Secret is read from SSM (/path); set it with --parameter Secret",
        ),
        ("!GetAtt Topic.A", "Topic.A is only known after deployment; set it with --parameter Topi"),
        ("!ImportValue a", "a is imported from another stack; set it with --parameter a=VALUE"),
        ("!Ref Key", "Key is only known after deployment; set it with --parameter Key"),
        ('!Sub "https://${ServerlessHttpApi}/"', "ServerlessHttpApi is only known after deploym"),
        (
            "'{{resolve:ssm:/a/b:2}}'",
            "{{resolve:ssm:/a/b:2}} is only known after deployment; set it with --parameter resol",
        ),
        (
            '!Sub "{{resolve:secretsmanager:${Topic.DisplayName}:SecretString:a}}"',
            "Topic.DisplayName is only known after deployment",
        ),
        ("!FindInMap [Sizes, a, b]", "Mappings has no Sizes.a.b; add it"),
        ("!Cidr [a]", "Fn::Cidr is not supported; write its value instead"),
    ],
)
def test_unresolved_value_is_reported_with_its_line(value: str, notice: str, folder: Path) -> None:
    found, *_ = template(folder, NAMES.format(value=value)).notices

    line = 4 if value == "!Ref Secret" else 12
    assert found.startswith(f"{folder}/template.yaml:{line}: {notice}")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("!ImportValue shared", "shared"),
        ("!Ref Key", "Key"),
        ("!Ref Elsewhere", "Elsewhere"),
        ("!GetAtt Topic.A", "Topic.A"),
        (
            "'{{resolve:secretsmanager:a:SecretString:b}}'",
            "resolve:secretsmanager:a:SecretString:b",
        ),
    ],
)
def test_unresolved_value_can_be_set_as_its_notice_says(
    folder: Path, value: str, name: str
) -> None:
    path = folder / "template.yaml"
    path.write_text(NAMES.format(value=value), encoding="utf-8")
    assert f"set it with --parameter {name}=VALUE" in read_template(path, {}).notices[0]

    found = read_template(path, {name: "value"})

    assert found.functions[0].environment == {"VALUE": "value"}
    assert found.notices == ()


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("!Split [a]", "Fn::Split has invalid arguments"),
        ("!Sub [a, b]", "Fn::Sub has invalid arguments"),
        ("!Join [a, b]", "Fn::Join has invalid arguments"),
    ],
)
def test_intrinsic_with_invalid_arguments_is_refused(value: str, why: str, folder: Path) -> None:
    assert why in refusal(folder, NAMES.format(value=value))


def test_condition_that_refers_to_itself_is_refused(folder: Path) -> None:
    conditions = "Conditions: {A: !Not [!Condition A]}"
    text = f"{conditions}\nResources:{FUNCTION}      Timeout: !If [A, 1, 2]\n"

    assert "refers to itself; remove the cycle" in refusal(folder, text)


def test_arn_in_china_has_the_china_partition(folder: Path) -> None:
    path = folder / "template.yaml"
    path.write_text(NAMES.format(value="!GetAtt Queue.Arn"), encoding="utf-8")

    (function,) = read_template(path, {}, Account("cn-north-1")).functions

    assert (function.environment or {})["VALUE"].startswith("arn:aws-cn:sqs:cn-north-1:")


def test_account_id_is_that_of_the_account(folder: Path) -> None:
    path = folder / "template.yaml"
    path.write_text(NAMES.format(value="!Ref AWS::AccountId"), encoding="utf-8")

    (function,) = read_template(path, {}, Account(account_id="111122223333")).functions

    assert (function.environment or {})["VALUE"] == "111122223333"


def test_ref_of_rule_that_sam_generates_is_its_logical_id(folder: Path) -> None:
    text = """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      CodeUri: code
      Handler: app.handler
      Environment: {Variables: {RULE: !Ref WorkNightly, NONE: !Ref WorkNever}}
      Events: {Nightly: {Type: Schedule, Properties: {Schedule: rate(1 day)}}}
"""
    found = template(folder, text)

    assert found.functions[0].environment == {"RULE": "WorkNightly", "NONE": "WorkNever"}
    (notice,) = found.notices
    assert "WorkNever is not defined in the template" in notice
