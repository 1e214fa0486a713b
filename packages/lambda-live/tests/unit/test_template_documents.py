import json
from pathlib import Path

import pytest

from lambda_live.model.template import Cors, FunctionSpec, Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.discovery import default_template
from lambda_live.project.template.reader import read_template

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
    with pytest.raises(TemplateError) as refused:
        template(folder, text)
    return str(refused.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "this is no template; write a mapping with Resources:"),
        ("- a\n", 1, "this is no template; write a mapping with Resources:"),
        ("a: b\n", 1, "it has no Resources; write the functions below"),
        ("Resources: 1\n", 1, "Resources is no mapping; write NAME: … below"),
        ("Resources: {}\n", 1, "there is no function; write a resource of Type:"),
        ("Resources:\n\tA: 1\n", 2, "the line is indented by a tab; indent by spaces"),
        ("Resources: {a\n", 2, "this is not YAML: "),
        ("Resources: &a\n  b: *a\n", 1, "it contains itself; remove the alias"),
        ("? [a]\n: b\n", 1, "a key is no text; write NAME: …"),
        ("Resources:\n  A: 1\n", 2, "A has no Type; write Type: AWS::Serverless::Function"),
        ("Resources:\n  A: {Type: T, Properties: 1}\n", 2, "A's Properties are no mapping"),
    ],
)
def test_what_is_no_template_is_refused_at_its_line(
    text: str, line: int, why: str, folder: Path
) -> None:
    assert refusal(folder, text).startswith(f"template.yaml:{line}: {why}")


@pytest.mark.parametrize(
    ("old", "new", "line", "why"),
    [
        ("Runtime:", "Timeout: [1]\n      Runtime:", 7, "Timeout is no text; write"),
        ("Runtime:", "Environment: 1\n      Runtime:", 7, "Environment is no mapping"),
        ("Runtime:", "Architectures: {a: b}\n      Runtime:", 7, "Architectures is no list"),
        ("    Type:", "    Condition: Sunny\n    Type:", 1, "there is no condition Sunny;"),
        ("python3.12", "python3.99", 7, "AWS has no Runtime 'python3.99'"),
        ("Runtime: python3.12", "", 5, "Work has no Runtime; write python3.12"),
        ("app.handler", "app", 6, "'app' is no handler"),
        ("Handler: app.handler", "", 5, "Work has no Handler; write MODULE.FUNCTION"),
        ("  Work:", FUNCTION.replace("Work", "WORK") + "  Work:", 9, "WORK and Work are both"),
    ],
)
def test_a_function_that_is_wrong_is_refused_at_its_line(
    old: str, new: str, line: int, why: str, folder: Path
) -> None:
    text = f"Resources:{FUNCTION.replace(old, new, 1)}"

    assert refusal(folder, text).startswith(f"template.yaml:{line}: {why}")


def test_a_template_that_cannot_be_read_is_refused(folder: Path) -> None:
    (folder / "latin.yaml").write_bytes("Résumé: 1".encode("latin-1"))

    with pytest.raises(TemplateError, match="it is not UTF-8; save it as UTF-8"):
        read_template(folder / "latin.yaml", {})
    with pytest.raises(TemplateError, match="No such file or directory; name another"):
        read_template(folder / "absent.yaml", {})


def test_merge_keys_and_surrogates_are_read_as_their_writers_meant_them(folder: Path) -> None:
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
    ("properties", "sentence"),
    [
        (
            "CodeUri: s3://bucket/key",
            "its code is in S3 (s3://bucket/key)",
        ),
        ("CodeUri: code/app.zip", "its code is a file, code/app.zip"),
        (
            "CodeUri: {Bucket: a, Key: b.zip}",
            "its code is in S3 (b.zip)",
        ),
        ("CodeUri: {Bucket: a}", "its code is in S3"),
        (
            "CodeUri: {ZipFile: 'def handler(): 0'}",
            "its code is written in the template",
        ),
        ("CodeUri: {ImageUri: a}", "it is an image that is built elsewhere; name the"),
        ("ImageUri: a", "it is an image that is built elsewhere; name the"),
        (
            "InlineCode: a",
            "its code is written in the template",
        ),
        (
            "CodeUri: !Ref Bucket",
            "its CodeUri can't be known here: Nothing in the",
        ),
    ],
)
def test_code_that_is_not_here_is_told_and_does_not_hinder_the_others(
    properties: str, sentence: str, folder: Path
) -> None:
    other = f"""
  Other:
    Type: AWS::Serverless::Function
    Properties: {{Handler: app.handler, Runtime: python3.12, {properties}}}
"""
    found = template(folder, f"Resources: {FUNCTION}{other}")

    assert [function.name for function in found.functions] == ["Work"]
    assert [left_out.logical_id for left_out in found.skipped] == ["Other"]
    assert found.skipped[0].reason.startswith(sentence)


