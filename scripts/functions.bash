# shellcheck shell=bash
# The functions of the template, for scripts that do something with each of them. Other scripts source this file.

functions=()

# Sets `functions` to the names of those that have no Dockerfile of their own. lambda-live reads the template, as the service does.
read_functions() {
    local described name dockerfile
    [[ -x .venv/bin/python ]] || { printf '%s: no .venv: run make install first.\n' "${0##*/}" >&2; exit 1; }
    described=$(.venv/bin/python -P -m lambda_live describe --images)
    functions=()
    while IFS=$'\t' read -r name dockerfile; do
        [[ -n $name ]] || continue
        if [[ -n $dockerfile ]]; then
            printf '%s: %s has its own Dockerfile and is skipped. Build %s\n' "${0##*/}" "$name" "$dockerfile" >&2
        else
            functions+=("$name")
        fi
    done <<<"$described"
    ((${#functions[@]} > 0)) || exit 1
}
