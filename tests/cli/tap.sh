# What the scripts of verbs begin with: a folder and a database of their own, and two ways to say
# what holds, printed as TAP. Sourced.
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
ATTUNE_DB=$dir/test.db; export ATTUNE_DB
n=0 failed=0

ok() { # ok DESCRIPTION STATUS
    n=$((n + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"; sed 's/^/# /' "$dir/out" "$dir/err"; failed=1
    fi
}
# try STATUS PATTERN ARGS...: the verb ends so, and what it says has the pattern (fixed text).
try() {
    wanted=$1 pattern=$2; shift 2
    "$ATTUNE_BIN" "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    [ $got -eq "$wanted" ] && cat "$dir/out" "$dir/err" | grep -qF -- "$pattern"
    ok "attune $*: $pattern" $?
}
