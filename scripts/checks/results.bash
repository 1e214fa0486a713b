# shellcheck shell=bash
# shellcheck disable=SC2016,SC2154 # the variables within quotes are jq's; root, work, sent, held, expected, kinds, url and how it is told are check's
# The results: as one object, as rows for a person, and as what is expected from now on. check sources this.

# Without what a person is told where none reads it: a program waited 88 ms for its answer with that, 69 without.
results_program() {
    if [[ $json ]]; then
        program 'result($ARGS.named)' compare answer http check
    else
        program 'result($ARGS.named) | ., told($width; $most; $named; $accepting)' compare answer http told check
    fi
}

# Writes the results into result.json, and what a person is told of them into told.
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
    cat ${files[@]+"${files[@]}"} </dev/null | jq -Rsrc --arg separator "$separator" --arg root "$root" --arg url "$url" --arg wanted "$wanted" \
        --slurpfile state "$work/state" --slurpfile waited "$work/waited" --slurpfile seconds "$work/seconds" \
        --argjson accepting "$accepting" --argjson width "$width" --argjson most "$most" --argjson named "$named" \
        "$(results_program)" \
        --args ${arguments[@]+"${arguments[@]}"} >"$work/results"
    head -n 1 "$work/results" >"$work/result.json"
    tail -n +2 "$work/results" >"$work/told"
}

# Whether all is as expected.
as_expected() {
    local start
    IFS= read -r start <"$work/result.json"
    [[ $start == '{"as_expected":true,'* ]]
}

tell() {
    if [[ $json ]]; then cat "$work/result.json"; else cat "$work/told"; fi
}

# Writes what was answered as what is expected, and says what it did; fails if there is an answer that it did not take.
accept() {
    local said left at options answer
    jq -rc --argjson errors "$accept_errors" "$(program 'acceptance($errors)' compare answer http told accept)" "$work/result.json" >"$work/acceptance"
    {
        IFS= read -r said
        IFS= read -r left
        while IFS= read -r at && IFS= read -r options && IFS= read -r answer; do
            write "$answer" "$options" "${expected[at]}"
        done
    } <"$work/acceptance"
    printf '%s\n' "$said"
    [[ $left == false ]]
}

# write ANSWER OPTIONS FILE writes what an array of JSON has, with these options of jq's.
write() {
    local file=$3 temporary
    mkdir -p "${file%/*}"
    temporary=${file%/*}/.${file##*/}.$$
    [[ ! -f $file ]] || cp -p "$file" "$temporary"
    # shellcheck disable=SC2086 # several options
    jq $2 '.[0]' <<<"$1" >"$temporary"
    mv -f "$temporary" "$file"
}