def test_code_in_the_template_is_called_index_and_hinders_no_other(folder: Path) -> None:
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
    sentence = "code in a template is the module index: write index.a for main.a"
    assert [each.reason for each in template.skipped] == [sentence]


def test_code_in_the_template_that_has_no_place_is_told(folder: Path) -> None:
    inline = "Runtime: python3.12, InlineCode: a = 1, Handler: index.a"
    path = folder / "template.yaml"
    other = f"  Other: {{Type: AWS::Serverless::Function, Properties: {{{inline}}}}}"
    path.write_text(f"Resources: {FUNCTION}{other}", encoding="utf-8")

    (left_out,) = read_template(path, {}, build_dir=path).skipped

    assert left_out.reason.startswith("its code is written in the template, and can't be put")


def test_code_of_another_language_need_not_be_built_for_the_others(folder: Path) -> None:
    java = """
  Other:
    Type: AWS::Serverless::Function
    Properties: {Handler: a.B::c, Runtime: java21, CodeUri: target/built.zip}
"""

    (left_out,) = template(folder, f"Resources: {FUNCTION}{java}").skipped

    assert left_out.reason == "its Runtime is java21; Python 3 alone runs here"


def test_a_template_of_what_cannot_run_here_says_so(folder: Path) -> None:
    text = f"Resources: {FUNCTION.replace('CodeUri: code', 'ImageUri: a')}"

    assert refusal(folder, text).startswith(
        "template.yaml:2: no function can run here; Work: it is an image"
    )


def test_a_macro_is_left_out_with_a_sentence(folder: Path) -> None:
    more = "  Fn::Transform: {Name: AWS::Include}\n"
    left_out = template(folder, f"Resources: {FUNCTION}{more}").skipped

    sentence = "a macro is not followed; write what it makes"
    assert [each.reason for each in left_out] == [sentence]


def test_what_serverless_packages_is_run_from_the_folder_beside_it(folder: Path) -> None:
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


def test_globals_are_merged_as_sam_merges_them(folder: Path) -> None:
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


def test_a_choice_takes_the_place_of_what_globals_have(folder: Path) -> None:
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


def test_a_layer_that_is_not_here_is_told(folder: Path) -> None:
    layers = "[!Ref Own, 'arn:aws:lambda:us-east-1:1:layer:far:1']"
    own = "  Own: {Type: AWS::Lambda::LayerVersion, Properties: {Content: {S3Bucket: a, S3Key: b}}}"

    notices = template(folder, f"Resources: {FUNCTION}      Layers: {layers}\n{own}\n").notices

    assert notices[0].startswith("The layer Own is left out: its code is in S3 (b)")
    assert notices[1].startswith("The layer arn:aws:lambda:us-east-1:1:layer:far:1 is not here")


def test_a_handler_that_is_none_is_refused_where_there_is_no_template(folder: Path) -> None:
    with pytest.raises(TemplateError, match=r"'app' is no handler; write MODULE\.FUNCTION"):
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


def test_each_api_says_who_may_call_from_a_browser(folder: Path) -> None:
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
"""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('!Join ["+", !Ref Zones]', "a+b"),
        ("!Ref Queue", "https://sqs.us-east-1.amazonaws.com/123456789012/q-us-east-1"),
        ("!GetAtt Queue.QueueName", "Queue.QueueName"),
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
        ("!ToJsonString {a: [b]}", '{"a": ["b"]}'),
        ("!FindInMap [Sizes, a, b]", "Sizes.a.b"),
        ("!Ref AWS::NoValue", None),
        ("{a: {b: c}, d: !Ref AWS::NoValue}", None),
    ],
)
def test_what_a_name_stands_for(value: str, expected: str | None, folder: Path) -> None:
    text = NAMES.format(value=value)

    if value.startswith("{"):
        assert "VALUE is no text" in refusal(folder, text)
        return
    assert (only(folder, text).environment or {}).get("VALUE") == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("!Split [a]", "Fn::Split has arguments that it can't have"),
        ("!Sub [a, b]", "Fn::Sub has arguments that it can't have"),
        ("!Join [a, b]", "Fn::Join has arguments that it can't have"),
    ],
)
def test_arguments_that_a_function_cannot_have(value: str, why: str, folder: Path) -> None:
    assert why in refusal(folder, NAMES.format(value=value))


def test_a_condition_that_needs_itself_is_refused(folder: Path) -> None:
    conditions = "Conditions: {A: !Not [!Condition A]}"
    text = f"{conditions}\nResources:{FUNCTION}      Timeout: !If [A, 1, 2]\n"

    assert "needs itself; break the circle" in refusal(folder, text)


def test_in_china_an_arn_has_that_partition(folder: Path) -> None:
    path = folder / "template.yaml"
    path.write_text(NAMES.format(value="!GetAtt Queue.Arn"), encoding="utf-8")

    (function,) = read_template(path, {}, "cn-north-1").functions

    assert (function.environment or {})["VALUE"].startswith("arn:aws-cn:sqs:cn-north-1:")
