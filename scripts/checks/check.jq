# The checks' results, from what was sent, expected and answered: one object, as result.schema.json says.

def projects($function): [(.state[].functions[] | select(.name == $function).project), .root];

# Whether a function URL or an API answered in place of the function, which failed.
def is_of_the_door($body):
  .status == 502 or (.status == 500 and .headers["apigw-requestid"] and ($body | parsed) == {message: "Internal Server Error"});

# Of an HTTP request: {differences, error, answer}.
def responded($want; $answer; $body; $log; $projects):
  {
    differences: [http_differences($want | message; $answer; $body)],
    error: (if $answer | is_of_the_door($body) then $log | logged_error($projects) else null end),
    answer: (answered_message($answer; $body) | . + {body: (.body | json_text // .)})
  };

# Of an event of the Invoke API's, the same.
def answered($want; $answer; $body; $projects):
  ($body | parsed) as $got
  | {
      differences: [differences($want | parsed; $got; [])],
      error: ($got | error_of($answer; $projects)),
      answer: $got
    };

# The parts are what was expected, answered, and its headers.
def checked($event; $function; $known; $parts; $how):
  ($parts[2] | parsed_headers) as $answer
  | log_of($answer) as $log
  | ($how | projects($function)) as $projects
  | if $event | is_request then responded($parts[0]; $answer; $parts[1]; $log.log; $projects) else answered($parts[0]; $answer; $parts[1]; $projects) end
  | .differences |= if $known then map(.path |= path_text) else [] end
  | {
      event: $event,
      function: $function,
      result: (if $known | not then "new" elif .differences == [] then "passed" else "failed" end),
      differences,
      error,
      answer,
      request_id: ($answer.headers | .["x-amzn-requestid"] // .["apigw-requestid"])
    } + $log
    # what acceptance needs
    + if $how.accepting then {texts: {expected: $parts[0], answered: $parts[1], headers: $parts[2]}} else {} end;

# Of code that could not be loaded.
def held($event; $function):
  {event: $event, function: $function, result: "waiting", differences: [], error: null, answer: null, request_id: null, duration_ms: null, init_ms: null, log: []};

def milliseconds: . * 1e6 | round / 1000;

def checks($names; $parts; $how):
  [range($names | length / 3) as $at | ($at * 3) as $from
    | $names[$from:$from + 3] as [$event, $function, $kind]
    | if $kind == "waiting" then held($event; $function) else checked($event; $function; $kind == "known"; $parts[$from:$from + 3]; $how) end
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
