# shellcheck shell=bash
# The functions of the template, for scripts that do something with each. They source this; it is not run by itself.

functions=()

# Sets `functions` to the names of those that images are made of here; the template, or its absence, is read as the service reads it.
read_functions() {
    local described name dockerfile
    [[ -x .venv/bin/python ]] || { printf '%s: no .venv, whose Python reads the template. Make it with: make install\n' "${0##*/}" >&2; exit 1; }
    described=$(.venv/bin/python -P -m lambda_live describe)
    functions=()
    while IFS=$'\t' read -r name dockerfile; do
        if [[ -n $dockerfile ]]; then
            printf '%s: %s is an image of its own, so it is left out here; build %s\n' "${0##*/}" "$name" "$dockerfile" >&2
        else
            functions+=("$name")
        fi
    done < <(jq --raw-output '.functions[] | [.name, .dockerfile // ""] | @tsv' <<<"$described")
    ((${#functions[@]} > 0)) || exit 1
}
