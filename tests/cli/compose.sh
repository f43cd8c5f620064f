#!/bin/sh
# compose from outside: text to the byte, shots, what does not fit. Prints TAP.
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ATTUNE_MODEL=$ATTUNE_GOLDEN/gguf/llama-f32/model.gguf; export ATTUNE_MODEL # its context holds 128
n=0 failed=0

ok() { # ok DESCRIPTION STATUS
    n=$((n + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"; sed 's/^/# /' "$dir/out" "$dir/err"; failed=1
    fi
}
# try STATUS PATTERN ARGS...: compose ends so, and what it says has the pattern (fixed text).
try() {
    wanted=$1 pattern=$2; shift 2
    "$ATTUNE_BIN" compose "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    [ $got -eq "$wanted" ] && cat "$dir/out" "$dir/err" | grep -qF -- "$pattern"
    ok "compose: $pattern" $?
}
# text WANTED ARGS...: exactly these bytes (printf format) come out.
text() {
    wanted=$1; shift
    "$ATTUNE_BIN" compose "$@" >"$dir/out" 2>"$dir/err"
    printf "$wanted" | cmp -s - "$dir/out"
    ok "compose $1 $2: to the byte" $?
}

echo "1..32"
text 'Once upon a time ' --query 'Once upon a time ' -n 0
text 'Review: The movie was wonderful.\nSentiment: Positive\n\nReview: Fine.\nSentiment:' \
    --template review --examples reviews --shots 1 --query Fine. -n 0
text 'Do.\nhot -> cold\nbig -> small\nwet -> d' \
    --template opposite --task Do. --examples opposites --shots 2 --query wet --answer-prefix ' d' -n 0
printf 'text,label\n"a, b",yes\n' >"$dir/shots.csv"
text 'Q: a, b\nA: yes\n\nQ: c\nA:' --template question --examples "$dir/shots.csv" --query c -n 0
text 'Once upon a time' --from story -n 0
try 0 '"budget":{"context":128,"prompt":2,"max_tokens":100,"left":26}' --json --query a -n 100
try 0 '"shots":[{"index":0,"input":"hot","output":"cold"}],"dropped":[]' \
    --json --template opposite --examples opposites --shots 1 --query wet -n 10
try 1 'the context holds 128: take fewer shots (--trim drops the first ones)' \
    --template review --examples reviews --shots 4 --query Fine. -n 50
[ ! -s "$dir/out" ]; ok "what does not fit is not printed" $?
try 0 '"dropped":[{"index":0,' --json --template review --examples reviews --shots 4 --query Fine. -n 50 --trim
try 1 'it does not fit without any shot either' --template review --examples reviews --query Fine. -n 127 --trim
try 2 '--shots wants --examples FILE' --shots 2 --query x
try 1 'has 16 shots, 17 were asked for' --examples reviews --shots 17 --query x
printf '{"input":"a","output":"b"}\nbroken\n' >"$dir/broken.jsonl"
try 1 'broken.jsonl: line 2' --examples "$dir/broken.jsonl" --query x
try 1 'no-such-template' --template no-such-template --query x
text 'Say cat in French.' --query 'Say {{what}} in {{lang}}.' --var what=cat --var lang=French -n 0
try 1 'query, line 1, column 5: {{what}} has no value' --query 'Say {{what}}' --var lang=French
printf '[query]\n{{> half}}\n' >"$dir/form.txt"; printf '{{> form}}' >"$dir/half.txt"
try 1 'fragments go in a circle: half > form > half' --template "$dir/form.txt" --query x
try 2 '--pick last: there are first, random' --examples reviews --pick last --query x
try 0 '"pick":"random","seed":"7","of":16,"rows":[' --json --examples reviews --shots 2 --pick random --seed 7 --query x -n 0
try 0 '"pick":"nearest","encoder":"tiny-encoder","of":16,"rows":[' \
    --json --template review --examples reviews --shots 1 --pick nearest -n 0 --query 'The soup was cold.'
grep -qF '"input":"The soup was cold and the bread was stale."' "$dir/out"
ok "nearest: the shot about soup" $?
try 1 'has 16 shots, 17 were asked for' --examples reviews --shots 17 --pick balanced --query x
try 1 'want a query to be near to' --examples reviews --shots 1 --pick nearest
try 0 'broken.jsonl: line 2: not a JSON object: left out' --examples "$dir/broken.jsonl" --skip-broken --query x -n 0
try 1 'has 1 shots, 2 were asked for (broken lines are left out)' \
    --examples "$dir/broken.jsonl" --skip-broken --shots 2 --query x -n 0
long=$(printf 'word%s ' $(seq 1 60))
try 1 'the prompt has' --query "$long" -n 20
try 0 'tokens of block 1 were cut, bytes 0 to' --query "$long" -n 20 --cut left
try 0 '"cut":{"rule":"middle","tokens":' --json --query "$long" -n 20 --cut middle
try 2 '--cut right: there are none, shots' --query x --cut right
"$ATTUNE_BIN" compose --query 'a \033[1m	b ' -n 0 -o "$dir/sent" >"$dir/out" 2>"$dir/err"
printf '%s' 'a \033[1m	b ' | cmp -s - "$dir/sent"; ok "compose -o writes what is sent, to the byte" $?
try 1 'cannot be written' --query x -n 0 -o "$dir/no/such/folder"
exit $failed
