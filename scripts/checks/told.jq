# Results as rows for a person: what differs in the same way is told once.

def clipped($room): if $room != null and length > $room then .[:$room - 1] + "…" else . end;

def start($other):
  explode as $here | ($other | explode) as $there
  | [($here | length), ($there | length)] | min as $shorter
  | first(range($shorter) | select($here[.] != $there[.])) // $shorter;

# Of a text that changed, what is around the change: a word before it, and one after.
def around($from; $to; $room):
  . as $text
  | (.[$to:] | match("\\A\\S*(?:\\s+\\S+)?").length) as $after
  | (if $from <= 12 then 0 else $from - (.[:$from] | match("(?:\\S+\\s+)?\\S*\\z").length) end) as $begin
  | ([$begin, $from - 12] | max) as $begin
  | (if $begin > 0 then "…" else "" end) + .[$begin:$to + $after] + (if $to + $after < ($text | length) then "…" else "" end)
  | clipped($room - 2) | tojson;

def changed_text($got; $room):
  . as $want
  | (start($got)) as $from
  | ($want[$from:] | explode | reverse | implode) as $want_end
  | ($got[$from:] | explode | reverse | implode) as $got_end
  | ($want_end | start($got_end)) as $same
  | [$want, $got] | map(length as $length | around($from; $length - $same; $room)) | join(" → ");

# expected → answered, in so many characters; null for as many as they need.
def change($room):
  if has("expected") | not then "not expected: \(.answered | tojson | clipped($room))"
  elif has("answered") | not then "missing: \(.expected | tojson | clipped($room))"
  elif $room != null and ([.expected, .answered] | all(type == "string" and length < 20000))
  then .answered as $got | .expected | changed_text($got; ($room - 3) / 2 | floor)
  else [.expected, .answered] | map(tojson | clipped(if $room then ($room - 3) / 2 | floor else null end)) | join(" → ") end;

def place: if .file then " (\(.file):\(.line))" else "" end;

# What is wrong with a check, in rows of their own.
def wrongs($room):
  if .error then
    (.error | place) as $place
    | (.error | "\(.type): \(.message)" | gsub("\\s+"; " ") | clipped(if $room then $room - ($place | length) else null end)) + $place
  elif .result == "new" then "no expected response yet (--accept writes it)"
  else .differences[] | "\(.path): \((.path | length) as $path | change(if $room then $room - $path - 2 else null end))" end;

def name: .event | sub("\\A.*/(?=[^/]+/[^/]+\\z)"; "") | sub("\\Aevents/"; "");

def counted($word): if . == 1 then "1 \($word)" else "\(.) \($word)s" end;

# Why a function's code could not be loaded, if it could not.
def load_error:
  .error // empty
  | (if .file then "\(.file):\(.line): \(.message)" else "\(.type): \(.message)" end) | gsub("\\s+"; " ");

# The names, as many as have room.
def names($room):
  . as $all
  | reduce range(length) as $at ({row: "  ", shown: 0, full: false};
      ($all[$at] + if $at + 1 < ($all | length) then ", " else "" end) as $next
      | if .full or $room != null and (.row + $next | length) > $room - 12 then .full = true else .row += $next | .shown += 1 end)
  | .row + (if .shown < ($all | length) then "and \(($all | length) - .shown) more" else "" end);

# rows($width; $most; $named): what differs, in rows of that width, with the names below it; null for as wide, and as many, as they need.
def rows($width; $most; $named):
  length as $all
  | (reduce (.[] | select(.result == "failed" or .result == "new") | . as $check | [wrongs($width | if . then . - 11 else . end)] | range(length) as $at
      | {wrong: .[$at], at: $at, check: $check}) as $each ({order: [], checks: {}};
      (if .checks | has($each.wrong) then . else .order += [$each.wrong] end)
      | .checks[$each.wrong] += [$each])) as $told
  | ($most // ($told.order | length)) as $most
  | [ $told.order[:$most][] as $wrong | $told.checks[$wrong] as $checks
      | if ($checks | length) == 1 then
          $checks[0] as $one | ($one.check | name) as $name
          | "\($name): \([$one.check | wrongs($width | if . then . - ($name | length) - 2 else . end)][$one.at])"
        else
          "\($checks | length) events: \($wrong)",
          if $named and ($checks | length) < $all then [$checks[].check | name] | names($width) else empty end
        end ]
    + (($told.order | length) - $most
       | if . > 0 then ["and \(counted("other difference")) (--full shows each)"] else [] end);

def waiting: if . == 1 then "1 event waits" else "\(.) events wait" end + " for code that loads";

def summary:
  (.checks | map(select(.result == "waiting")) | length) as $waiting
  | (.checks | map(select(.result == "passed")) | length) as $passed
  | (.checks | length - $waiting) as $made
  | [if $waiting + $made == 0 then "0 of 0 events as expected: there are none in events/ yet" else empty end,
     if $made > 0 then "\($passed) of \($made) events as expected" else empty end, if $waiting > 0 then $waiting | waiting else empty end]
  | join(", ");

def told($width; $most; $named; $accepting):
  (.functions[] | load_error), (.checks | rows($width; $most; $named)[]), if $accepting then empty else summary end;
