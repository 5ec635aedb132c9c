/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a fuzz target over every file of folders, without libFuzzer: the corpus as a test.
 *
 * Usage: run_TARGET [FOLDER…]       without one, tests/fuzz/corpus/TARGET */
#include "tests/fuzz/fuzz.h"
#include "base/fs.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static size_t run_folder(const char *folder)
{
	struct dirent **names = NULL;
	int n = scandir(folder, &names, NULL, alphasort);
	size_t count = 0;
	for (int i = 0; i < n; i++) {
		auto_free char *path = xasprintf("%s/%s", folder, names[i]->d_name), *text = NULL;
		size_t len;
		if (names[i]->d_name[0] != '.' && fs_read(path, 4 * MIB, &text, &len, NULL) == ERR_OK) {
			/* Exactly as long as it is, so that a sanitizer sees a byte read too many. */
			auto_free uint8_t *bytes = xmemdup(text, len);
			(void)LLVMFuzzerTestOneInput(bytes, len);
			count++;
		}
		free(names[i]);
	}
	free(names);
	return count;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	const char *srcdir = getenv("srcdir"), *name = strrchr(argv[0], '_');
	auto_free char *corpus = xasprintf("%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name ? name + 1 : "");
	for (int i = 1; i < argc; i++)
		count += run_folder(argv[i]);
	if (argc == 1)
		count = run_folder(corpus);
	printf("%zu inputs\n", count);
	return count ? 0 : 1;
}
