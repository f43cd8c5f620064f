#!/bin/sh
# The folders are layers: what each may include, and where each foreign library may be seen.
# Prints TAP.
cd "${top_srcdir:-.}" || exit 1
n=0 failed=0

# rule DESCRIPTION PATTERN FILES...: no line of the files may match.
rule() {
    n=$((n + 1)); what=$1 pattern=$2; shift 2
    found=$(grep -nE "$pattern" "$@" /dev/null | head -n 5)
    if [ -z "$found" ]; then
        echo "ok $n - $what"
    else
        echo "not ok $n - $what"; echo "$found" | sed 's/^/# /'; failed=1
    fi
}

# only DESCRIPTION HEADER FILE: the header is included in that file alone.
only() {
    n=$((n + 1))
    found=$(grep -lE "#[ ]*include +<$2>" engine/*.[ch] prompts/*.[ch] tui/*.[ch] include/attune/*.h 2>/dev/null | grep -v "^$3\$")
    if [ -z "$found" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"; echo "$found" | sed 's/^/# /'; failed=1
    fi
}

echo "1..10"
rule "nobody climbs out of a folder" '#[ ]*include +"\.\./' engine/*.[ch] prompts/*.[ch] tui/*.[ch]
rule "engine/ includes no other folder" '#[ ]*include +"(prompts|tui)/' engine/*.[ch]
rule "engine/ knows nothing of prompts" '#[ ]*include +<attune/(prompt|budget|library|store|run|attune)\.h>' engine/*.[ch]
rule "prompts/ includes no other folder" '#[ ]*include +"(engine|tui)/' prompts/*.[ch]
rule "tui/ includes no other folder" '#[ ]*include +"(engine|prompts)/' tui/*.[ch]
only "SQLite is seen by store.c alone" 'sqlite3\.h' prompts/store.c
only "BLAS is seen by gemm.c alone" 'cblas\.h' engine/gemm.c
only "curses is seen by term.c alone" '(curses|ncurses|ncursesw/.*)\.h' tui/term.c
only "cairo is seen by figure.c alone" '(cairo|fontconfig).*' tui/figure.c
only "readline is seen by line.c alone" 'readline/.*' tui/line.c
exit $failed
