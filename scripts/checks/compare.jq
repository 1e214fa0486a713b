# Where an answer is not what is expected: a stream of {path, expected, answered}, without the one that is not there.

# What stands for a value that is another each time; alone it also says of which type.
def marks: {
  "<any>": "[\\s\\S]*",
  "<string>": "[\\s\\S]*",
  "<number>": "-?[0-9]+(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?",
  "<uuid>": "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
  "<timestamp>": ("(?:[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[-+][0-9]{2}:?[0-9]{2})?)?" # ISO 8601
    + "|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT" # HTTP
    + "|[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [-+][0-9]{4}" # API Gateway
    + "|[0-9]{10}(?:\\.[0-9]+)?|[0-9]{13})") # Unix, in s or ms
};

def mark: "<(?:any|string|number|uuid|timestamp)>";

def is_marked: type == "string" and contains("<") and test(mark);

# An expected text as a regular expression.
def pattern:
  . as $text
  | [match(mark; "g") | {offset, length}] as $found
  | def literal: gsub("(?<special>[\\\\.^$|?*+()\\[\\]{}])"; "\\\(.special)");
  reduce ($found[], {offset: ($text | length), length: 0}) as $mark ({at: 0, pattern: "\\A"};
    .pattern += ($text[.at:$mark.offset] | literal) + (marks[$text[$mark.offset:$mark.offset + $mark.length]] // "")
    | .at = $mark.offset + $mark.length)
  | .pattern + "\\z";

def text_fits($got): is_marked and (pattern as $pattern | $got | test($pattern));

# Whether a mark stands for the value.
def fits($got):
  ($got | type) as $type
  | if is_marked | not then false
    elif . == "<any>" then true
    elif . == "<number>" then $type == "number"
    elif . == "<timestamp>" and $type == "number" then $got | (1e9 <= . and . < 1e10) or (1e12 <= . and . < 1e13)
    else $type == "string" and text_fits($got)
    end;

# The JSON object or array that a body is the text of, or null.
def json_text:
  if type == "string" and test("\\A\\s*[\\[{]")
  then try (fromjson | if type == "object" or type == "array" then . else null end) catch null
  else null end;

def differences($want; $got; $path):
  def body($want; $got; $path):
    ($want | json_text) as $expected | ($got | json_text) as $answered
    | if $expected != null and $answered != null
      then differences($expected; $answered; $path)
      else differences($want; $got; $path) end;
  ($want | type) as $type
  | if $want == $got then empty
    elif $type == ($got | type) and ($type == "object" or $type == "array") then
      (if $type == "object" then ($want + $got | keys_unsorted) else [range([$want, $got | length] | max)] end)[] as $key
      | ($path + [$key]) as $path
      | if $want | has($key) | not then {path: $path, answered: $got[$key]}
        elif $got | has($key) | not then {path: $path, expected: $want[$key]}
        elif $key == "body" then body($want.body; $got.body; $path)
        else differences($want[$key]; $got[$key]; $path) end
    elif $want | fits($got) then empty
    else {path: $path, expected: $want, answered: $got} end;

def path_text:
  reduce .[] as $key (""; . +
    if $key | type == "number" then "[\($key)]"
    elif $key | test("\\A[A-Za-z_][A-Za-z0-9_-]*\\z") then (if . == "" then "" else "." end) + $key
    else "[\($key | tojson)]" end)
  | if . == "" then "the answer" else . end;
