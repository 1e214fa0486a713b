# shellcheck shell=bash
# shellcheck disable=SC2154 # url, work and functions_path are check's
# The pods of a service that has several: what it says through the load balancer, one of them says. check sources this.

namespace='' context='' pods=()

# Waits until each pod that serves has loaded the code that is here, or one could not.
wait_for_pods() {
    local pod kind
    IFS=$'\t' read -r kind namespace context <"$work/state.rows" || return 0
    [[ $kind == pods ]] || return 0
    command -v kubectl >/dev/null || fail "$url has several pods, and it takes kubectl to ask each of them."
    find_pods
    while ((${#pods[@]})); do
        pod=${pods[0]}
        pods=("${pods[@]:1}")
        if ! wait_until_loaded "$pod"; then # it has gone, and others may have come
            sleep 0.3
            find_pods
        elif fails_to_load; then
            return 0
        fi
    done
}

of_cluster() {
    kubectl --context "$context" --request-timeout 10s "$@" 2>"$work/errors"
}

# Sets `pods` to the names of those that get requests.
find_pods() {
    local pod
    of_cluster --namespace "$namespace" get pods --selector app.kubernetes.io/name=function --output json >"$work/pods" ||
        fail "$url has several pods, and kubectl can't list them: $(head -n 1 "$work/errors")"
    pods=()
    while IFS= read -r pod; do pods+=("$pod"); done < <(jq -r '.items[]
        | select(.metadata.deletionTimestamp == null and any(.status.conditions[]?; .type == "Ready" and .status == "True")).metadata.name' "$work/pods")
}

# ask_pod FILE POD [QUERY] writes what the pod says of its functions into FILE, an empty one if it is not there.
ask_pod() {
    of_cluster get --raw "/api/v1/namespaces/$namespace/pods/$2:8080/proxy$functions_path/.lambda-live${3:+?$3}" >"$1" || : >"$1"
    write_rows "$1"
}
