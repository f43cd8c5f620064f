#!/bin/sh
# --ablate from outside: what is ablated is part of a saved run, and replay proves it. Prints TAP.
. "$top_srcdir/tests/cli/tap.sh"
model=$ATTUNE_GOLDEN/gguf/llama-f32/model.gguf
generate() { # generate SESSION FLAGS...
    session=$1; shift
    try 0 '"steps"' run -m "$model" -p 'Once upon a time' -n 12 --ignore-eos --temperature 0.8 --seed 7 \
        --save "$session" --json "$@"
    cp "$dir/out" "$dir/$session.json"
}

echo "1..26"
generate plain
generate cut --ablate 0.1,1.*:mean
! cmp -s "$dir/plain.json" "$dir/cut.json"; ok "the steps are others" $?
try 0 'ablate=0.1,1.*:mean' show cut --json
try 0 '"steps":12,"identical":true' replay cut --verify --json -t 2
try 0 '"identical":true' replay plain --verify --json
try 0 'ablate=0.1,1.*:mean' export cut
"$ATTUNE_BIN" export cut -o "$dir/cut.attune" >"$dir/out" 2>"$dir/err"
try 0 '' import "$dir/cut.attune"
try 0 '"steps":12,"identical":true' replay 3 --verify --json

# A fork goes on with the same, unless a flag says otherwise.
try 0 'ablate=0.1,1.*:mean' run --fork 2:4 --json
try 0 '"identical":true' replay 4 --verify --json
try 0 'ablate=0.0"' run --fork 2:4 --ablate 0.0 --json
try 0 '"identical":true' replay 5 --verify --json

# A saved run's maps: prompt and steps, with what was ablated there.
try 0 '"weights"' attention --run 2 --layer 1 --json
cp "$dir/out" "$dir/map.json"
try 0 '"weights"' attention --run 2 --layer 1 --json --ablate ''
! cmp -s "$dir/out" "$dir/map.json"; ok "without the ablation it is another map" $?
try 2 '--run has its own prompt' attention --run 2 -p x
try 1 'no run 99' attention --run 99

# The same numbers wherever they are asked for.
try 0 '"set":"1"' probs -m "$model" -p 'Once upon a time' --ablate 1 --json --top 3
try 0 '"p_before"' probs -m "$model" -p 'Once upon a time' --ablate 1 --json --top 3
try 0 'KL(was || is)' probs -m "$model" -p 'Once upon a time' --ablate 1
try 0 '"weights"' attention -m "$model" -p 'Once upon a time' --ablate 0 --layer 1 --json
try 1 "there are layers 0 to 1" probs -m "$model" -p 'Once' --ablate 7.0
try 1 'behind the colon stands zero, mean or off' logits -m "$model" -p 'Once' --ablate 0.0:half
try 2 'names no head' run -m "$model" -p 'Once' --ablate first
try 2 '--ablate wants a model' probs --logits x.safetensors --ablate 0.0
exit $failed
