# shellcheck shell=bash
# The functions of the template, for scripts that do something with each. They source this; it is not run by itself.

functions=()

# Sets `functions` to their names; the template, or its absence, is read as the service reads it.
read_functions() {
    local described name
    [[ -x .venv/bin/python ]] || { printf '%s: no .venv, whose Python reads the template. Make it with: make install\n' "${0##*/}" >&2; exit 1; }
    described=$(.venv/bin/python -m lambda_local.template)
    functions=()
    while IFS= read -r name; do functions+=("$name"); done < <(jq --raw-output '.functions[].name' <<<"$described")
}
