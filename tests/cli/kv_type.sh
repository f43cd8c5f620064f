#!/bin/sh
# --kv-type from outside: what keys and values are kept in is part of a saved run, and replay proves it.
# Prints TAP.
. "$top_srcdir/tests/cli/tap.sh"
model=$ATTUNE_GOLDEN/gguf/llama-f32/model.gguf
generate() { # generate SESSION FLAGS...
    session=$1; shift
    try 0 '"steps"' run -m "$model" -p 'Once upon a time' -n 12 --ignore-eos --temperature 0.8 --seed 7 \
        --save "$session" --json "$@"
    cp "$dir/out" "$dir/$session.json"
}

echo "1..11"
generate plain
generate half --kv-type f16
! cmp -s "$dir/plain.json" "$dir/half.json"; ok "the steps are others" $?
try 0 '"steps":12,"identical":true' replay half --verify --json -t 2
try 0 '"identical":true' replay plain --verify --json
try 0 '; kv f16' export half
"$ATTUNE_BIN" export half -o "$dir/half.attune" >"$dir/out" 2>"$dir/err"
try 0 '' import "$dir/half.attune"
try 0 '"steps":12,"identical":true' replay 3 --verify --json
try 0 ', K as kept in f16' attention -m "$model" -p 'Once upon a time' --layer 1 --kv-type f16
try 1 'they are kept in f32, f16 or q8_0' probs -m "$model" -p 'Once' --kv-type q4_0
try 1 'take f16 or f32' probs -m "$model" -p 'Once' --kv-type q8_0
exit $failed
