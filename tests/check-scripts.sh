#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Shell scripts are read by shellcheck, Python by its compiler. Skipped where shellcheck is missing.
set -eu
cd "${srcdir:-.}"
command -v shellcheck >/dev/null || { echo "no shellcheck here"; exit 77; }

scripts=$(find bootstrap .ci tests data doc -type f -perm -u+x ! -path 'data/build-aux/*' \
	-exec grep -lE '^#! ?(/usr)?/bin/(env )?(ba)?sh' {} + 2>/dev/null | sort)
[ "$(echo "$scripts" | wc -l)" -ge 4 ] || { echo "hardly any script was found: $scripts"; exit 1; }
# shellcheck disable=SC2086
shellcheck -x $scripts

# shellcheck disable=SC2016 # a script that must not pass
if printf '#!/bin/sh\nrm -rf $1/*\n' | shellcheck - >/dev/null; then
	echo "shellcheck passes what it should not"
	exit 1
fi
find tests data -type f -perm -u+x -exec grep -lE '^#!.*python3' {} + | while read -r program; do
	python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$program"
done
echo "$(echo "$scripts" | wc -l) scripts are clean"
