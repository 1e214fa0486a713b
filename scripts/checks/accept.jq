# What was answered as what is expected from now on.

# jq's options for a file to look as it did; jq itself would round integers of more than 15 digits.
def format($before; $answered):
  if $answered | gsub("\"(?:[^\"\\\\]|\\\\.)*\""; "") | test("[0-9]{16}") then "-r"
  elif $before == "" then "--indent 2"
  else
    ($before | [match("\\n([ \\t]+)\"").captures[0].string] | first // "") as $indent
    | [
        (if $indent == "" then "-c" elif $indent | startswith("\t") then "--tab" else "--indent \([($indent | length), 7] | min)" end),
        (if $before | test("\\\\u[0-9a-fA-F]{4}") and (explode | all(. < 128)) then "-a" else empty end),
        (if $before | endswith("\n") then empty else "-j" end)
      ] | join(" ")
  end;

# The answer, with each mark that still fits in its place and what was there before in the order that it had.
def keeping($want; $got):
  def body($want; $got):
    ($want | json_text) as $expected | ($got | json_text) as $answered
    | if $expected != null and $answered != null then
        if [differences($expected; $answered; [])] == [] then $want
        else keeping($expected; $answered) as $kept | if $kept == $answered then $got else $kept | tojson end end
      else keeping($want; $got) end;
  ($want | type) as $type
  | if $want == $got or ($want | fits($got)) then $want
    elif $type == "object" and ($got | type) == "object" then
      reduce (($want | keys_unsorted[]), ($got | keys_unsorted[])) as $key ({};
        if has($key) or ($got | has($key) | not) then .
        elif $want | has($key) | not then .[$key] = $got[$key]
        elif $key == "body" then .body = body($want.body; $got.body)
        else .[$key] = keeping($want[$key]; $got[$key]) end)
    elif $type == "array" and ($got | type) == "array" then
      [range($got | length) as $at | if $at < ($want | length) then keeping($want[$at]; $got[$at]) else $got[$at] end]
    else $got end;

def pretty($indent):
  if (type == "object" or type == "array") and length > 0 then
    ($indent + "  ") as $deeper
    | if type == "object" then "{\n" + (to_entries | map($deeper + (.key | tojson) + ": " + (.value | pretty($deeper))) | join(",\n")) + "\n" + $indent + "}"
      else "[\n" + (map($deeper + pretty($deeper)) | join(",\n")) + "\n" + $indent + "]" end
  else tojson end;

# What to write as expected from now on: a new one has the content type alone.
def accepted_message($before; $want; $answer; $body):
  def kept($want; $got): if $want | text_fits($got) then $want else $got end;
  ($body | sub("\n+\\z"; "")) as $body
  | (if $before == "" then ["content-type"] else $want.names end) as $names
  | ($want.body | json_text) as $expected | ($body | json_text) as $answered
  | ([if $want.status == $answer.status then $want.first else "HTTP/1.1 \($answer.status)" end]
      + [$names[] | ascii_downcase as $name | select($answer.headers[$name] != null) | "\(.): \(kept($want.headers[$name] // ""; $answer.headers[$name]))"]
      | join("\n"))
    + if $body == "" then ""
      else "\n\n" + if $answered == null then kept($want.body; $body)
        elif $expected == null then $answered | pretty("")
        elif [differences($expected; $answered; [])] == [] then $want.body
        else keeping($expected; $answered) | pretty("") end end;

# What to write, and jq's options to write it with.
def acceptable:
  .texts.expected as $before
  | .texts.answered as $answered
  | if .event | is_request then
      {format: "-r", accepted: accepted_message($before; $before | message; .texts.headers | parsed_headers; $answered)}
    else
      format($before; $answered) as $format
      | {format: $format, accepted: (
          if $format == "-r" then $answered | sub("\\s+\\z"; "")
          elif $before == "" then .answer
          else .answer as $got | $before | parsed as $want | keeping($want; $got) end)}
    end;

def refused($errors): (.result == "failed" or .result == "new") and .error != null and ($errors | not);

# The checks whose answers are to be written, by number.
def accepted($errors): .checks | range(length) as $at | .[$at] | select((.result == "failed" or .result == "new") and (refused($errors) | not)) | $at;

# Whether there are answers that are neither as expected nor to be written.
def left($errors): .checks | any(.result == "waiting" or refused($errors));

def answers: if . == 1 then "1 answer" else "\(.) answers" end;

# What was done.
def said($errors):
  ([accepted($errors)] | length) as $accepted
  | (.checks | map(select(refused($errors))) | length) as $refused
  | (.checks | map(select(.result == "waiting")) | length) as $waiting
  | [
      (if $accepted > 0 then "\($accepted | answers) accepted" elif $refused + $waiting == 0 then "nothing to accept: \(.checks | length) of \(.checks | length) events as expected" else empty end),
      (if $refused > 0 then "\($refused | if . == 1 then "1 error" else "\(.) errors" end) not accepted (--accept-errors takes them too)" else empty end),
      (if $waiting > 0 then $waiting | waiting else empty end)
    ] | join(", ");

# What was done, whether something is left, and of each answer that is to be written its check's number, jq's options, and the answer in an array.
def acceptance($errors):
  said($errors), left($errors), (accepted($errors) as $at | .checks[$at] | acceptable | $at, .format, [.accepted]);
