# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154 # the variables within quotes are jq's; root, work, sent, held, expected, kinds, url and how it is told are check's
# The results: as one object, as rows for a person, and as what is expected from now on. check sources this.

# Writes the results into result.json.
compare() {
    local separator number=0 event function files=() arguments=()
    separator=$(printf '\036%s\036' "$RANDOM$RANDOM$RANDOM")
    printf %s "$separator" >"$work/separator"
    for event in ${sent[@]+"${sent[@]}"} ${held[@]+"${held[@]}"}; do
        find_function "$event"
        arguments+=("${event#"$root"/}" "$function" "${kinds[number]}")
        [[ ${kinds[number]} != waiting ]] || continue
        if [[ ${kinds[number]} == known ]]; then files+=("${expected[number]}"); fi
        number=$((number + 1))
        files+=("$work/separator" "$work/$number" "$work/separator" "$work/$number.headers" "$work/separator")
    done
    cat ${files[@]+"${files[@]}"} </dev/null | jq -Rsc --arg separator "$separator" --arg root "$root" --arg url "$url" --arg wanted "$wanted" \
        --slurpfile state "$work/state" --slurpfile waited "$work/waited" --slurpfile seconds "$work/seconds" \
        --argjson accepting "$accepting" \
        "$(program 'result($ARGS.named)' compare answer http check)" --args ${arguments[@]+"${arguments[@]}"} >"$work/result.json"
}

# Whether all is as expected.
as_expected() {
    local start
    IFS= read -r start <"$work/result.json"
    [[ $start == '{"as_expected":true,'* ]]
}

tell() {
    if [[ $json ]]; then
        cat "$work/result.json"
    else
        jq -r --argjson width "$width" --argjson most "$most" --argjson named "$named" --argjson accepting "$accepting" \
            "$(program 'told($width; $most; $named; $accepting)' told)" "$work/result.json"
    fi
}

accepting_program() {
    program "$1" compare answer http told accept
}

# Writes what was answered as what is expected, and says what it did; fails if there is an answer that it did not take.
accept() {
    local at accepted
    accepted=$(jq -r --argjson errors "$accept_errors" "$(accepting_program 'accepted($errors)')" "$work/result.json")
    for at in $accepted; do
        write "$at" "${expected[at]}"
    done
    jq -r --argjson errors "$accept_errors" "$(accepting_program 'said($errors)')" "$work/result.json"
    jq -e --argjson errors "$accept_errors" "$(accepting_program 'left($errors) | not')" "$work/result.json" >/dev/null
}

write() {
    local file=$2 temporary options
    mkdir -p "${file%/*}"
    temporary=${file%/*}/.${file##*/}.$$
    [[ ! -f $file ]] || cp -p "$file" "$temporary"
    jq -c "$(accepting_program ".checks[$1] | acceptable")" "$work/result.json" >"$work/accepted.json"
    options=$(jq -r .format "$work/accepted.json")
    # shellcheck disable=SC2086 # several options
    jq $options .accepted "$work/accepted.json" >"$temporary"
    mv -f "$temporary" "$file"
}
