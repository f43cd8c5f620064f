#!/bin/sh
# What the documents say holds: every source stands in its folder's index, every verb in the README's reach,
# every example of the README runs. Prints TAP.
cd "${top_srcdir:-.}" || exit 1
attune=${ATTUNE_BIN:-./attune}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=0 failed=0
result() { # STATUS WHAT
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"; failed=1; [ -s "$dir/log" ] && sed 's/^/# /' "$dir/log"
    fi
    : >"$dir/log"
}

for folder in engine prompts tui; do
    : >"$dir/log"
    for f in "$folder"/*.c; do
        name=${f##*/}
        case $name in *_*.c) kind=${name%%_*}_ ;; *) kind=$name ;; esac
        grep -qF -e "$name" -e "${kind}NAME" "$folder/README.md" || echo "$f is not in $folder/README.md" >>"$dir/log"
    done
    ! [ -s "$dir/log" ]
    result $? "$folder/README.md names every source"
done

# The indented lines below "## From the shell", as one shell script with attune on the path.
ln -s "$attune" "$dir/attune"
awk '/^## / {on = $0 == "## From the shell"} on && /^    / {print substr($0, 5)} on && !/^    / {print ""}' README.md >"$dir/examples"
(
    export ATTUNE_DB="$dir/attune.db" PATH="$dir:$PATH"
    sh -ex "$dir/examples"
) >"$dir/out" 2>"$dir/log"
result $? "the README's examples run"
"$attune" help >"$dir/out" 2>"$dir/log"
result $? "attune help lists the verbs"
echo "1..$n"
exit $failed
