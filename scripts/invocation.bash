# shellcheck shell=bash
# How invoke and check reach a function, wherever it runs. They source this; it is not run by itself.

# shellcheck source=scripts/machine.bash
source "$(dirname "${BASH_SOURCE[0]}")/machine.bash"
read_machine
path=/2015-03-31/functions/function/invocations
url=${LAMBDA_LOCAL_URL:-http://127.0.0.1:$LAMBDA_LOCAL_PORT}

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

# invoke_each DIRECTORY EVENT... leaves the answers, in order, in DIRECTORY/1, its headers in DIRECTORY/1.headers, and so on.
invoke_each() {
    local answers=$1 event number=0 arguments=()
    shift
    for event in "$@"; do
        number=$((number + 1))
        : >"$answers/$number" # curl makes no file for an empty answer
        ((number == 1)) || arguments+=(--next)
        arguments+=(--silent --show-error --globoff --connect-timeout 5
            --header 'Content-Type: application/json' --data-binary "@$event"
            --header "X-Lambda-Local-Source: ${0##*/}" --header "X-Lambda-Local-Event: ${event##*/}"
            --dump-header "$answers/$number.headers" --output "$answers/$number" "$url$path")
    done
    curl --fail-early "${arguments[@]}" 2>"$answers/errors" || case $? in
        6 | 7) unreachable ;;
        *) fail "no answer from $url: $(head -n 1 "$answers/errors")" ;;
    esac
}
