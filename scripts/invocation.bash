# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts that source this use root and python
# What invoke, check and load have in common. They source this file.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python
# shellcheck source=scripts/machine.bash
source "$root/scripts/machine.bash"
read_machine
export FUNCTION_PORT LAMBDA_LIVE_PORT

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

need_curl() {
    command -v curl >/dev/null || fail 'curl is missing: install the package of that name (apt, dnf, apk, brew).'
}

[[ -x $python ]] || fail 'no .venv: run make install first.'
