"""Fn::ForEach, with the examples of CloudFormation's reference."""

from pathlib import Path

import pytest

from lambda_live.model.template import Template
from lambda_live.model.template_error import TemplateError
from lambda_live.project.template.reader import read_template

TEMPLATE = """
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters:
  Names: {Type: CommaDelimitedList, Default: "users, or-ders"}
  Unknown: {Type: CommaDelimitedList}
Mappings: {Sizes: {users: {Memory: 256}, or-ders: {Memory: 512}}}
Globals: {Function: {Runtime: python3.12, CodeUri: code, Handler: app.handler}}
Resources:
"""
WORK = "{Type: AWS::Serverless::Function, Properties: {FunctionName: !Sub '${Name}-${Stage}'}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/app.py").touch()
    return tmp_path


def template(folder: Path, text: str, **overrides: str) -> Template:
    (folder / "template.yaml").write_text(text, encoding="utf-8")
    return read_template(folder / "template.yaml", overrides)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(TemplateError) as refused:
        template(folder, text)
    return str(refused.value).removeprefix(f"{folder}/template.yaml:")


OVER_NAMES = """
  Fn::ForEach::Functions:
    - Name
    - !Ref Names
    - "&{Name}Function":
        Type: AWS::Serverless::Function
        Properties:
          FunctionName: !Sub "${Name}-${AWS::Region}"
          MemorySize: !FindInMap [Sizes, !Ref Name, Memory]
          Environment: {Variables: {NAME: !Ref Name, BARE: "&{Name}", LATER: !Ref Later}}
  Later: {Type: AWS::S3::Bucket}
"""


def test_loop_over_a_parameter_generates_resources(folder: Path) -> None:
    users, orders = template(folder, TEMPLATE + OVER_NAMES).functions
    (other,) = template(folder, TEMPLATE + OVER_NAMES, Names="users").functions

    assert [users.logical_id, orders.logical_id] == ["usersFunction", "ordersFunction"]
    assert [users.name, orders.name] == ["users-us-east-1", "or-ders-us-east-1"]
    assert [users.memory, orders.memory] == [256, 512]
    assert orders.environment == {"NAME": "or-ders", "BARE": "orders", "LATER": "later"}
    assert other.name == "users-us-east-1"
    assert users.line == 13


def test_loops_expand_in_loops_conditions_and_properties(folder: Path) -> None:
    text = """
  Fn::ForEach::Outer:
    - Stage
    - [dev, prod]
    - Fn::ForEach::Inner:
        - Name
        - !Split [",", !Sub "${Stage}a,b"]
        - ${Stage}${Name}:
            Type: AWS::Serverless::Function
            Condition: Is${Stage}
            Properties:
              Environment:
                Variables:
                  Fn::ForEach::Variable: [Key, [AA, BB], {"${Key}_X": "${Key}${Name}"}]
                  LAST: c
Conditions:
  Fn::ForEach::Each: [Stage, [dev, prod], {"Is${Stage}": !Equals ["${Stage}", prod]}]
Outputs:
  Fn::ForEach::Out: [Stage, [dev, prod], {"Out${Stage}": {Value: !Ref Stage}}]
"""
    first, second = template(folder, TEMPLATE + text).functions

    assert [first.name, second.name] == ["prodproda", "prodb"]
    assert second.environment == {"AA_X": "AAb", "BB_X": "BBb", "LAST": "c"}


def test_loop_over_an_unknown_collection_is_skipped(
    folder: Path,
) -> None:
    loop = "  Fn::ForEach::Far: [Name, !Ref Unknown, {'${Name}F': {Type: T}}]\n"
    empty = "  Fn::ForEach::None: [Name, [], {'${Name}F': {Type: T}}]\n"
    own = "  Own: {Type: AWS::Serverless::Function}\n"
    found = template(folder, TEMPLATE + loop + empty + own)

    (far,) = found.skipped
    why = "its collection is unknown: parameter Unknown has no default; set it"
    assert (far.logical_id, far.line) == ("Fn::ForEach::Far", 9)
    assert far.reason == f"{why} with --parameter Unknown=VALUE"
    assert not template(folder, TEMPLATE + loop + own, Unknown="a").skipped


@pytest.mark.parametrize(
    ("loop", "error"),
    [
        ("[Name, [a]]", "9: invalid loop Fn::ForEach::Loop; write [IDENTIFIER, [VALUE, …], {KEY"),
        ("a", "9: invalid loop Fn::ForEach::Loop"),
        (
            "[Name, a, {'A${Name}': {Type: T}}]",
            "9: the collection of Fn::ForEach::Loop must",
        ),
        (
            "[Name, [[a]], {'A${Name}': {Type: T}}]",
            "9: the collection of Fn::ForEach::Loop must",
        ),
        (
            "[Names, [a], {'A${Names}': {Type: T}}]",
            "9: the loop identifier Names is also a parameter",
        ),
        ("[Name, [a, b], {A: {Type: T}}]", "9: a loop generates A twice, first on line 9; use"),
        ("[Name, !Split [a], {A: {Type: T}}]", "9: Fn::Split has invalid arguments"),
        ("[Name, [a], {'A${Name}': {}}]", "9: Aa has no Type; write Type:"),
        (
            "[N, [a], {'A${N}': {Type: AWS::Serverless::Function,\n Properties: {Timeout: a}}}]",
            "10: invalid Timeout 'a'; use a whole number of seconds",
        ),
    ],
)
def test_invalid_loop_is_refused_with_its_line(loop: str, error: str, folder: Path) -> None:
    assert refusal(folder, f"{TEMPLATE}  Fn::ForEach::Loop: {loop}\n").startswith(error)


def test_loops_need_the_transform_and_have_a_limit(folder: Path) -> None:
    loop = "  Fn::ForEach::Loop: [Name, [a], {'A${Name}': {Type: T}}]\n"
    without = TEMPLATE.replace("AWS::LanguageExtensions, ", "")
    wide = "[a" + ", a" * 99 + "]"
    deep = f"[X, {wide}, {{A: {{'Fn::ForEach::In': [Y, {wide}, {{'B${{Y}}': a}}]}}}}]"

    assert refusal(folder, without + loop).startswith(
        "9: Fn::ForEach needs the transform AWS::LanguageExtensions; write Transform: ["
    )
    assert " twice, first on line 9" in refusal(folder, f"{TEMPLATE}  Fn::ForEach::Out: {deep}\n")
    numbers = "[" + ", ".join(map(str, range(100))) + "]"
    deep = deep.replace(wide, numbers).replace("{A:", "{'A${X}':")
    assert "the loops have more than 5000" in refusal(
        folder, f"{TEMPLATE}  Fn::ForEach::Out: {deep}\n"
    )
