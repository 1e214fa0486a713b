# The checks' results, from what was sent, expected and answered: one object, as result.schema.json says.
include "compare";
include "answer";
include "http";

def projects($function): [(.state[].functions[] | select(.name == $function).project), .root];

# What acceptance needs.
def texts($parts; $how): if $how.accepting then {texts: {expected: $parts[0], answered: $parts[1], headers: $parts[2]}} else {} end;

# A check of an HTTP request.
def requested($event; $function; $known; $parts; $how):
  ($parts[2] | parsed_headers) as $answer
  | ($parts[0] | message) as $want
  | (if $known then [http_differences($want; $answer; $parts[1]) | .path |= path_text] else [] end) as $differences
  | ($answer | log_of($answer)) as $log
  | {
      event: $event,
      function: $function,
      result: (if $known | not then "new" elif $differences == [] then "passed" else "failed" end),
      differences: $differences,
      error: (if $answer.status == 502 then $log.log | logged_error($how | projects($function)) else null end),
      answer: (answered_message($answer; $parts[1]) | . + {body: (.body | json_text // .)}),
      request_id: $answer.headers["x-amzn-requestid"]
    } + $log
    + texts($parts; $how);

# The parts are what was expected, answered, and its headers.
def checked($event; $function; $known; $parts; $how):
  ($parts[2] | parsed_headers) as $answer
  | ($parts[1] | parsed) as $got
  | ($parts[0] | parsed) as $want
  | ($got | error_of($answer; $how | projects($function))) as $error
  | (if $known then [differences($want; $got; []) | .path |= path_text] else [] end) as $differences
  | {
      event: $event,
      function: $function,
      result: (if $known | not then "new" elif $differences == [] then "passed" else "failed" end),
      differences: $differences,
      error: $error,
      answer: $got,
      request_id: $answer.headers["x-amzn-requestid"]
    } + ($got | log_of($answer))
    + texts($parts; $how);

# Of code that could not be loaded.
def held($event; $function):
  {event: $event, function: $function, result: "waiting", differences: [], error: null, answer: null, request_id: null, duration_ms: null, init_ms: null, log: []};

def milliseconds: . * 1e6 | round / 1000;

def checks($names; $parts; $how):
  [range($names | length / 3) as $at | ($at * 3) as $from
    | (if $names[$from + 2] == "waiting" then held($names[$from]; $names[$from + 1])
       elif $names[$from] | is_request
       then requested($names[$from]; $names[$from + 1]; $names[$from + 2] == "known"; $parts[$from:$from + 3]; $how)
       else checked($names[$from]; $names[$from + 1]; $names[$from + 2] == "known"; $parts[$from:$from + 3]; $how) end)
    | . + {round_trip_ms: ($how.seconds[$at] | if . then milliseconds else null end)}];

def result($how):
  split($how.separator) as $parts
  | checks($ARGS.positional; $parts; $how) as $checks
  | [$how.state[].functions[] | select($how.wanted == "" or (.name as $name | $how.wanted | contains(" \($name) ")))
      | {name, code_sha256, loaded: ({Active: true, Failed: false}[.state]), error}] as $functions
  | {
      as_expected: ($checks + $functions | all(.result == "passed" or (has("loaded") and .loaded != false))),
      reason: null,
      url: $how.url,
      functions: $functions,
      checks: $checks,
      timings: {waited_ms: ($how.waited | add // 0 | milliseconds), checks_ms: ($how.seconds | add // 0 | milliseconds)}
    };
