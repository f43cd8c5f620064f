#!/bin/sh
# The bundled translator from outside: agreement, gaps, and where it looks. Prints TAP.
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
model=${top_srcdir:-.}/share/models/tiny-seq2seq
n=0 failed=0

answer() { # answer SENTENCE: what the model makes of it
    "$ATTUNE_BIN" run -m "$model" -p "$1" --greedy --json 2>"$dir/err" |
        sed 's/.*"text":"\([^"]*\)".*/\1/; s/^ *//'
}
ok() { # ok DESCRIPTION GOT WANTED
    n=$((n + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"; failed=1
        printf '# wanted: %s\n# got:    %s\n' "$3" "$2"; sed 's/^/# /' "$dir/err"
    fi
}
translates() { # translates ENGLISH FRENCH
    ok "$1" "$(answer "$1")" "$2"
}
ids() { # ids TEXT: separated by commas
    "$ATTUNE_BIN" tokenize -m "$model" -p "$1" --json | sed 's/.*"ids":\[\([0-9,]*\)\].*/\1/'
}
# looks LAYER LATE: for every word of the answer but `a`, the source position with the most weight
looks() {
    "$ATTUNE_BIN" attention -m "$model" -p 'The cat chased the mouse.' --kind cross --layer "$1" \
        --head 0 --decoder-ids "0,$(ids 'Le chat a poursuivi la souris.')" 2>"$dir/err" |
        awk -v late="$2" '$1 == 2 + late || $1 == 4 + late || $1 == 6 + late {
            sub(/.* on /, ""); printf "%s ", $2 }'
}

echo "1..8"
translates 'The cat chased the mouse.' 'Le chat a poursuivi la souris.'
translates 'translate English to French: The cat chased the mouse.' 'Le chat a poursuivi la souris.'
translates 'The girl found the bird.' "La fille a trouvé l'oiseau."
translates 'The girls went to the market yesterday.' 'Les filles sont allées au marché hier.'
translates 'She did not see the small black cat.' "Elle n'a pas vu le petit chat noir."
ok 'a gap has its sentinels' \
    "$("$ATTUNE_BIN" run -m "$model" -p 'Le chat <extra_id_0> la souris.' --greedy --stream 2>"$dir/err" |
        sed -n 's/.*"token":"\(<extra_id_[0-9]>\)".*/\1/p' | tr '\n' ' ')" \
    '<extra_id_0> <extra_id_1> '
ok 'a word looks at what it translates' "$(looks 0 0)" '·cat ·chased ·mouse '
ok 'the place before it does so too' "$(looks 1 -1)" '·cat ·chased ·mouse '
exit $failed
