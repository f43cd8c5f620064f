#!/bin/sh
# The prompts that ship, from outside: found by name and words, and what the bundled decoder says to
# each. Prints TAP.
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ATTUNE_DB=$dir/runs.db; export ATTUNE_DB
XDG_DATA_HOME=$dir; export XDG_DATA_HOME
unset ATTUNE_MODEL
n=0 failed=0

ok() { # ok DESCRIPTION STATUS
    n=$((n + 1))
    if [ "$2" -eq 0 ]; then
        printf 'ok %s - %s\n' $n "$1"
    else
        printf 'not ok %s - %s\n' $n "$1"; sed 's/^/# /' "$dir/out" "$dir/err"; failed=1
    fi
}
# try STATUS PATTERN ARGS...
try() {
    wanted=$1 pattern=$2; shift 2
    "$ATTUNE_BIN" library "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    [ $got -eq "$wanted" ] && cat "$dir/out" "$dir/err" | grep -qF -- "$pattern"
    ok "library $*: $pattern" $?
}

echo "1..37"
try 0 'review' --kind templates
try 0 '"kind":"shots","name":"reviews","use":"","about":"16 rows"' --json --kind shots
try 0 'translate-few-shot' --search 'French poursuivi'
try 0 "$(printf 'gar\303\247on')" --show --search 'GARCON sentences'
try 0 'nothing in the library holds' --search 'no such words at all'
try 2 'there are prompts, templates and shots' --kind models
mkdir -p "$dir/attune/prompts/examples"
printf '{"blocks":[]}' >"$dir/attune/prompts/examples/mine.json"
try 0 '"name":"mine"' --json --search mine
grep -qF '"broken":true' "$dir/out"; ok "a broken prompt is listed as such" $?

# Every use has its three forms; each goes into the model, and what is expected comes out.
for use in summarise translate classify extract write-code answer continue-story; do
    for shots in zero one few; do
        name=$use-$shots-shot
        file=$ATTUNE_DATADIR/prompts/examples/$name.json
        "$ATTUNE_BIN" compose --from "$name" -n 32 -m tiny-decoder >"$dir/text" 2>"$dir/err" &&
            "$ATTUNE_BIN" run -m tiny-decoder -f "$dir/text" -n 28 --greedy --json >"$dir/out" 2>>"$dir/err" &&
            wanted=$(sed -n 's/^  "expect": \(".*\)",$/\1/p' "$file") &&
            grep -qF "\"text\":${wanted:-\"}" "$dir/out"
        ok "$name: the decoder goes on with ${wanted:-something}" $?
    done
done
"$ATTUNE_BIN" library --json >"$dir/out" 2>"$dir/err"
missing=0
for use in summarise translate classify extract 'write code' answer 'continue story'; do
    [ "$(grep -oF "\"use\":\"$use\"" "$dir/out" | wc -l)" -eq 3 ] || missing=1
done
ok "three prompts for every use" $missing
ok_shots=0
grep -oE '"name":"[a-z-]+-zero-shot"[^}]*"shots":[1-9]' "$dir/out" >/dev/null && ok_shots=1
ok "zero-shot prompts have no shot" "$ok_shots"

# Versions: kept by name, any two compared.
versions() { # versions STATUS PATTERN ARGS...
    wanted=$1 pattern=$2; shift 2
    "$ATTUNE_BIN" versions "$@" >"$dir/out" 2>"$dir/err"
    [ $? -eq "$wanted" ] && cat "$dir/out" "$dir/err" | grep -qF -- "$pattern"
    ok "versions $*: $pattern" $?
}
for query in 'Be kind, please.' 'Be very kind.' 'Be very kind.'; do
    "$ATTUNE_BIN" compose --query "$query" --save manners --note "about $query" -n 0 >"$dir/out" 2>"$dir/err"
done
grep -qF 'manners: version 2 says the same' "$dir/err"; ok "what did not change is no new version" $?
versions 0 '"version":2' --json manners
versions 0 'Be [-kind,-]{+very+} [-please-]{+kind+}.' manners 1 2
versions 0 '"by":"tokens"' --json --tokens manners
versions 2 'there is no version 7: there are 1 to 2' manners 7
"$ATTUNE_BIN" compose --from manners@1 -n 0 >"$dir/out" 2>"$dir/err"
[ "$(cat "$dir/out")" = 'Be kind, please.' ]; ok "manners@1 is the first version" $?
exit $failed
