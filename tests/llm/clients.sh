#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The stand-in for servers of models is right: the makers' own client libraries, fetched into a temporary folder, are
# pointed at it. Not run (exit status 77) where they cannot be fetched.
set -eu

skip() {
	echo "not run: $*"
	exit 77
}

srcdir=$(cd "${srcdir:-$(dirname "$0")/../..}" && pwd)
command -v node >/dev/null || skip "there is no node"
command -v npm >/dev/null || skip "there is no npm"
command -v python3 >/dev/null || skip "there is no python3"
room=$(mktemp -d)
pid=
trap 'exec 3>&- || :; [ -z "$pid" ] || wait "$pid" || :; rm -rf "$room"' EXIT INT TERM

cd "$room"
echo '{"private": true}' >package.json
timeout 120 npm install --no-audit --no-fund --ignore-scripts --silent --fetch-retries=0 --fetch-timeout=15000 \
	@anthropic-ai/sdk anthropic-before@npm:@anthropic-ai/sdk@0.60.0 openai ollama >npm.log 2>&1 || skip "the client libraries cannot be fetched"
for name in @anthropic-ai/sdk anthropic-before openai ollama; do
	node -p "'$name ' + JSON.parse(require('fs').readFileSync('node_modules/$name/package.json')).version"
done

mkfifo life port
python3 "$srcdir/tests/standin/provider.py" <life >port 3>&- &
pid=$!
exec 3>life # its input ends with this script
read -r number <port
cp "$srcdir/tests/llm/clients.mjs" .
timeout 120 node clients.mjs "$number"
