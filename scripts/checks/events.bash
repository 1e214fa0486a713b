# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what it sets is check's to use, what it takes check has set
# Which events there are, what is expected of each, and which of them can be sent. check sources this.

# In a rollout two services answer for a while, and not by turns.
answers_are_of_code() {
    local headers number=0 at event function
    for event in ${sent[@]+"${sent[@]}"}; do
        number=$((number + 1))
        find_function "$event"
        headers=$work/$number.headers
        for ((at = 0; at < ${#awaited[@]}; at++)); do
            [[ ${awaited[at]} != "$function" ]] || grep -qi "^X-Lambda-Local-Code-Sha256: ${here[at]}" "$headers" || return 1
        done
    done
}

# Sets `events` to those of events/, and of the folder of each function.
find_events() {
    local event name
    for event in "$root"/events/*.json; do
        [[ ! -f $event ]] || events+=("$event")
    done
    for name in "${names[@]}"; do
        for event in "$root/events/$name"/*.json; do
            [[ ! -f $event ]] || events+=("$event")
        done
    done
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
    for event in "${events[@]}"; do
        find_function "$event"
        state=Active
        for ((at = 0; at < ${#awaited[@]}; at++)); do
            [[ ${awaited[at]} != "$function" ]] || state=${states[at]}
        done
        if [[ $state == Failed ]]; then held+=("$event"); else sent+=("$event"); fi
    done
}
