#!/bin/sh
# attune against other engines on the same files: rounds in turn, medians of five, as a Markdown
# table. Not part of any check: it takes what is named.
#
#   PEER="path/llama-bench [another/llama-bench ...]" ATTUNE=./attune tests/bench/peers.sh MODEL.gguf ...
#
# PROMPT, NEW, THREADS, ROUNDS: 512, 64, 2, 5. BEFORE: what every measurement goes through.
set -eu

attune=${ATTUNE:-./attune} prompt=${PROMPT:-512} new=${NEW:-64} threads=${THREADS:-2}
rounds=${ROUNDS:-5} before=${BEFORE:-}
[ $# -gt 0 ] && [ -n "${PEER:-}" ] || {
	echo "usage: PEER=path/to/llama-bench $0 MODEL.gguf ..." >&2
	exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The number behind "name": of a JSON text on one or many lines.
number() {
	tr ',{}' '\n\n\n' | sed -n "s/.*\"$1\": *\([0-9.eE+-]*\).*/\1/p" | head -n 1
}

# tokens/s: prefill of the prompt, then decode from an empty context, as the peers do it
take_attune() {
	$before "$attune" bench --json -m "$1" -p "$prompt" -n 1 -t "$threads" -r 1 >"$work/p"
	$before "$attune" bench --json -m "$1" -p 1 -n "$new" -t "$threads" -r 1 >"$work/n"
	echo "$(number prefill_tokens_per_s <"$work/p") $(number decode_tokens_per_s <"$work/n")"
}

# 0 0 where the peer does not take the file
take_peer() {
	if $before "$2" -m "$1" -p "$prompt" -n 0 -t "$threads" -r 1 -o json >"$work/p" 2>"$work/err" &&
		$before "$2" -m "$1" -p 0 -n "$new" -t "$threads" -r 1 -o json >"$work/n" 2>"$work/err"; then
		echo "$(number avg_ts <"$work/p") $(number avg_ts <"$work/n")"
	else
		echo "0 0"
	fi
}

# median of column $1 of a file
median() {
	awk -v c="$1" '{ print $c }' "$2" | sort -g | awk '{ x[NR] = $1 }
		END { print (x[int((NR + 1) / 2)] + x[int(NR / 2) + 1]) / 2 }'
}

printf '| model | engine | prefill, tokens/s | ratio | decode, tokens/s | ratio |\n'
printf '| --- | --- | ---: | ---: | ---: | ---: |\n'
for model; do
	name=$(basename "$model" .gguf)
	rm -f "$work"/*.figures
	round=0
	while [ $round -lt "$rounds" ]; do
		take_attune "$model" >>"$work/attune.figures"
		i=0
		for peer in $PEER; do
			i=$((i + 1))
			take_peer "$model" "$peer" >>"$work/peer$i.figures"
		done
		round=$((round + 1))
	done
	a=$(median 1 "$work/attune.figures") b=$(median 2 "$work/attune.figures")
	printf '| %s | attune | %.1f | | %.1f | |\n' "$name" "$a" "$b"
	i=0
	for peer in $PEER; do
		i=$((i + 1))
		p=$(median 1 "$work/peer$i.figures") n=$(median 2 "$work/peer$i.figures")
		awk -v m="$name" -v e="$peer" -v a="$a" -v b="$b" -v p="$p" -v n="$n" 'BEGIN {
			sub(/\/bin\/[^\/]*$/, "", e); sub(/.*\//, "", e)
			if (p > 0 && n > 0)
				printf "| %s | %s | %.1f | %.2f | %.1f | %.2f |\n", m, e, p, a / p, n, b / n
			else
				printf "| %s | %s | does not take it | | | |\n", m, e }'
	done
done
