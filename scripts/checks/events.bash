# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what it sets is check's to use, what it takes check has set
# Which events there are, what is expected of each, and which of them can be sent. check sources this.

# In a rollout two services answer for a while, and not by turns.
answers_are_of_code() {
    local at event function number headers others
    for ((at = 0; at < ${#awaited[@]}; at++)); do
        headers=() number=0
        for event in ${sent[@]+"${sent[@]}"}; do
            number=$((number + 1))
            find_function "$event"
            [[ ${awaited[at]} != "$function" ]] || headers+=("$work/$number.headers")
        done
        ((${#headers[@]} > 0)) || continue
        others=$(grep -Li "^X-Lambda-Live-Code-Sha256: ${here[at]}" "${headers[@]}" || true)
        [[ ! $others ]] || return 1
    done
}

# Sets `wanted` to the functions that the events are for.
find_wanted() {
    local event
    wanted=''
    for event in ${events[@]+"${events[@]}"}; do
        find_function "$event"
        [[ $wanted == *" $function "* ]] || wanted+=" $function "
    done
}

# Sets `events` to those of events/, and of the folder of each function; AWS's emulator, which has no state, has no function URL either.
find_events() {
    local event folder left_out='' folders=("$root/events")
    for folder in "${names[@]}"; do folders+=("$root/events/$folder"); done
    for folder in "${folders[@]}"; do
        for event in "$folder"/*.json "$folder"/*.http; do
            if [[ $event == *.http && -f $event && ! -s $work/state ]]; then
                left_out+=" ${event#"$root"/}"
            elif [[ -f $event ]]; then
                events+=("$event")
            fi
        done
    done
    [[ ! $left_out ]] || printf "check: AWS's emulator has no function URL; not sent:%s\n" "$left_out" >&2
}

find_expected() {
    local event response
    kinds=() expected=()
    for event in ${sent[@]+"${sent[@]}"}; do
        response=${event%"${event##*/}"}expected/${event##*/}
        expected+=("$response")
        if [[ -f $response ]]; then kinds+=(known); else kinds+=(new); fi
    done
    for event in ${held[@]+"${held[@]}"}; do kinds+=(waiting); done
}

# Sets `sent` to the events whose function's code could be loaded, and `held` to the others.
hold_back() {
    local event at function state
    sent=() held=()
    for event in ${events[@]+"${events[@]}"}; do
        find_function "$event"
        state=Active
        for ((at = 0; at < ${#awaited[@]}; at++)); do
            [[ ${awaited[at]} != "$function" ]] || state=${states[at]}
        done
        if [[ $state == Failed ]]; then held+=("$event"); else sent+=("$event"); fi
    done
}
