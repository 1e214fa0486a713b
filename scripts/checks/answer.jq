# What a function answered, as curl wrote it down.

# The last headers of a dump (a 100 may come before): {status, headers}, by names in lower case.
def parsed_headers:
  split("\r\n\r\n") | map(select(startswith("HTTP/"))) | (last // "") | split("\r\n")
  | {
      status: (.[0] // "" | split(" ")[1] // "0" | tonumber),
      headers: (reduce (.[1:][] | split(":") | select(length > 1)) as $header ({};
        ($header[0] | ascii_downcase) as $name
        | .[$name] = (if has($name) then .[$name] + ", " else "" end) + ($header[1:] | join(":") | ltrimstr(" "))))
    };

def parsed: . as $text | try fromjson catch $text;

# The deepest place in the function's own code, of AWS's stackTrace.
def place($projects):
  [.[]? | strings | capture("File \"(?<file>[^\"]+)\", line (?<line>[0-9]+)")]
  | (map(select(.file | test("/site-packages/|/lib/python3|<frozen|/lambda_live/|/awslambdaric/") | not)) | last) // last // {file: null, line: null}
  | {file: (.file // null | if . then reduce ($projects[], "/var/task") as $project (.; ltrimstr($project + "/")) else . end),
     line: (.line // null | if . then tonumber else . end)};

# The error that an answer is, or null: the function's, or the service's. AWS's own emulator names none in its headers.
def error_of($answer; $projects):
  if ($answer.headers["x-amz-function-error"] != null)
      or ($answer.status == 200 and type == "object" and has("errorType") and has("errorMessage"))
  then if type == "object" then {type: (.errorType // "Error"), message: (.errorMessage // "")} + (.stackTrace | place($projects))
    else {type: "Error", message: tostring, file: null, line: null} end
  elif $answer.status >= 300 or $answer.status < 200
  then {type: ($answer.headers["x-amzn-errortype"] // "HTTP \($answer.status)"),
        message: (if type == "object" then .message // .Message // tojson else tostring end), file: null, line: null}
  else null end;

# What the function wrote, and what AWS's REPORT says, from the log's last 4 KB (X-Amz-Log-Result).
def log_of($answer):
  ($answer.headers["x-amz-log-result"] // "" | if . == "" then [] else @base64d | split("\n") | map(select(. != "")) end)
  | map({line: ., json: (if startswith("{") then try fromjson catch null else null end)})
  | (map(.json | objects | select(.type == "platform.report") | .record.metrics) | last) as $json
  | (map(.line | select(startswith("REPORT RequestId: "))) | last // "" | split("\t")) as $fields
  | def milliseconds($name): $fields | map(select(startswith($name + ": ")))[0] | if . then split(" ")[-2] | tonumber else null end;
  {
    duration_ms: ($json.durationMs // milliseconds("Duration")),
    init_ms: ($json.initDurationMs // milliseconds("Init Duration")),
    log: [.[] | select((.json | type == "object" and (.type | tostring | startswith("platform."))) | not)
      | .line | select((startswith("START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START ", "INIT_REPORT ") | select(.)) // false | not)]
  };

# The error that AWS's runtime client wrote last into the log, or null.
def logged_error($projects):
  (map(fromjson? | objects | select(.level == "ERROR" and (.errorType | type) == "string")) | last) as $json
  | (join("\n") | if contains("[ERROR] ") then "[ERROR] " + (split("[ERROR] ") | last) else null end) as $text
  | if $json then {type: $json.errorType, message: ($json.errorMessage // "")} + ($json.stackTrace | place($projects))
    elif $text then
      ($text | capture("\\A\\[ERROR\\] (?:[0-9T:.Z-]+\\s+\\S+\\s+)?(?<type>[A-Za-z_.][A-Za-z0-9_.]*): (?<message>[^\r\n]*)")? // {type: "Error", message: $text})
      + ([$text | match("File \"[^\"]+\", line [0-9]+"; "g").string] | place($projects))
    else null end;
