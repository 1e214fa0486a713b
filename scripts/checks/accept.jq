# What was answered as what is expected from now on.
include "compare";
include "told";

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

# acceptable($before; $answered; $want; $got): what to write, and how.
def acceptable($before; $answered; $want; $got):
  format($before; $answered) as $format
  | {format: $format, accepted: (if $format == "-r" then $answered | sub("\\s+\\z"; "") elif $before == "" then $got else keeping($want; $got) end)};

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
