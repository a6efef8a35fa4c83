#!/bin/sh
# Turns an ACL file into commands for Mosquitto's dynamic-security plugin: a role and a client named NAME that may do what the file says.
#
#     dynsec-commands.sh boards.acl SITE 613            | mosquitto_pub … -t '$CONTROL/dynamic-security/v1' -s
#     dynsec-commands.sh subscribers.acl SITE tlc       | …
#     dynsec-commands.sh control-room.acl SITE room     | …
#
# The client proves itself with its certificate; it has no password. `pattern` lines hold for any NAME, `topic` lines for the
# section `user NAME`. Nothing else is in these files. Needs a POSIX shell and awk.
set -eu
[ $# = 3 ] || { echo "usage: $0 FILE.acl SITE NAME" >&2; exit 2; }
# The same characters as every identifier: nothing here can end a JSON string or become a wildcard.
for word in "$2" "$3"; do
    case $word in
        '' | .* | *[!A-Za-z0-9._-]*) echo "$0: '$word' is no identifier (A-Z a-z 0-9 . _ -, not beginning with a dot)" >&2; exit 2 ;;
    esac
done
awk -v site="$2" -v name="$3" '
    function acl(type, topic) {
        list = list (list == "" ? "" : ",") "\n    {\"acltype\":\"" type "\",\"topic\":\"" topic "\",\"allow\":true}"
    }
    /^[[:space:]]*(#|$)/ { next }
    $1 == "user" && NF == 2 { mine = ($2 == name); next }
    ($1 == "pattern" || $1 == "topic") && NF == 3 && ($2 == "read" || $2 == "write") {
        if ($1 == "topic" && !mine) next
        topic = $3
        gsub("SITE", site, topic)
        gsub("%u", name, topic)
        if ($2 == "write") acl("publishClientSend", topic)
        else { acl("publishClientReceive", topic); acl("subscribePattern", topic) }
        next
    }
    { printf "%s:%d: not understood: %s\n", FILENAME, FNR, $0 > "/dev/stderr"; bad = 1; exit 1 }
    END {
        if (bad) exit 1
        if (list == "") { printf "%s: nothing in it for %s\n", FILENAME, name > "/dev/stderr"; exit 1 }
        # What is not allowed is forbidden; the plugin would let everybody receive.
        printf "{\"commands\":[\n  {\"command\":\"setDefaultACLAccess\",\"acls\":[{\"acltype\":\"publishClientReceive\",\"allow\":false}]},\n"
        printf "  {\"command\":\"createRole\",\"rolename\":\"%s\",\"acls\":[%s]},\n", name, list
        printf "  {\"command\":\"createClient\",\"username\":\"%s\",\"roles\":[{\"rolename\":\"%s\"}]}]}\n", name, name
    }
' "$1"
