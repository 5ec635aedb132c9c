# SPDX-License-Identifier: GPL-3.0-or-later
# Turns queries.sql into an enum and a table. A statement begins with "-- NAME: why it is asked"; "(scan)"
# in the why admits that it reads a whole table.
/^-- [A-Z_0-9]+:/ {
	name = $2; sub(/:$/, "", name); names[++n] = name; text[n] = ""
	scan[n] = /\(scan\)/ ? "true" : "false"
	next
}
/^--/ || /^[ \t]*$/ { next }
n { gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, " "); text[n] = text[n] "\n\t\t\"" $0 "\\n\"" }
END {
	print "/* Made from queries.sql. */"
	print "enum stmt_id {"
	for (i = 1; i <= n; i++) print "\tSTMT_" names[i] ","
	print "\tSTMT_COUNT\n};\n\n#define STMT_TABLE \\"
	for (i = 1; i <= n; i++) {
		t = text[i]; gsub(/\n/, " \\\n", t)
		printf "\t[STMT_%s] = { \"%s\", %s,%s }%s\n", names[i], names[i], scan[i], t, i < n ? ", \\" : ""
	}
}
