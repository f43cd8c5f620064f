#!/bin/sh
# run --save and replay --verify, from outside, on a small model; and what is left when a run is killed.
# Prints TAP.
. "$top_srcdir/tests/cli/tap.sh"
model=$dir/model.gguf
cp "$ATTUNE_GOLDEN/gguf/llama-f32/model.gguf" "$model" || exit 1
generate() { # generate SESSION SEED: what it printed is in SESSION.json
    "$ATTUNE_BIN" run -m "$model" -p 'Once upon a time' -n 20 --ignore-eos --temperature 0.8 --top-k 50 --seed "$2" \
        --save "$1" --json >"$dir/$1.json" 2>"$dir/err"
}
steps() { sed 's/,"interval":[^]]*],"logsumexp"[^}]*"stages":\[[^]]*\],"candidates":\[[^]]*\],"eval_ms":[^,]*,"sample_ms":[^}]*}/}/g
    s/.*"steps":\(\[.*\]\),.*/\1/' "$1"; }

echo "1..47"
generate story 7; ok "a run is saved" $?
try 0 '{"steps":20,"identical":true,"identical_steps":20,"first_difference":null,"max_logit_error":0' \
    replay story --verify --json
try 0 'all 20 steps are identical' replay 1 --verify -t 2
try 0 '"what":"all 20 steps are identical","runs":[{' replay story --verify --json -m "$model"
"$ATTUNE_BIN" replay story --json >"$dir/replay.json" 2>"$dir/err"
steps "$dir/story.json" >"$dir/a"; steps "$dir/replay.json" >"$dir/b"; cmp "$dir/a" "$dir/b" >"$dir/out"
ok "replay prints the steps that run printed" $?
generate other 8
try 0 '"steps":20,"identical":true' replay other --verify --json

try 0 '"equal":true' diff story story --json --exit-code
try 3 'seed               7  |  8' diff story other --exit-code
try 0 '"same_prompt":true' diff 1 2 --json
try 1 'no run 77' diff 1 77

# Forks: what no flag says is as it was; the same draws make the same steps; every branch proves.
try 0 '"fork":{"run":1,"steps":8}' run --fork 1:8 --json
try 0 '"steps":12,"identical":true' replay 3 --verify --json
try 0 '"same_tokens":12' diff 1 3 --json
try 0 '"prompt_ids"' run --fork 1:8 --token 77 --json
try 0 '"identical":true' replay 4 --verify --json
try 0 '"identical":true' replay story --verify --json
try 0 '|- after step 8 of 1' show story
try 0 'fork       of run 1 behind 8 of its steps' show 4
try 1 'none to fork at 21' run --fork 1:21
try 1 '--fork wants RUN:STEP' run --fork 1
try 2 '--token goes with --fork' run -p x --token 3
steps=$("$ATTUNE_BIN" db stats --json | sed 's/.*"steps":\([0-9]*\),"nodes":\([0-9]*\).*/\1 \2/')
[ "$steps" = "63 53" ]; ok "a fork that draws the same keeps no step twice: $steps" $?

# A constraint is part of what a run was made with: it is stored, forked and proved with it.
try 0 'constraint=json' run -m "$model" -p 'Once upon a time' --grammar json -n 12 --seed 5 --save form --json
try 0 '"identical":true' replay form --verify --json
try 0 'constraint=json' run --fork 5:4 --json
try 0 '"identical":true' replay form --verify --json

# Of an encoder-decoder it is the decoder's side that goes on.
try 0 '"session":"two"' run -m "$ATTUNE_GOLDEN/hf/t5-gated-untied" --ids 5,6,7,8 -n 8 --seed 3 --ignore-eos \
    --save two --json --db "$dir/two.db"
try 0 '"prompt_ids":[5,6,7,8],"fork":{"run":1,"steps":4}' run --fork 1:4 --json --db "$dir/two.db"
try 0 '"index":5' run --fork 1:4 --token 9 --json --db "$dir/two.db"
try 0 '"steps":15,"identical":true' replay two --verify --json --db "$dir/two.db"
try 0 '4 tokens, 4 aligned' diff 1 2 --db "$dir/two.db"
try 0 '"inherited":5' show 3 --json --db "$dir/two.db"

# A step in full: computed with the model, shown without.
try 0 '"kind":"attention"' pin 1:2 --what all --json
try 0 '"kind":"logits"' pin 1:2 --json -m "$dir/nothing"
try 0 'step 2' pin 1 -m "$dir/nothing"
try 0 'logits' pin 1:2 -o "$dir/pins.safetensors"
try 0 '"pins":[]' pin 1:2 --off --json
try 1 'nothing is pinned' pin 1:2 --off
try 1 'has no step 99' pin 1:99
try 2 'wants RUN:STEP' pin 1 --off

# The same name, other weights.
cp "$ATTUNE_GOLDEN/gguf/llama-q8_0/model.gguf" "$model"
try 3 '"identical":false' replay story --verify --json
try 3 'the model is not the recorded one' replay story --verify
rm "$model"
try 1 'is gone: name it with -m' replay story --verify
try 0 'all 20 steps are identical' replay story --verify -m "$ATTUNE_GOLDEN/gguf/llama-f32/model.gguf"
try 3 'step 0 differs in its logits' replay story --verify -m "$ATTUNE_GOLDEN/gguf/llama-q4_0/model.gguf"

# Killed in the middle: what was printed 100 ms before is there, and proves.
model=$ATTUNE_GOLDEN/gguf/llama-f32/model.gguf
mkfifo "$dir/pipe"
"$ATTUNE_BIN" run -m "$model" -p 'Once upon a time' -n 100 --ignore-eos --seed 9 --save killed --stream \
    >"$dir/pipe" 2>"$dir/err" &
pid=$!
exec 3<"$dir/pipe"
head -n 5 <&3 >"$dir/out"
sleep 1
kill -9 $pid 2>"$dir/err"
exec 3<&-
wait $pid 2>"$dir/err"
try 0 'are identical' replay killed --verify
saved=$("$ATTUNE_BIN" show killed --json | sed 's/.*"steps":\([0-9]*\).*/\1/')
[ "$saved" -ge 5 ]; ok "at least the five steps that were seen are saved" $?
exit $failed
