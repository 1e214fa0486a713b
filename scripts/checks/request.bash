# shellcheck shell=bash
# An HTTP request of a .http file, as editors' REST clients run them, as arguments for curl. invocation.bash sources this.

# read_request FILE BODY sets `request`, and writes what the request sends into BODY.
read_request() {
    local file=$1 line part=start
    request=()
    : >"$2"
    # shellcheck disable=SC2094 # it is only named
    while IFS= read -r line || [[ $line ]]; do
        line=${line%$'\r'}
        if [[ $line == '###'* ]]; then
            [[ $part == start ]] || part=end
            continue
        fi
        case $part in
            start)
                [[ ! $line || $line == '#'* || $line == '//'* || $line == '@'* ]] || { read_first_line "$file" "$line"; part=headers; }
                ;;
            headers) read_header "$file" "$line" ;;
            body)
                # An editor's script, or the response that it saved, goes on to the next request.
                if [[ $line == '> {%'* || $line == '<> '* ]]; then part=script; else printf '%s\n' "$line" >>"$2"; fi
                ;;
            script) ;;
            end) [[ ! $line ]] || refuse "$file has more than one request: give each a file of its own" ;;
        esac
    done <"$file"
    [[ $part != start ]] || refuse "$file has no request: its first line is like POST /path"
    read_body "$file" "$2"
}

read_first_line() {
    local file=$1 method=GET target=$2
    target=${target% HTTP/*}
    [[ $target != *' '* ]] || { method=${target%% *}; target=${target#* }; }
    case $target in
        '{{'*'}}'*) target=${target#*'}}'} ;;
        [A-Za-z]*://*) target=${target#*://}; target=${target#"${target%%[/?]*}"} ;;
    esac
    [[ $method =~ ^[A-Z]+$ && $target != *' '* ]] || refuse "$file: the first line is like POST /path, and not: $2"
    [[ $target != *'{{'* ]] || refuse "$file: no variable can be filled in here: $target"
    request_method=$method
    request_target=$(encoded "${target:-/}")
    [[ $request_target == /* ]] || request_target=/$request_target
}

# What is not ASCII as editors send it: a percent sign and two digits for each byte.
encoded() {
    local LC_ALL=C text=$1 byte at
    for ((at = 0; at < ${#text}; at++)); do
        byte=${text:at:1}
        if [[ $byte == [[:graph:]] ]]; then
            printf %s "$byte"
        else
            printf -v byte %d "'$byte"
            printf '%%%02X' $((byte & 255))
        fi
    done
}

# Query parameters may go on in lines of their own before the headers; the empty line ends them.
read_header() {
    local file=$1 line=$2 trimmed=${2#"${2%%[![:space:]]*}"}
    if [[ ! $trimmed ]]; then
        part=body
    elif [[ $trimmed == [?\&]* && ${#request[@]} == 0 ]]; then
        request_target+=$(encoded "${trimmed% HTTP/*}")
    elif [[ $line != *:* ]]; then
        refuse "$file: no header, which is like Name: value, nor an empty line before the body: $line"
    elif [[ $line != [Hh][Oo][Ss][Tt]:*localhost* && $line != [Cc][Oo][Nn][Tt][Ee][Nn][Tt]-[Ll][Ee][Nn][Gg][Tt][Hh]:* ]]; then
        [[ $line != *'{{'* ]] || refuse "$file: no variable can be filled in here: $line"
        # An empty value is how curl is told to leave a header out.
        [[ ${line#*:} == *[![:space:]]* ]] || line="${line%%:*};"
        request+=(--header "$line")
    fi
}

read_body() {
    local file=$1 body=$2 text
    text=$(cat "$body"; printf x)
    text=${text%x}
    while [[ $text == *$'\n' ]]; do text=${text%$'\n'}; done
    if [[ $text == '< '* && $text != *$'\n'* ]]; then
        body=${text#< }
        [[ $body == /* || $file != */* ]] || body=${file%/*}/$body
        [[ -f $body ]] || refuse "$file: no such file: $body"
    else
        printf %s "$text" >"$body"
    fi
    case $request_method in
        HEAD) request+=(--head) ;;
        *) request+=(--request "$request_method") ;;
    esac
    if [[ -s $body ]]; then
        printf '%s\n' ${request[@]+"${request[@]}"} | grep -qi '^content-type:' || request+=(--header 'Content-Type:')
        request+=(--data-binary "@$body")
    fi
}
