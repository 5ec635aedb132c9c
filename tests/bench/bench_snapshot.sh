#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Snapshots beside `git add -A && git write-tree`, `git status` and `rsync -a`, in turn, in one run:
# the times are this machine's, the ratios mean something. The median of ROUNDS is printed.
#
# Usage: bench_snapshot.sh BUILD [ROUNDS [FILES...]]
set -eu
build=${1:-.} rounds=${2:-3}
[ $# -lt 2 ] || shift
[ $# -lt 1 ] || shift
[ $# -gt 0 ] || set -- 1000 10000 100000
bench=$build/tests/bench/bench_snapshot
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null

now() { date +%s%N; }
timed() { # name, command: appends milliseconds
	name=$1
	shift
	begin=$(now)
	"$@" >/dev/null
	echo $((($(now) - begin) / 100000)) | sed 's/\(.\)$/.\1/; s/^\./0./' >>"$scratch/t.$name"
}
ours() { # name, arguments of bench_snapshot
	name=$1
	shift
	"$bench" "$@" >"$scratch/out"
	cut -d' ' -f1 <"$scratch/out" >>"$scratch/t.$name"
}
median() { sort -n "$scratch/t.$1" | awk '{ v[NR] = $1 } END { printf "%.1f", v[int((NR + 1) / 2)] }'; }
tree() { # files: 100 in a folder, some 2 KB each
	awk -v n="$1" -v root="$scratch/work" 'BEGIN {
		for (i = 0; i < n; i++) {
			if (i % 100 == 0) {
				dir = root "/d" int(i / 10000) "/e" int(i / 100)
				system("mkdir -p " dir)
			}
			file = dir "/f" i
			for (j = 0; j < 40; j++) print i * 7919 + j, "a line of some text that stands for code" > file
			close(file)
		}
	}'
}
alter() { # round: one file of a hundred
	find "$scratch/work" -name "f*00" -path '*/e*' -exec sh -c 'for f; do echo "$0" >>"$f"; done' "$1" {} +
}
add_and_write() { git -C "$scratch/work" add -A && git -C "$scratch/work" write-tree; }

for files; do
	rm -f "$scratch"/t.*
	for round in $(seq "$rounds"); do
		rm -rf "$scratch/work" "$scratch/store" "$scratch/copy"
		mkdir "$scratch/work"
		tree "$files"
		timed rsync.full rsync -a "$scratch/work/" "$scratch/copy"
		ours pawl.full snapshot "$scratch/store" "$scratch/work"
		first=$(cut -d' ' -f2 <"$scratch/out")
		git init -q "$scratch/work"
		timed git.full add_and_write
		ours warm snapshot "$scratch/store" "$scratch/work" # by now all files are old enough
		timed git.status git -C "$scratch/work" status --porcelain
		ours pawl.same snapshot "$scratch/store" "$scratch/work"
		timed git.same add_and_write
		timed rsync.same rsync -a "$scratch/work/" "$scratch/copy"
		alter "$round"
		timed rsync.some rsync -a --exclude .git "$scratch/work/" "$scratch/copy"
		timed git.some add_and_write
		ours pawl.some snapshot "$scratch/store" "$scratch/work"
		ours pawl.back restore "$scratch/store" "$scratch/work" "$first"
		timed git.back git -C "$scratch/work" checkout-index -a -f
		rm -rf "$scratch/work/.git"
		find "$scratch/work" -mindepth 1 -delete
		ours pawl.all restore "$scratch/store" "$scratch/work" "$first"
		find "$scratch/work" -mindepth 1 -delete
		timed rsync.all rsync -a "$scratch/copy/" "$scratch/work"
	done
	echo "$files files, ms        pawl      git    rsync"
	echo "first snapshot     $(median pawl.full) $(median git.full) $(median rsync.full)" | awk '{ printf "%-16s %8s %8s %8s\n", $1 " " $2, $3, $4, $5 }'
	echo "nothing changed    $(median pawl.same) $(median git.same) $(median rsync.same)" | awk '{ printf "%-16s %8s %8s %8s\n", $1 " " $2, $3, $4, $5 }'
	echo "1% changed    $(median pawl.some) $(median git.some) $(median rsync.some)" | awk '{ printf "%-16s %8s %8s %8s\n", $1 " " $2, $3, $4, $5 }'
	echo "1% back    $(median pawl.back) $(median git.back) -" | awk '{ printf "%-16s %8s %8s %8s\n", $1 " " $2, $3, $4, $5 }'
	echo "all back    $(median pawl.all) - $(median rsync.all)" | awk '{ printf "%-16s %8s %8s %8s\n", $1 " " $2, $3, $4, $5 }'
	echo "git status                $(median git.status)"
done
