# SPDX-License-Identifier: GPL-3.0-or-later
# Embeds the migrations (NNNN.up.sql and NNNN.down.sql, in order) as a table of version, up, down.
FNR == 1 {
	file = FILENAME; sub(/.*\//, "", file)
	version = substr(file, 1, 4) + 0; kind = file ~ /\.up\./ ? "up" : "down"
	if (version > last) last = version
}
/^--/ || /^[ \t]*$/ { next }
{ sub(/ *-- .*/, ""); gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, " "); body[version, kind] = body[version, kind] "\n\t\t\"" $0 "\\n\"" }
END {
	print "/* Made from the files in migrations/. */"
	for (v = 1; v <= last; v++)
		for (k = 0; k < 2; k++) {
			kind = k ? "down" : "up"
			printf "static const char migration_%d_%s[] =%s;\n", v, kind, body[v, kind]
		}
	print "#define MIGRATION_TABLE \\"
	for (v = 1; v <= last; v++)
		printf "\t{ %d, migration_%d_up, migration_%d_down }%s\n", v, v, v, v < last ? ", \\" : ""
}
