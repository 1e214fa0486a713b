# HTTP messages, as .http files have them.

def is_request: endswith(".http");

def trimmed: gsub("\\A\\s+|\\s+\\z"; "");

# {first, status, names, headers, body}, names as they are written, headers by names in lower case.
def message:
  gsub("\r\n"; "\n")
  | split("\n\n") as $parts
  | ($parts[0] // "" | split("\n") | map(select(. != ""))) as $head
  | ([$head[1:][] | capture("\\A(?<name>[^:]+):(?<value>.*)\\z") | {name, value: (.value | trimmed)}]) as $headers
  | {
      first: ($head[0] // ""),
      status: ($head[0] // "" | (capture("\\A(?:HTTP/\\S+ )?(?<status>[0-9]{3})\\b").status | tonumber)? // .),
      names: [$headers[].name],
      headers: ([$headers[] | {key: (.name | ascii_downcase), value: .value}] | from_entries),
      body: ($parts[1:] | join("\n\n") | sub("\\A\n+"; "") | sub("\n+\\z"; ""))
    };

def is_of_the_moment: test("\\A(?:date|server|connection|keep-alive|transfer-encoding|content-length|via|x-amz.*|apigw-requestid|x-lambda-live.*)\\z");

# What is compared: only those headers that are expected count.
def answered_message($answer; $body):
  {status: $answer.status, headers: ($answer.headers | with_entries(select(.key | is_of_the_moment | not))), body: ($body | sub("\n+\\z"; ""))};

def http_differences($want; $answer; $body):
  def text($want; $got; $path): if $want == $got or ($want | text_fits($got)) then empty else {path: $path, expected: $want, answered: $got} end;
  ($want.body | json_text) as $expected | ($body | json_text) as $answered
  | differences($want.status; $answer.status; ["status"]),
    ($want.headers | to_entries[]
      | if $answer.headers[.key] == null then {path: ["headers", .key], expected: .value}
        else text(.value; $answer.headers[.key]; ["headers", .key]) end),
    if $expected != null and $answered != null then differences($expected; $answered; ["body"])
    else text($want.body; $body | sub("\n+\\z"; ""); ["body"]) end;
