#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Every language of po/LINGUAS is whole: msgfmt accepts it (directives, plurals, header), and measured by a
# fresh template nothing is missing, fuzzy or left over; short console words keep to their room, and blanks at
# the ends of a text are kept (see po_room.py). The check proves first on copies that it can fail.
#
# Usage: po.sh [LANGUAGE…]        those languages alone, without the proof
set -eu

for tool in xgettext msgmerge msgattrib msgfmt python3; do
	command -v "$tool" >/dev/null || { echo "SKIP: no $tool here"; exit 77; }
done
source=${srcdir:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1

template=$scratch/pawl.pot
options=$(sed -n 's/^XGETTEXT_OPTIONS *= *//p' "$source/po/Makevars")
# shellcheck disable=SC2086 # several options
xgettext $options --directory="$source" --files-from="$source/po/POTFILES.in" --output="$template"
texts=$(grep -c '^msgid ' "$template")
[ "$texts" -gt 1000 ] || { echo "the template has only $texts messages; is po/Makevars read rightly?"; exit 1; }

entries() { # file; how many messages besides the header
	grep '^msgid ' "$1" | sed 1d | wc -l
}

titles() { # file, what is wrong with its messages; one line for each but the header
	awk -v wrong="$2" '
		{ sub(/^#~ /, "") }
		long { long = 0; if (/^"/) print wrong ": " $0 " …" }
		$0 == "msgid \"\"" { long = 1; next }
		/^msgid / { print wrong ": " substr($0, 7) }' "$1"
}

check() ( # .po file, its language; prints what is wrong, true when there is nothing
	po=$1
	merged=$scratch/merged.po
	{
		msgfmt --check --output-file=/dev/null "$po" 2>&1 || echo "msgfmt refuses it"
		msgmerge --quiet --no-fuzzy-matching --output-file="$merged" "$po" "$template" 2>&1 ||
			{ echo "msgmerge refuses it"; return 1; }
		# The flags of the sources are the ones that count: once more, as merged.
		msgfmt --check --output-file=/dev/null "$merged" 2>&1 || echo "msgfmt refuses it, merged"
		msgattrib --untranslated --no-obsolete "$merged" >"$scratch/list" && titles "$scratch/list" untranslated
		msgattrib --only-fuzzy --no-obsolete "$merged" >"$scratch/list" && titles "$scratch/list" fuzzy
		msgattrib --only-obsolete "$merged" >"$scratch/list" && titles "$scratch/list" obsolete
		grep -q "^\"Language: $2\\\\n\"" "$po" || echo "its header does not say Language: $2"
		grep -qi '^"Content-Type: text/plain; charset=UTF-8\\n"' "$po" || echo "its header does not say charset=UTF-8"
		python3 "$source/tests/po_room.py" "$merged"
	} >"$scratch/found" || :
	sed "s|^$merged:[0-9]*: ||; s|$scratch/||; s|^|po/$2.po: |" "$scratch/found"
	[ ! -s "$scratch/found" ]
)

seeds=0
refuses() { # what the check must say; the seeded copy is $seeded
	if found=$(check "$seeded" "$language") || ! printf '%s\n' "$found" | grep -q "$1"; then
		echo "the check does not see in a copy of po/$language.po: $1; it says:"
		printf '%s\n' "$found"
		exit 1
	fi
	seeds=$((seeds + 1))
}

translate() { # message, new translation, as they stand in the file; writes the copy
	awk -v id="msgid \"$1\"" -v text="msgstr \"$2\"" '
		$0 == id { hit = 1; print; next }
		hit && /^msgstr/ { print text; hit = 0; inside = 1; next }
		inside && /^"/ { next }
		{ inside = 0; print }' "$whole" >"$seeded"
}

prove() {
	whole=$scratch/whole.po seeded=$scratch/seeded.po
	msgmerge --quiet --no-fuzzy-matching --output-file="$whole" "$source/po/$language.po" "$template"

	awk -v RS= -v ORS='\n\n' '!/\nmsgid "node"\n/' "$whole" >"$seeded"
	[ "$(entries "$seeded")" -eq $(($(entries "$whole") - 1)) ] || { echo "nothing was seeded"; exit 1; }
	refuses 'untranslated: "node"'
	awk -v RS= -v ORS='\n\n' '!/\nmsgid ""\n"Says how many runs /' "$whole" >"$seeded" # one of several lines
	refuses 'untranslated: "Says how many runs '
	translate node ''
	refuses 'untranslated: "node"'
	sed 's/^msgid "node"$/#, fuzzy\n&/' "$whole" >"$seeded"
	refuses 'fuzzy: "node"'
	{ cat "$whole"; printf '\nmsgid "nobody says this"\nmsgstr "x"\n'; } >"$seeded"
	refuses 'obsolete: "nobody says this"'
	translate 'cannot read %s' '%d'
	refuses 'msgfmt refuses it'
	translate node 'a word that is too long'
	refuses "columns where 'node'"
	translate node '二三四五節' # five characters, ten columns
	refuses "10 columns where 'node'"
	translate 'engine ' engine
	refuses 'other blanks at its ends'
	sed "s/^\"Language: $language/\"Language: xx/" "$whole" >"$seeded"
	refuses 'does not say Language'
	cp "$whole" "$seeded"
	check "$seeded" "$language" || { echo "the copy is not as it was"; exit 1; }
}

listed=$(sed 's/#.*//' "$source/po/LINGUAS" | tr -s '[:space:]' ' ')
wrong=0 n=0
# shellcheck disable=SC2048,SC2086 # words
for language in ${*:-$listed}; do
	n=$((n + 1))
	check "$source/po/$language.po" "$language" || wrong=1
done
for file in "$source"/po/*.po; do
	name=$(basename "$file" .po)
	case " $listed " in
	*" $name "*) ;;
	*) echo "po/LINGUAS does not name $name"; wrong=1 ;;
	esac
done
[ "$n" -gt 0 ] || { echo "po/LINGUAS names no language"; exit 1; }
[ "$wrong" -eq 0 ] || exit 1
[ $# -eq 0 ] || exit 0
for language in $listed; do
	prove
	break
done
echo "$n languages are whole ($((texts - 1)) messages); $seeds seeded mistakes were found"
