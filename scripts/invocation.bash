# shellcheck shell=bash
# How invoke and check reach the functions, wherever they run. They source this; it is not run by itself.

# shellcheck source=scripts/machine.bash
source "$(dirname "${BASH_SOURCE[0]}")/machine.bash"
read_machine
# shellcheck source=scripts/checks/request.bash
source "$(dirname "${BASH_SOURCE[0]}")/checks/request.bash"
functions_path=/2015-03-31/functions
url=${LAMBDA_LIVE_URL:-http://127.0.0.1:$LAMBDA_LIVE_PORT}
# The names of the functions that the service has; AWS's emulator, which can't say, calls its one `function`.
names=(function)

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

refuse() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 2
}

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || fail "$tool is missing: install the package of that name (apt, dnf, brew)."
    done
}

unreachable() {
    fail "nothing answers at $url. Start the function with: make up"
}

# ask_state FILE [QUERY] writes what the service says of its functions into FILE, and the same as rows into FILE.rows: empty ones if it has nothing to say.
ask_state() {
    local status
    : >"$1"
    status=$(curl --silent --globoff --connect-timeout 5 --max-time 10 --header "X-Lambda-Live-Source: ${0##*/}" \
        --output "$1" --write-out '%{http_code} %{time_total}' "$url$functions_path/.lambda-live${2:+?$2}") || case $? in
        6 | 7) unreachable ;;
    esac
    [[ $status == '200 '* ]] || : >"$1"
    printf '%s\n' "${status#* }" >>"${1%/*}/waited"
    write_rows "$1"
}

# Of each function a row `begin`, one for each folder, and `end`; before them where its pods are, if it has several.
write_rows() {
    jq -r '(.pods // empty | ["pods", .namespace, .context]),
        (.functions[] | .name as $name | ["begin", $name, "", ""], (.folders[] | ["folder", $name, .path, .name]), ["end", $name, .code_sha256, .state])
        | @tsv' "$1" >"$1.rows" 2>/dev/null || { : >"$1"; : >"$1.rows"; }
}

# Sets `names`.
ask_names() {
    local file=$1 kind name rest
    ask_state "$file"
    [[ -s $file ]] || return 0
    names=()
    while IFS=$'\t' read -r kind name rest; do
        [[ $kind != begin ]] || names+=("$name")
    done <"$file.rows"
}

# Sets `function` to the name of the one that an event is for: the folder's that it is in, or the only one.
find_function() {
    local folder=${1%/*} name
    function=${names[0]}
    for name in "${names[@]}"; do
        [[ ${folder##*/} != "$name" ]] || { function=$name; return; }
    done
    ((${#names[@]} == 1)) || refuse "$1 is for which function? Put it into the folder of one: $(printf 'events/%s/ ' "${names[@]}")"
}

# invoke_each DIRECTORY EVENT... leaves the answers, in order, in DIRECTORY/1, its headers in DIRECTORY/1.headers, and so on,
# and how many seconds each took, one a line, in DIRECTORY/seconds.
invoke_each() {
    local answers=$1 event number=0 arguments=() function
    shift
    for event in "$@"; do
        number=$((number + 1))
        find_function "$event"
        : >"$answers/$number" # curl makes no file for an empty answer
        ((number == 1)) || arguments+=(--next)
        arguments+=(--silent --show-error --globoff --connect-timeout 5 --write-out '%{time_total}\n'
            --header "X-Lambda-Live-Source: ${0##*/}" --header "X-Lambda-Live-Event: ${event##*/}"
            --dump-header "$answers/$number.headers" --output "$answers/$number")
        if [[ $event == *.http ]]; then
            read_request "$event" "$answers/$number.body"
            ((${#names[@]} == 1)) || request+=(--header "Host: $function.localhost:${url##*:}")
            arguments+=(--path-as-is --header 'X-Lambda-Live-Log: Tail' "${request[@]}" "$url$request_target")
        else
            arguments+=(--header 'Content-Type: application/json' --header 'X-Amz-Log-Type: Tail' --data-binary "@$event"
                "$url$functions_path/$function/invocations")
        fi
    done
    curl --fail-early "${arguments[@]}" 2>"$answers/errors" >"$answers/seconds" || case $? in
        6 | 7) unreachable ;;
        *) fail "no answer from $url: $(head -n 1 "$answers/errors")" ;;
    esac
}
