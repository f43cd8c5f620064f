#!/bin/sh
# The verbs on saved work, from outside: import, sessions, show, replay, export, rm. Prints TAP.
. "$top_srcdir/tests/cli/tap.sh"
films=$ATTUNE_GOLDEN/store/films.json
# one_line: the failure before was one line on standard error and nothing on standard output.
one_line() {
    [ ! -s "$dir/out" ] && [ "$(wc -l <"$dir/err")" -eq 1 ] && grep -q '^attune: ' "$dir/err"
    ok "one line and nothing else" $?
}

echo "1..74"
try 0 '[]' sessions --json
try 0 'nothing was saved there yet' sessions --db "$dir/missing.db"
one_line
[ ! -e "$ATTUNE_DB" ]; ok "looking makes no database" $?
try 1 'nothing was saved there yet' show 1
one_line
try 0 '{"session":"films","runs":[1,2]}' import --json "$films"
try 0 '2 runs in session films (2)' import "$films"
"$ATTUNE_BIN" export films >"$dir/again.json"; cmp "$films" "$dir/again.json" >"$dir/out" 2>"$dir/err"
ok "export gives back what was imported, byte for byte" $?
"$ATTUNE_BIN" export 1 -o "$dir/one.json" && grep -q '"run":1,' "$dir/one.json"; ok "export of one run to a file" $?
try 1 'no-such-folder/x: No such file' export 1 -o "$dir/no-such-folder/x"
try 0 '{"session":"films","created":' sessions --json
try 0 '"matches":[1]' sessions --json --search wonderful
try 0 '[]' sessions --json --search nothing-of-that-kind
try 0 '"stop_reason":"length"' show --json 1
try 0 '"stop_reason":""' show --json 2
try 0 'Review: The movie was wonderful.' show 1
try 0 'entropy_bits' show --json 1
try 0 '[{"run":1,"session":"films"' show --json films
try 0 '"prompt_ids":[1,20,300,4000]' replay --json 1
try 0 '{"session":"films","runs":[{' replay --json films
"$ATTUNE_BIN" replay 1 >"$dir/out" 2>"$dir/err"; printf ' w26707 w17369 w21651\n' | cmp - "$dir/out" >>"$dir/err" 2>&1
ok "replay prints the text as it was saved" $?
try 0 ' w26707 w17369 w21651' replay films --run 1 --speed 1000
try 1 'films has no run 3' replay films --run 3
one_line
try 1 'is gone: name it with -m' replay 1 --verify
try 1 'no session nobody' show nobody
try 1 'no run 99' rm 99
try 2 'wants a whole number' replay 1 --run x
try 2 'usage: attune show ID' show
try 0 'films  1  tag  good' mark 1 +good also
try 0 'films  1:2  bookmark  the turn' mark 1:2 --bookmark 'the turn'
try 0 '{"note":"zebra at night"}' note 1 'zebra at night' --json
try 0 'zebra at night' note 1
try 0 '"matches":[1]' sessions --json --search 'zebra wonder'
try 0 'found in 1' sessions --tag good
try 0 '[]' sessions --tag bad --json
try 0 '"matches":[1]' sessions --where temperature=0..0.7 --where tokens=3 --stop length --since 2020 --json
try 2 'wants NAME=LOW..HIGH' sessions --where temperature
try 1 'runs have no number heat' sessions --where heat=1
try 0 'tags       also good' show 1
"$ATTUNE_BIN" export films >"$dir/marked.json"
"$ATTUNE_BIN" import "$dir/marked.json" --db "$dir/other.db" >"$dir/out" 2>"$dir/err" &&
    "$ATTUNE_BIN" export films --db "$dir/other.db" | cmp - "$dir/marked.json" >>"$dir/out" 2>&1
