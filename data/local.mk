# What is installed beside the programs: the schema for editors, and examples.
dist_pkgdata_DATA = data/openapi.json data/prices.example.json data/workflow.schema.json
examplesdir = $(pkgdatadir)/examples
dist_examples_DATA = \
	data/examples/approval.yaml \
	data/examples/back.yaml \
	data/examples/patch.yaml \
	data/examples/charter.yaml \
	data/examples/fails.yaml \
	data/examples/foreach.yaml \
	data/examples/handlers.yaml \
	data/examples/hello.yaml \
	data/examples/http.yaml \
	data/examples/llm.yaml \
	data/examples/matrix.yaml \
	data/examples/mend.yaml \
	data/examples/params.yaml \
	data/examples/retries.yaml \
	data/examples/self-build.yaml \
	data/examples/sub-child.yaml \
	data/examples/sub.yaml
TESTS += tests/examples.sh
dist_check_SCRIPTS += tests/examples.sh

# Written by `pawl completion`; tests/cli/generated.sh checks that they are current.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = data/completions/pawl
zshfunctionsdir = $(datadir)/zsh/site-functions
dist_zshfunctions_DATA = data/completions/_pawl
