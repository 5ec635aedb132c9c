# shellcheck shell=sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Sourced after lib.sh of tests/cli or tests/tui: a language as if it were installed, its locale and its texts.
LOCPATH=$tmp/locale
PAWL_TEXTDOMAINDIR=$tmp/texts
mkdir -p "$LOCPATH"
for tool in localedef msgfmt gettext; do
	command -v "$tool" >/dev/null || { echo "SKIP: no $tool here"; exit 77; }
done

# learn LANGUAGE LOCALE: make both.
learn() {
	mkdir -p "$PAWL_TEXTDOMAINDIR/$1/LC_MESSAGES"
	msgfmt -o "$PAWL_TEXTDOMAINDIR/$1/LC_MESSAGES/pawl.mo" "${srcdir:-.}/po/$1.po"
	[ -e "/usr/share/i18n/locales/$2" ] || { echo "SKIP: the source of the locale $2 is not here (Debian: locales)"; exit 77; }
	localedef -i "$2" -f UTF-8 "$LOCPATH/$2.UTF-8" 2>"$tmp/localedef" || [ -d "$LOCPATH/$2.UTF-8" ] ||
		{ cat "$tmp/localedef"; exit 1; }
	export LOCPATH PAWL_TEXTDOMAINDIR
}

# text LANGUAGE LOCALE TEXT: the translation.
text() {
	LC_ALL=$2.UTF-8 LANGUAGE=$1 TEXTDOMAINDIR=$PAWL_TEXTDOMAINDIR gettext pawl "$3"
}
