#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# data/workflow.schema.json and the loader judge files alike. The judge of the schema is ajv: from $AJV_DIR, a
# node_modules folder in the build tree, or the npm registry when it can be reached; else this is skipped.
set -eu

srcdir=${srcdir:-.}
node=${NODE:-node}
command -v "$node" >/dev/null 2>&1 || { echo "SKIP: node is not installed, nothing can judge the schema"; exit 77; }

ajv=
for folder in "${AJV_DIR:-}" tests/schema/ajv .; do
	if [ -n "$folder" ] && [ -d "$folder/node_modules/ajv" ]; then
		ajv=$folder
		break
	fi
done
if [ -z "$ajv" ] && command -v npm >/dev/null 2>&1; then
	mkdir -p tests/schema/ajv
	if timeout 60 npm install --prefix tests/schema/ajv --no-audit --no-fund --silent ajv@8 >/dev/null 2>&1 &&
		[ -d tests/schema/ajv/node_modules/ajv ]; then
		ajv=tests/schema/ajv
	fi
fi
[ -n "$ajv" ] || { echo "SKIP: ajv is not at hand and the npm registry cannot be reached (set AJV_DIR)"; exit 77; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$node" "$srcdir/tests/schema/compare.js" "$ajv" tests/schema/judge "$srcdir/data/workflow.schema.json" \
	"$srcdir/tests/schema/cases.txt" "$srcdir/data/examples" "$scratch"
