# The checks' results, from what was sent, expected and answered: an object, or rows for a person.
include "compare";
include "answer";
include "told";

def checked($event; $function; $known; $expected; $answered; $headers; $root):
  ($headers | parsed_headers) as $answer
  | ($answered | parsed) as $got
  | ($expected | parsed) as $want
  | ($got | error_of($answer; $root)) as $error
  | (if $known then [differences($want; $got; [])] else [] end) as $differences
  | {
      event: $event,
      function: $function,
      result: (if $known | not then "new" elif $differences == [] then "passed" else "failed" end),
      differences: $differences,
      error: $error,
      answer: $got,
      request_id: $answer.headers["x-amzn-requestid"]
    } + ($got | log_of($answer));

# Of code that could not be loaded.
def held($event; $function):
  {event: $event, function: $function, result: "waiting", differences: [], error: null, answer: null, request_id: null, duration_ms: null, init_ms: null, log: []};

# After the names come, for each check that was made, what was expected, answered and its headers.
def checks($names; $parts; $root):
  [range($names | length / 3) | . * 3
    | if $names[. + 2] == "waiting" then held($names[.]; $names[. + 1])
      else checked($names[.]; $names[. + 1]; $names[. + 2] == "known"; $parts[.]; $parts[. + 1]; $parts[. + 2]; $root) end];

def summary:
  (.checks | map(select(.result == "waiting")) | length) as $waiting
  | (.checks | map(select(.result == "passed")) | length) as $passed
  | (.checks | length - $waiting) as $made
  | [if $made > 0 then "\($passed) of \($made) events as expected" else empty end,
     if $waiting > 0 then ($waiting | if . == 1 then "1 event waits" else "\(.) events wait" end) + " for code that loads" else empty end]
  | join(", ");

# The exit status in a line of its own, then all of it as one object, or as rows.
def told($how):
  (if .as_expected then 0 else 1 end),
  if $how.json then tojson
  else (.functions[] | load_error), (.checks | rows($how.width; $how.most; $how.named)[]), summary end;

def result($how):
  split($how.separator) as $parts
  | checks($ARGS.positional; $parts; $how.root) as $checks
  | {
      as_expected: ($checks | all(.result == "passed")),
      functions: [$how.functions[] | {name, code_sha256, loaded: ({Active: true, Failed: false}[.state]), error}],
      checks: $checks
    }
  | told($how);
