# SPDX-License-Identifier: GPL-3.0-or-later
# Theme files -> a C table of { name, text }.
BEGIN { print "/* Made from data/themes by theme_data.awk. */" ; print "static const struct { const char *name, *text; } theme_files[] = {" }
FNR == 1 { if (NR > 1) print "\t},"; name = FILENAME; sub(/.*\//, "", name); sub(/\.theme$/, "", name); printf "\t{ \"%s\",\n", name }
{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); printf "\t  \"%s\\n\"\n", $0 }
END { print "\t},\n};" }
