# shellcheck shell=bash
# shellcheck disable=SC2154 # root, url, work, wanted, rolls and patience are check's
# Which code is here, and waiting until the service runs it. check sources this.

# Of each function that is awaited: its code's hash here, what the service runs, and whether it could be loaded.
awaited=()
here=()
there=()
states=()
asked='' # whether the state is one that nobody has read yet

# program EXPRESSION MODULE... prints jq's program of them. They could include each other, but jq 1.8.2 aborts where one does that is included.
# https://github.com/jqlang/jq/issues/3636
program() {
    local expression=$1 module
    shift
    for module in "$@"; do
        printf '%s\n' "$(<"$root/scripts/checks/$module.jq")"
    done
    printf '%s\n' "$expression"
}

# As lambda_live counts: no hidden file, no editor's copy, no bytecode, and nothing that .gitignore names, for which it is asked itself.
shipped() {
    local python=$root/.venv/bin/python beside=()
    if [[ -x $python ]]; then
        (cd "$root" && "$python" -P -m lambda_live.code.code_files "$1")
    else
        # The project's tests and events, unless they are a package.
        if [[ $1 == "$root" ]]; then
            beside=(-o -path ./tests)
            [[ -n $(find events -maxdepth 1 -name '*.py' 2>/dev/null) ]] || beside+=(-o -path ./events)
        fi
        find . \( -name '.?*' -o -name '*~' -o -name '*.pyc' -o -name __pycache__ -o -name cdk.out -o -name node_modules -o -name Tiltfile ${beside[@]+"${beside[@]}"} \) -prune -o -type f -print0
    fi
}

# Each file's hash and name in the order of their bytes.
manifest() {
    local folder=$1 name=$2 sha256=(shasum -a 256)
    ! command -v sha256sum >/dev/null || sha256=(sha256sum)
    # Another project's, or that of a template before its last save, which a rollout is about to replace.
    cd "$root/$folder" 2>/dev/null || return 0
    shipped "$PWD" | LC_ALL=C sort -z | xargs -0 "${sha256[@]}" | NAME=$name LC_ALL=C awk '{ print substr($0, 1, 66) ENVIRON["NAME"] substr($0, 68) }'
}

# Reads what the service said; sets the four arrays for the functions that `wanted` names, or for all.
read_state() {
    local kind name value more inline='' manifests=$work/manifests sha256=(shasum -a 256)
    ! command -v sha256sum >/dev/null || sha256=(sha256sum)
    awaited=() here=() there=() states=()
    while IFS=$'\t' read -r kind name value more; do
        [[ ! $wanted || $wanted == *" $name "* ]] || continue
        case $kind in
            begin) inline='' && : >"$manifests" ;;
            folder)
                # Code in a template, which a pod has written into a folder of its own.
                [[ $value != *lambda-live/inline/* || -d $root/$value ]] || inline=1
                (manifest "$value" "$more") >>"$manifests" || exit
                ;;
            end)
                awaited+=("$name") there+=("$value") states+=("$more")
                [[ ! $inline ]] || { here+=("$value") && continue; }
                here+=("$("${sha256[@]}" <"$manifests" | cut -d ' ' -f 1)")
                ;;
        esac
    done <"$work/state.rows"
}

lacks_wanted() {
    local name
    for name in $wanted; do
        [[ " ${awaited[*]-} " == *" $name "* ]] || return 0
    done
    return 1
}

# Waits until the service, of several pods each that serves, has loaded the code that is here, or could not.
wait_for_code() {
    wait_until_loaded ''
    ! $every_pod || fails_to_load || wait_for_pods
}

# Whether code that is awaited could not be loaded.
fails_to_load() {
    [[ " ${states[*]-} " == *' Failed '* ]]
}

# Waits as long as it takes; its time is not counted.
wait_until_mended() {
    local began=$SECONDS kind name value state names=" ${awaited[*]} "
    while fails_to_load; do
        sleep 0.5
        ask_state "$work/state"
        states=()
        while IFS=$'\t' read -r kind name value state; do
            [[ $kind != end || $names != *" $name "* ]] || states+=("$state")
        done <"$work/state.rows"
    done
    SECONDS=$began
}

# wait_until_loaded POD waits for that pod's code, or for that of whoever answers at the URL; fails if the pod has gone.
wait_until_loaded() {
    local pod=$1 query='' at
    while :; do
        if [[ $pod ]]; then
            ask_pod "$work/state" "$pod" "$query"
            [[ -s $work/state ]] || return 1
        else
            [[ $asked ]] || ask_state "$work/state" "$query"
            asked=''
            # The way to a pod that has just become ready takes a moment.
            if [[ ! -s $work/state && $rolls ]] && ((SECONDS < 15)); then
                sleep 0.3
                continue
            fi
            [[ -s $work/state ]] ||
                fail "$url does not say which code it runs, so there is nothing to wait for. With AWS's emulator: --no-wait"
        fi
        read_state
        # A rollout brings a function that the service before it had not, or takes one away.
        if lacks_wanted && ((SECONDS < patience)); then
            sleep 0.3
            ask_names "$work/state"
            asked=1
            find_wanted
            continue
        fi
        query=''
        for ((at = 0; at < ${#awaited[@]}; at++)); do
            if [[ ${here[at]} != "${there[at]}" || ${states[at]} == Pending ]]; then
                query+=${query:+&}${awaited[at]}=${here[at]}
                ((SECONDS < patience)) || given_up "$at" "$pod"
            fi
        done
        [[ $query ]] || return 0
    done
}

given_up() {
    local name=${awaited[$1]} running=${there[$1]} wanted=${here[$1]} who=${2:+pod $2 of }$url folder
    folder=$(jq -r --arg name "$name" '.functions[] | select(.name == $name).folders[0].path' "$work/state")
    [[ -d $root/$folder ]] || fail "the service at $who runs $folder/, and here is no such folder: it is another project's."
    [[ $running != "$wanted" ]] || fail "waited $patience s for code ${wanted:0:12} to be loaded, and it still is not."
    fail "waited $patience s for code ${wanted:0:12}, that of $folder/ here, but $who runs ${running:0:12}."
}

# Prints why code could not be loaded; fails if there is such code.
all_loaded() {
    local reasons
    reasons=$(jq -r "$(program '.functions[] | load_error' told)" "$work/state")
    [[ ! $reasons ]] || { printf '%s\n' "$reasons"; return 1; }
}
