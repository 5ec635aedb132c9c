#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# The command line and the engine under locales whose numbers have a comma and whose language is not English: numbers
# stay what they are, each who asks is answered in their language, and what is stored or read by programs is English.
. "${srcdir:-.}/tests/cli/lib.sh"
. "${srcdir:-.}/tests/language.sh"
unset LANGUAGE

learn de de_DE
learn es es_ES
learn zh_CN zh_CN
[ "$(LC_ALL=de_DE.UTF-8 printf %.1f 0,5 2>/dev/null)" = 0,5 ] ||
	[ "$(LC_ALL=de_DE.UTF-8 locale decimal_point)" = , ] || fail "the locale has no comma"

cat >"$tmp/numbers.yaml" <<'END'
name: numbers
params:
  ratio: {type: number, default: 0.5}
nodes:
  show: {env: {RATIO: "${{ params.ratio }}"}, run: 'echo "ratio $RATIO"'}
END
cat >"$tmp/wait.yaml" <<'END'
name: wait
nodes:
  first: {run: "true"}
  second: {needs: first, run: "true"}
END

# The engine of somebody German.
LC_ALL=de_DE.UTF-8
run 0 engine start -q
run 0 run -q "$tmp/numbers.yaml"
run 0 logs last/show
says '^ratio 0\.5$'
run 0 show last --json
says '"params":\{"ratio":0\.5\}'
run 0 submit -q "$tmp/numbers.yaml" -p ratio=2.25
until_says '"state":"succeeded"' show last --json
says '"params":\{"ratio":2\.25\}'

# One engine, several people.
LC_ALL=C
run 0 submit -q --paused "$tmp/wait.yaml"
until_says 'waits for ' show last
for language in de:de_DE es:es_ES zh_CN:zh_CN; do
	locale=${language#*:}
	language=${language%:*}
	waits=$(text "$language" "$locale" 'waits for ')
	refused=$(text "$language" "$locale" 'no node of it has failed')
	[ "$waits" != 'waits for ' ] || fail "no text in $language"
	LC_ALL=$locale.UTF-8
	run 0 show last
	grep -qF "$waits" "$tmp/out" || fail "$language: not \"$waits\""
	run 5 retry last
	grep -qF "$refused" "$tmp/err" || fail "$language: not \"$refused\""
	run 0 why last second --json # programs read the same everywhere
	says 'it needs first, which is ready'
	LC_ALL=C
	run 0 show last
	says 'waits for '
done

# LANGUAGE is what gettext looks at first, unless the locale is C.
waits=$(text es de_DE 'waits for ')
LC_ALL=de_DE.UTF-8 LANGUAGE=es run 0 show last
grep -qF "$waits" "$tmp/out" || fail "LANGUAGE: not \"$waits\""
LC_ALL=C LANGUAGE=es run 0 show last
says 'waits for '
echo "$count commands"
