# shellcheck shell=bash
# Arguments, settings of machine.env, tools, and ports in use. Other scripts source this file.

port_settings=()

# Prints the usage for --help; rejects every other argument.
take_no_argument() {
    case ${1:-} in
        -h | --help) usage; exit 0 ;;
        '') ;;
        *) printf '%s: unknown option %s (see scripts/%s --help)\n' "${0##*/}" "$1" "${0##*/}" >&2; exit 2 ;;
    esac
}

# Sets each setting of machine.env that the shell does not set.
read_machine() {
    local name value
    while IFS='=' read -r name value; do
        [[ -n $name && $name != '#'* ]] || continue
        [[ -n ${!name:-} ]] || printf -v "$name" '%s' "$value"
        [[ $name == *_PORT ]] || continue
        port_settings+=("$name")
        [[ ${!name} =~ ^[0-9]{1,5}$ ]] || { printf '%s: %s must be 1 to 65535, got '"'%s'"'.\n' "${0##*/}" "$name" "${!name}" >&2; exit 2; }
    done <"${BASH_SOURCE[0]%/*}/../machine.env"
}

# Exits if CA_FILE cannot be read.
read_certificates() {
    [[ -z $CA_FILE || -r $CA_FILE ]] || { printf '%s: CA_FILE=%s cannot be read.\n' "${0##*/}" "$CA_FILE" >&2; exit 2; }
}

# Prints the base image of the functions if it differs from the Dockerfile's: AWS's image for their Runtime, as far as sed can read it.
# The build reports a mismatch.
base_image() {
    local own runtimes
    own=$(sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)
    runtimes=$(cat template.yaml template.yml template.json 2>/dev/null | sed -En 's/.*Runtime"?: *"?python(3\.1[2-9]).*/\1/p' | sort -u)
    if [[ $BASE_IMAGE ]]; then
        printf '%s' "$BASE_IMAGE"
    elif [[ $runtimes =~ ^3\.[0-9]+$ && ${own%@*} != *":$runtimes" ]]; then
        printf 'public.ecr.aws/lambda/python:%s' "$runtimes"
    fi
}

# Sets `network`: arguments of `docker build` for this machine's network.
build_through_network() {
    local name base
    network=()
    base=$(base_image)
    [[ -z $base ]] || network+=(--build-arg "BASE_IMAGE=$base")
    read_certificates
    for name in HTTPS_PROXY HTTP_PROXY NO_PROXY PIP_INDEX_URL; do
        [[ -z ${!name:-} ]] || network+=(--build-arg "$name=${!name}")
    done
    [[ -z $CA_FILE ]] || network+=(--build-arg "CA=$(<"$CA_FILE")")
}

# A browser tries `localhost` on ::1 first, so a program that listens only there has the port too.
is_taken() {
    local address
    for address in 127.0.0.1 ::1; do
        ! (exec 3<>"/dev/tcp/$address/$1") 2>/dev/null || return 0
    done
    return 1
}

# Prints the name of the container that publishes a port, if any.
publisher() {
    local name ports
    while read -r name ports; do
        case $ports in *":$1->"*) printf '%s' "$name"; return ;; esac
    done < <(docker ps --format '{{.Names}} {{.Ports}}' 2>/dev/null || true)
}

# Prints `program PID` of the listener on a port, if this user may see it.
listener() {
    local line process='' pattern='"([^"]+)",pid=([0-9]+)'
    while read -r line; do
        case $line in
            p*) process=${line#p} ;;
            c*) printf '%s %s' "${line#c}" "$process"; return ;;
        esac
    done < <(lsof -nP "-iTCP:$1" -sTCP:LISTEN -Fpc 2>/dev/null || true)
    line=$(ss -Hltnp "sport = :$1" 2>/dev/null || true)
    [[ ! $line =~ $pattern ]] || printf '%s %s' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
}

# Describes the program that has a port.
holder() {
    local found
    found=$(publisher "$1")
    if [[ $found ]]; then
        printf 'the container %s' "$found"
        return
    fi
    found=$(listener "$1")
    if [[ $found ]]; then
        printf '%s (PID %s)' "${found% *}" "${found##* }"
    else
        printf 'a program of another user (see: sudo lsof -nP -iTCP:%s -sTCP:LISTEN)' "$1"
    fi
}

# Prints the next port that is free and in no setting.
free_port() {
    local port=$(($1 + 1)) name named=' '
    for name in "${port_settings[@]}"; do
        named+="${!name} "
    done
    while [[ $named == *" $port "* ]] || is_taken "$port"; do
        port=$((port + 1))
    done
    printf '%s' "$port"
}

# on_path TOOL... adds the tools of mise to the PATH if one is missing: the shell may lack `mise activate`.
on_path() {
    local tool mise found
    for tool in "$@"; do
        command -v "$tool" >/dev/null && continue
        mise=$(command -v mise) || mise=${HOME:-}/.local/bin/mise
        found=$(MISE_OFFLINE=1 "$mise" bin-paths 2>/dev/null) && [[ $found ]] || return 0
        export PATH="${found//$'\n'/:}:$PATH"
        return 0
    done
}

# json_value EXPRESSION prints the value of a Python expression on `value`, the JSON that it reads. Any Python 3 does.
json_value() {
    python3 -I -c "import json, sys; value = json.load(sys.stdin); print($1)" "${@:2}"
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

# Prints the path of the first Python that is new enough, or fails.
find_python() {
    local candidate
    for candidate in python3.12 python3.13 python3.14 python3 python; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}