ok "marks go out and come back with the session" $?
try 0 'films  1  tag  also' mark 1 -good
! grep -qF 'tag  good' "$dir/out"; ok "a tag is taken off" $?
try 1 'run 1 has no step 7' mark 1:7 +x
try 0 '{"note":""}' note 1 '' --json
"$ATTUNE_BIN" export films -o "$dir/x.md" && head -n 1 "$dir/x.md" >"$dir/out" && grep -q '^# films' "$dir/out"; ok "a report in Markdown" $?
"$ATTUNE_BIN" export films -o "$dir/x.html" && grep -q '</html>' "$dir/x.html"; ok "a report as a page" $?
"$ATTUNE_BIN" export 1 -o "$dir/x.cast" && head -n 1 "$dir/x.cast" >"$dir/out" && grep -q '"version": 2' "$dir/out"; ok "a recording" $?
try 1 'there is no format pdf' export 1 --format pdf
try 0 "$ATTUNE_DB" db path
try 0 '"right":true' db check --json
try 0 '"sessions":2,"runs":4,' db stats --json
try 0 '"bytes_after":' db vacuum --json
try 2 'path, stats, check or vacuum' db repair
try 1 'nothing was saved there yet' db check --db "$dir/missing.db"
printf '{"format":"attune session","version":9}' >"$dir/newer.json"
try 1 'a newer attune wrote it' import "$dir/newer.json"
try 1 'not JSON at line 1' import "$ATTUNE_GOLDEN/store/schema-1.sql"
truncate -s 10G "$dir/huge.json" 2>"$dir/err" && try 1 'bytes are not read' import "$dir/huge.json" || ok "no room for a huge file" 0
one_line
try 1 'Is a directory' import "$dir"

# What the tool llm logged comes in as runs of text, once, and says what it is not.
if command -v sqlite3 >/dev/null; then
    sqlite3 "$dir/logs.db" "CREATE TABLE responses (id TEXT, model TEXT, prompt TEXT, response TEXT, datetime_utc TEXT); \
        INSERT INTO responses VALUES ('a', 'gpt-x', 'Name a pelican', 'Percy', '2025-05-01T10:11:12+00:00');"
    try 0 '"runs":1,"known":0' import "$dir/logs.db" --json --db "$dir/llm.db"
    try 0 '0 responses of llm as runs, 1 were here already' import "$dir/logs.db" --db "$dir/llm.db"
    try 0 'Percy' show 1 --db "$dir/llm.db"
    try 1 'came from llm as text' replay 1 --verify --db "$dir/llm.db" -m "$ATTUNE_GOLDEN/gguf/llama-f32/model.gguf"
    try 1 'has no tokens to fork' run --fork 1:0 --db "$dir/llm.db"
else
    for i in 1 2 3 4 5; do ok "sqlite3 is not here: tests/prompts/store_llm_test does this" 0; done
fi

# A page in the middle is nonsense: it is said, and what can be read comes out.
for i in 1 2 3 4 5 6; do "$ATTUNE_BIN" import --db "$dir/broken.db" "$films" >"$dir/out" 2>"$dir/err"; done
pages=$(($(wc -c <"$dir/broken.db") / 4096))
dd if="$ATTUNE_BIN" of="$dir/broken.db" bs=4096 seek=$((pages / 2)) count=2 conv=notrunc 2>"$dir/err"
try 1 'is damaged' sessions --db "$dir/broken.db"
one_line
try 3 'damaged: ' db check --db "$dir/broken.db"
got=0
for s in films 'films (2)' 'films (3)' 'films (4)' 'films (5)' 'films (6)'; do
    "$ATTUNE_BIN" export --salvage "$s" --db "$dir/broken.db" -o "$dir/saved.json" 2>"$dir/err" &&
        "$ATTUNE_BIN" import "$dir/saved.json" --db "$dir/rescued.db" >"$dir/out" 2>>"$dir/err" && got=$((got + 1))
done
[ "$got" -ge 1 ]; ok "what can be read is taken out: $got of 6 sessions" $?
try 0 'all is right' db check --db "$dir/rescued.db"

try 0 '{"removed":["films (2)","2"]}' rm --json 'films (2)' 2
"$ATTUNE_BIN" rm films >"$dir/out" 2>"$dir/err" && ! grep -q 'wonderful' "$ATTUNE_DB"; ok "no word is left in the file" $?
try 0 '[]' sessions --json
exit $failed
