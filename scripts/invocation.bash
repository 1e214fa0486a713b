# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts that source this use root, python and url
# How invoke, check and load reach the function, wherever it runs. They source this; it is not run by itself.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python
# shellcheck source=scripts/machine.bash
source "$root/scripts/machine.bash"
read_machine
export FUNCTION_PORT LAMBDA_LIVE_PORT
url=${LAMBDA_LIVE_URL:-http://127.0.0.1:$LAMBDA_LIVE_PORT}

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

refuse() {
    printf '%s: %s (see scripts/%s --help)\n' "${0##*/}" "$*" "${0##*/}" >&2
    exit 2
}

need() {
    local tool
    [[ -x $python ]] || fail 'no .venv: run make install first.'
    for tool in "$@"; do
        command -v "$tool" >/dev/null || fail "$tool is missing: install the package of that name (apt, dnf, apk, brew)."
    done
}

# Prints what the service reports about its functions; nothing that matters if it is AWS's emulator.
read_state() {
    curl --silent --globoff --connect-timeout 5 --max-time 10 --header "X-Lambda-Live-Source: ${0##*/}" "$url/2015-03-31/functions/.lambda-live" ||
        case $? in 6 | 7) fail "nothing answers at $url. Start the function with: make up" ;; esac
}

# Prints curl's configuration for sending events. See: lambda-live curl-config --help
curl_config() {
    local state
    state=$(read_state) || exit
    "$python" -P -m lambda_live curl-config --source "${0##*/}" "$@" <<<"$state"
}
