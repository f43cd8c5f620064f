#!/bin/sh
# Every public header compiles alone, as a newcomer would include it, and mentions no foreign library.
# Prints TAP.
cd "${top_srcdir:-.}" || exit 1
n=0 failed=0
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
set -- include/attune/*.h
echo "1..$#"
for h; do
    n=$((n + 1))
    printf '#include <attune/%s>\nint attune_header_test;\n' "${h##*/}" >"$dir/t.c"
    if ${CC:-cc} -std=c11 -pedantic -Wall -Wextra -Werror -Iinclude -c -o "$dir/t.o" "$dir/t.c" 2>"$dir/log" &&
        ! grep -nE '#[ ]*include +<(curses|sqlite3|cblas|jansson|pcre2|utf8proc)' "$h" >"$dir/log"; then
        echo "ok $n - $h"
    else
        echo "not ok $n - $h"; sed 's/^/# /' "$dir/log"; failed=1
    fi
done
exit $failed
