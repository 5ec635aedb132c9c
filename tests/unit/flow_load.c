/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workflow files: what a good one means, and what is said about every kind of mistake, and where. */
#include "flow/flow.h"
#include "model/error.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* ---- sub-workflow files of the tests ---- */

/* clang-format off */
static const struct { const char *name, *text; } files[] = {
	{ "child.yaml", "params: {who: {required: true}, n: {type: int, default: 1}}\nnodes: {a: {run: x}}" },
	{ "self.yaml", "nodes: {a: {workflow: self.yaml}}" },
	{ "ping.yaml", "nodes: {a: {workflow: pong.yaml}}" }, { "pong.yaml", "nodes: {a: {workflow: ping.yaml}}" },
	{ "broken.yaml", "nodes:\n  a: {rum: x}\n" },
	{ "d1.yaml", "nodes: {a: {workflow: d2.yaml}}" }, { "d2.yaml", "nodes: {a: {workflow: d3.yaml}}" },
	{ "d3.yaml", "nodes: {a: {workflow: d4.yaml}}" }, { "d4.yaml", "nodes: {a: {workflow: d5.yaml}}" },
	{ "d5.yaml", "nodes: {a: {workflow: d6.yaml}}" }, { "d6.yaml", "nodes: {a: {workflow: d7.yaml}}" },
	{ "d7.yaml", "nodes: {a: {workflow: d8.yaml}}" }, { "d8.yaml", "nodes: {a: {workflow: d9.yaml}}" },
	{ "d9.yaml", "nodes: {a: {run: x}}" },
};
/* clang-format on */

static enum err_code read_text(void *ctx UNUSED, const char *from UNUSED, const char *name, char **ret,
			       size_t *ret_len, char **ret_file, struct err *err)
{
	for (size_t i = 0; i < COUNT(files); i++)
		if (str_eq(files[i].name, name)) {
			*ret = xstrdup(files[i].text);
			*ret_len = strlen(files[i].text);
			*ret_file = xstrdup(name);
			return ERR_OK;
		}
	return err_set(err, ERR_NOT_FOUND, "there is no file %s", name);
}

static const struct flow_source source = { .read = read_text };

static struct graph *load(const char *text, struct str *mistakes)
{
	struct flow_report report = { 0 };
	struct graph *g = NULL;
	struct err err = { 0 };
	enum err_code code = flow_load("f.yaml", text, strlen(text), &source, &g, &report, &err);
	flow_report_text(&report, mistakes);
	ck_assert_int_eq(code, report.n ? ERR_INVALID : ERR_OK);
	ck_assert_int_eq(report.n > 0, g == NULL);
	flow_report_done(&report);
	return g;
}

static struct graph *load_good(const char *text)
{
	auto_str mistakes = STR_INIT;
	struct graph *g = load(text, &mistakes);
	ck_assert_msg(g != NULL, "%s", str_text(&mistakes));
	return g;
}

/* ---- mistakes ---- */

#define N "nodes: {a: {run: x}}\n"
#define P N "params:\n  p: "
#define A "nodes:\n  a:\n    run: x\n    "
#define AG "nodes: {a: {agent: {"
#define LL "nodes: {a: {llm: {"
#define CC "providers: {c: {type: ollama, model: m}}"
#define AP "nodes: {a: {approval: {ask: q, "
#define PU "workspace: {repo: .}\nnodes: {a: {publish: {to: git, "
#define GH "workspace: {repo: .}\nnodes: {a: {publish: {to: github, "
#define VE A "verify: "
#define LO VE "[{run: x}]\n    loop: "

/* clang-format off */
/* A file, and what the report says: "line:column: path: …" must stand in it. */
static const struct { const char *text, *says; } rows[] = {
	/* the syntax, and what YAML can do too much */
	{ "", "1:1: the file is empty" }, { "# nothing\n", "1:1: the file is empty" },
	{ "nodes: [", "f.yaml:2:1: nodes[0]: not well-formed: did not find expected node content" }, { "nodes:\n\ta: 1", "2:1: nodes: not well-formed: found character that cannot start any token, while scanning for the next token that began at 2:1; indent with spaces" },
	{ "a: b: c", "f.yaml:1:5: not well-formed: mapping values are not allowed in this context; a text with ': '" },
	{ "nodes: {a: {run: \"\xff\"}}", "1:19: the byte 0xFF is not UTF-8" }, { "a: \x01", "1:4: the control character U+0001" },
	{ "a: \xc2\x9b", "1:4: the control character U+009B" },
	{ "a: \"x\\0y\"", "1:4: a: a text may not hold the character NUL" },
	{ "%YAML 1.2\n---\na: 1", "1:1: directives (%) are not allowed" }, { "a: 1\n---\nb: 2", "2:1: a file holds one document" },
	{ "a: &x 1", "1:4: a: anchors (&x) are not allowed" }, { "a: *x", "1:4: a: aliases (*x) are not allowed" },
	{ "a: !!int 1", "1:4: a: tags (tag:yaml.org,2002:int) are not allowed" }, { "a: !x 1", "1:4: a: tags (!x)" },
	{ "a: {<<: {b: 1}}", "1:5: a: merge keys (<<)" }, { "? [a]\n: b", "1:3: a key must be a plain text" },
	{ "a: .inf", "1:4: a: .inf is no number here" }, { "a: -.inf", "-.inf is no number" },
	{ N "nodes: {b: {run: y}}", "2:1: nodes: the key 'nodes' stands at 1:1 already" },
	{ "nodes:\n  a: {run: x}\n  b: {run: y}\n  a: {run: z}", "4:3: nodes.a: the key 'a' stands at 2:3 already" },
	{ "nodes: {a: {run: x, env: {K: 1, K: 2}}}", "1:33: nodes.a.env.K: the key 'K' stands at 1:27 already" },
	/* the top */
	{ "[]", "1:1: a map of keys and values is wanted here, this is a list" }, { "just text", "1:1: a map of keys and values is wanted here, this is a text" },
	{ "name: x", "1:1: there are no nodes" }, { "nodes: {}", "1:8: nodes: there are no nodes" }, { "nodes:", "1:7: nodes: a map of keys and values is wanted here, this is nothing" },
	{ N "nods: 1", "2:1: nods: a workflow has no key 'nods'; did you mean 'nodes'?" },
	{ N "zzzzzzzz: 1", "2:1: zzzzzzzz: a workflow has no key 'zzzzzzzz'; it has name, description, params" },
	{ N "name: 'a b'", "2:7: name: 'a b' is no name" }, { N "name: 5x", "2:7: name: '5x' is no name" }, { N "name: [a]", "2:7: name: a text is wanted here, this is a list" },
	{ N "concurrency: 0", "2:14: concurrency: '0' is not a whole number from 1 to 10000" }, { N "concurrency: '4'", "'4' is not a whole number" },
	{ N "concurrency: 99999999999999999999", "is not a whole number" }, { N "concurrency: {}", "this is a map" },
	{ N "pass_env: [A, 'B C']", "2:11: pass_env: 'B C' is no name of a variable" }, { N "env: {PAWL_X: 1}", "2:7: env.PAWL_X: names that begin with PAWL_" },
	{ N "env: {a-b: 1}", "env.a-b: 'a-b' is no name of a variable" }, { N "env: 3", "2:6: env: a map of keys and values" },
	{ N "env: {A: \"${{ env.B }}\"}", "2:15: env.A: no variable 'B' is set here" }, { N "env: {A: [1]}", "env.A: a text is wanted here" },
	{ N "env: {A: \"${{ nodes.a.state }}\"}", "nodes cannot be named here" },
	{ N "resources: {db: 0}", "2:17: resources.db: '0' is not a whole number from 1" }, { N "resources: [db]", "resources: a map" }, { N "resources: {'d b': 1}", "'d b' is no name" },
	{ N "workspace: src", "2:12: workspace: a workspace is scratch, {folder: PATH} or {repo: PATH}; did you mean {folder: src}?" },
	{ N "workspace: {shared: true}", "2:13: workspace.shared: shared: belongs to a folder:" }, { N "workspace: {}", "workspace: which folder?" },
	{ N "workspace: {folder: a, repo: b}", "2:24: workspace.repo: a workspace is a folder: or a repo:, not both" }, { N "workspace: {base: main}", "workspace.base: base: says where the branch of a repo: begins" },
	{ N "workspace: {repo: ., shared: true}", "shared: belongs to a folder:" }, { N "workspace: {repo: ., base: 'a b'}", "'a b' is no branch" }, { N "workspace: {path: x}", "it is called folder here" },
	{ N "workstreams: {main: {workspace: scratch}}", "2:15: workstreams.main: main is there by itself" }, { N "workstreams: {docs: {workspace: {shared: true}}}", "workstreams.docs.workspace.shared: shared: belongs" },
	{ N "workstreams: {docs: x}", "workstreams.docs: a map" }, { N "workstreams: {docs: {work: x}}", "a workstream has no key 'work'; it has workspace" }, { N "workspace: {folder: x, shred: true}", "workspace.shred: a workspace has no key 'shred'; did you mean 'shared'?" },
	{ N "workspace: {folder: ''}", "the path is empty" }, { N "workspace: {folder: \"${{ workspace.path }}\"}", "the workspace is not known here yet" },
	{ N "workspace: {folder: x, shared: yes}", "'yes' is neither true nor false" }, { N "workspace: 5", "a map of keys and values is wanted" },
	{ N "snapshot: node", "2:11: snapshot: 'node' is not one of: nodes, gates, off; did you mean 'nodes'?" }, { N "snapshot: true", "'true' is not one of" },
	{ N "workspace: {folder: x, shared: true}\nsnapshot: gates", "3:11: snapshot: other runs write into a shared folder, too" }, { N "snapshot: off\n" "health: {http: 'http://h'}", "3:1: health: a command says whether all is well" },
	{ "nodes: {a: {run: x, checkpoint: true}}\nsnapshot: off", "1:21: nodes.a.checkpoint: snapshots are off" }, { N "on_exit: {run: x, checkpoint: true}", "nobody goes back to a handler" },
	{ "nodes: {health: {run: x}}\nhealth: {run: x}", "1:9: nodes.health: health is a handler" }, { N "health: {run: x, needs: a}", "needs none" },
	/* parameters */
	{ P "{type: strin}", "3:13: params.p.type: 'strin' is not one of: string, int, number, bool, enum, list; did you mean 'string'?" },
	{ P "{typ: int}", "3:7: params.p.typ: a parameter has no key 'typ'; did you mean 'type'?" }, { P "text", "3:6: params.p: a map" },
	{ P "{enum: []}", "params.p.enum: a list of the words" }, { P "{enum: x}", "params.p.enum: a list of the words" }, { P "{type: enum}", "3:6: params.p: which words" },
	{ P "{enum: [a, a]}", "'a' is named twice" }, { P "{enum: [a], type: int}", "a parameter with enum: is of type enum" },
	{ P "{enum: [unit, all], default: uni}", "3:35: params.p.default: the default does not fit: parameter 'p' wants one of: unit, all; did you mean 'unit'?" },
	{ P "{type: int, default: x}", "the default does not fit: parameter 'p' wants a whole number" }, { P "{type: int, default: 1.5}", "wants a whole number" },
	{ P "{type: bool, default: 'yes'}", "wants true or false" }, { P "{type: list, default: {a: 1}}", "wants a list" }, { P "{type: list, default: [[1]]}", "plain values" },
	{ P "{default: [1]}", "wants a text" }, { P "{default: \"${{ run.id }}\"}", "a default is a value itself" },
	{ P "{required: true, default: x}", "a required parameter never uses its default" }, { P "{secret: true, default: x}", "a secret has no default" },
	{ P "{pattern: '('}", "3:16: params.p.pattern: " }, { P "{type: int, pattern: x}", "a pattern belongs to type: string" }, { P "{pattern: '[a-z]+', default: A1}", "does not match its pattern" },
	{ P "{}\n  P: {}", "4:3: params.P: 'P' and 'p' would both be PARAM_P" }, { P "{}\n  a b: {}", "'a b' is no name" },
	/* nodes */
	{ "nodes: {a: }", "1:9: nodes.a: nothing follows; a node is written a: {run: COMMAND}" }, { "nodes: {a: x}", "1:12: nodes.a: a map" },
	{ "nodes: {a: {}}", "1:12: nodes.a: what does it do?" }, { "nodes: {a: {needs: []}}", "what does it do?" },
	{ "nodes: {a: {run: x, http: 'http://h'}}", "1:21: nodes.a: a node does one thing, and this one has run: already" },
	{ "nodes: {a: {run: x, verify: [{run: y, fixture: {run: z}}]}}", "a check looks at one thing, and this one has run: already" },
	{ "nodes: {a: {run: x, verify: [{run: [y], fixture: {run: [z]}}]}}", "a check looks at one thing, and this one has run: already" },
	{ "nodes: {a: {rum: x}}", "1:13: nodes.a.rum: a node has no key 'rum'; did you mean 'run'?" }, { "nodes: {a b: {run: x}}", "1:9: nodes.a b: 'a b' is no name" },
	{ "nodes: {on_exit: {run: x}}", "on_exit is a handler: it stands beside nodes:" },
	/* agents */
	{ "nodes: {a: {agent: {}}}", "1:20: nodes.a.agent: which program?" }, { "nodes: {a: {agent: {command: x}}}", "1:20: nodes.a.agent: what is it to do?" }, { "nodes: {a: {agent: x}}", "an agent is a map" },
	{ AG "command: 'x ${{ run.id }}', prompt: p}}}", "1:33: nodes.a.agent.command: no ${{ }} in a script" }, { AG "command: x, prompt: ' '}}}", "the prompt is empty" }, { AG "command: x, prompt: \"${{ params.q }}\"}}}", "there is no parameter 'q'" },
	{ AG "command: [\"${{ run.id }}\"], prompt: p}}}", "say adapter: claude, codex or text" }, { AG "command: 'A=1 exec /usr/bin/claude -p', prompt: p}}}", "1:30: nodes.a.agent.command: claude tells what it does only when it is asked to: write claude -p --output-format" },
	{ AG "command: [codex, exec], prompt: p}}}", "write codex exec --json; or say adapter: text" }, { AG "command: x, prompt: p, adapter: gemini}}}", "'gemini' is not one of: text, claude, codex" },
	{ AG "command: x, prompt: p, prompt_via: pipe}}}", "'pipe' is not one of: stdin, argument, file" }, { AG "command: x, prompt: p, max_stdout: 1GB}}}", "at most 64 MiB" }, { AG "command: x, promt: p}}}", "agent: has no key 'promt'; did you mean 'prompt'?" },
	{ AG "command: x, prompt: p, tool_calls: 1}}}", "neither true nor false" }, { AG "command: x, prompt: p}, shell: sh}}", "'shell' belongs to a node with run:; this one has agent:" }, { AG "run: x, prompt: p}}}", "it is called command here" },
	/* providers and calls of models */
	{ N "providers: {c: {type: claude}}", "'claude' is not one of: anthropic, ollama, openai" }, { N "providers: {c: {}}", "2:16: providers.c: what does it speak?" }, { N "providers: {c: {type: anthropic}}", "https://api.anthropic.com wants a key: write key_env: NAME" },
	{ N "providers: {c: {type: openai, key: sk-123}}", "2:36: providers.c.key: a key comes from a secret parameter" }, { N "providers: {c: {type: openai, key: \"${{ params.k }}\"}}\nparams: {k: {}}", "parameter 'k' is not secret" },
	{ N "providers: {c: {type: openai, key: \"${{ env.HOME }}\"}}", "a key comes from a secret parameter" }, { N "providers: {c: {type: openai, key_env: K, key: \"${{ params.k }}\"}}\nparams: {k: {secret: true}}", "2:43: providers.c.key: a provider has a key: or a key_env:, not both" },
	{ N "providers: {c: {type: openai, key_env: 'A B'}}", "no name of a variable" }, { N "providers: {c: {type: ollama, url: 'ftp://x'}}", "no address of a web server" }, { N "providers: {c: {type: ollama, timeout: 0}}", "no time at all" },
	{ N "providers: {c: {type: ollama, model: \"${{ nodes.a.state }}\"}}", "nodes cannot be named here" }, { N "providers: {c: {type: ollama, headers: {'a b': 1}}}", "no name of a header" }, { N "providers: {c: {type: ollama, retry: often}}", "'often' is not one of" },
	{ LL "providers: claud, prompt: p}}}\nproviders: {claude: {type: ollama, model: m}}", "1:30: nodes.a.llm.providers: there is no provider 'claud'; did you mean 'claude'?" }, { LL "providers: [c], prompt: p}}}", "there is no provider 'c'; declare it under providers:" },
	{ LL "prompt: p}}}", "who is asked?" }, { LL "providers: c}}}\n" CC, "what is asked?" }, { LL "providers: [c, c], prompt: p}}}\n" CC, "'c' is named twice" }, { LL "providers: [], prompt: p}}}", "1 to 32 providers" },
	{ LL "providers: c, prompt: p}}}\nproviders: {c: {type: ollama}}", "which model? write model: here, or with the provider 'c'" }, { LL "providers: c, prompt: p, temperature: 3}}}\n" CC, "a number from 0 to 2" },
	{ LL "providers: c, prompt: p, schema: [1]}}}\n" CC, "a map of keys and values is wanted" }, { LL "providers: c, prompt: p, schema: {type: strin}}}}\n" CC, "nodes.a.llm.schema: " }, { LL "providers: c, prompt: p, max_tokens: 0}}}\n" CC, "whole number from 1" },
	{ "nodes: {a: {llm: hello}}", "a call of a model is a map" }, { LL "providers: c, prompt: p}, outputs: [x]}}\n" CC, "'outputs' belongs to a node with run:, agent:; this one has llm:" },
	{ LL "providers: c, prompt: p}}, b: {run: x, needs: a, when: nodes.a.outputs.txt}}\n" CC, "'a' declares no output 'txt'; did you mean 'text'?" },
	{ LL "providers: c, prompt: p}}, b: {run: x, needs: a, when: nodes.a.outputs.json}}\n" CC, "'a' declares no output 'json'" },
	/* approvals */
	{ "nodes: {a: {approval: {}}}", "what is the question?" }, { "nodes: {a: {approval: ''}}", "the question is empty" }, { AP "choices: [go]}}}", "'go' is not one of: continue, retry, skip, redirect, abort" }, { AP "choices: []}}}", "the list is empty; without it there are" },
	{ AP "choices: [skip, skip]}}}", "'skip' is named twice" }, { AP "choices: [redirect]}}}", "redirect to where?" }, { AP "choices: [skip], to: [b]}, needs: b}, b: {run: x}}", "redirect is not among the choices" },
	{ AP "to: [c]}}}", "there is no node 'c'" }, { AP "to: a}}}", "this is the question itself" }, { AP "on_timeout: skip}}}", "without timeout: it waits for ever" }, { AP "timeout: 1h, retries: 2}}}", "retries: says how often" }, { AP "timeout: 1h, on_timeout: redirect}}}", "where to go is for a person to say" },
	{ AP "roles: ['a b']}}}", "'a b' is no name" }, { AP "question: x}}}", "it is called ask here" }, { "nodes: {a: {approval: x, timeout: 1h}}", "'timeout' belongs to a node with run:, http:, workflow:, agent:, llm:, publish:, patch:; this one has approval:" },
	{ "nodes: {a: {approval: x, foreach: [1]}}", "one question is asked once" }, { N "on_exit: {approval: x}", "a handler asks nobody" },
	/* publishing */
	{ "nodes: {a: {publish: {}}}", "where? write to: git" }, { "nodes: {a: {publish: git}}", "publish: is a map: {to: git}" }, { "nodes: {a: {publish: {to: gitlab}}}", "1:27: nodes.a.publish.to: 'gitlab' is not one of: git, github" },
	{ "nodes: {a: {publish: {to: git}}}", "which branch?" }, { PU "remote: 'https://me:pass@h/x.git'}}}", "no password or token in an address" }, { PU "remote: --upload-pack=x}}}", "neither the name nor the address" }, { PU "push: false, remote: origin}}}", "a remote is not needed" },
	{ PU "title: x}}}", "title: is of a pull request" }, { GH "repository: pawl}}}", "'pawl' is not OWNER/NAME" }, { GH "token: abc}}}", "a token comes from a secret parameter" },
	{ GH "api: 'ftp://x'}}}", "begins with https://" }, { GH "push: false}}}", "made of what was pushed" }, { GH "token_env: 'A B'}}}", "A B" },
	{ PU "mode: never}}}", "'never' is not one of: disabled, best_effort, fail_fast" }, { "nodes: {a: {publish: {to: git, branch: 'a..b'}}}", "'a..b' is no name of a branch" }, { PU "message: ''}}}", "the message is empty" },
	/* patches */
	{ "nodes: {a: {patch: x}}", "patch: is a map" }, { "nodes: {a: {patch: {}}}", "where is the diff?" }, { "nodes: {a: {patch: {file: x, text: y}}}", "file: and text: exclude each other" },
	{ "nodes: {a: {patch: {file: /x}}}", "stays in it" }, { "nodes: {a: {patch: {text: ' '}}}", "nodes.a.patch.text" }, { "nodes: {a: {patch: {file: x, strip: 21}}}", "nodes.a.patch.strip" },
	{ "nodes: {a: {patch: {file: x, commit: true}}}", "no repository to commit to" }, { "workspace: {repo: .}\nnodes: {a: {patch: {file: x, commit: {author: me}}}}", "NAME <ADDRESS>" },
	{ "nodes: {a: {patch: {file: x, compensate: {}}}}", "which command?" }, { "nodes: {a: {patch: {file: x, compensate: undo}}}", "'undo' is not one of: revert, manual" },
	{ "nodes: {a: {patch: {file: x}, verify: [{run: y}], loop: fixed}}", "'loop' belongs to a node with" }, { N "on_exit: {patch: {file: x}}", "a handler changes no files" },
	{ "nodes: {a: {patch: {file: x, compensate: {run: y, shell: [perl, -e]}}}}", "sh, bash or python3" },
	{ "nodes: {a: {patch: {file: x, paths: {}}}}", "which paths?" }, { "nodes: {a: {patch: {file: x, max_files: 0}}}", "nodes.a.patch.max_files" },
	/* verification */
	{ VE "x", "nodes.a.verify: a list of 1 to 64 checks" }, { VE "[]", "a list of 1 to 64 checks" }, { VE "[{}]", "nodes.a.verify[0]: what does it check? it has one of files:, forbid:, paths:, secrets:, run:, fixture:" },
	{ VE "[{run: x, files: a}]", "4:15: nodes.a.verify[0]: a check looks at one thing, and this one has files: already" }, { VE "[{run: x, level: L4}]", "'L4' is not one of: L0, L1, L2, L3" }, { VE "[{run: x, nam: y}]", "a check has no key 'nam'; did you mean 'name'?" },
	{ VE "[{run: x, name: t}, {run: y, name: t}]", "nodes.a.verify[1]: 't' is named twice" }, { VE "[{run: 'echo ${{ run.id }}'}]", "no ${{ }} in a script" }, { VE "[{run: [echo, \"${{ run.id }}\"]}]", "no ${{ }} here" },
	{ VE "[{run: [x], shell: bash}]", "executed without a shell" }, { VE "[{files: a, timeout: 5s}]", "'timeout' belongs to a check with run: or fixture:; this one has files:" }, { VE "[{fixture: {run: x}, parse: gcc}]", "'parse' belongs to a check with run:; this one has fixture:" },
	{ VE "[{run: x, parse: clang}]", "'clang' is not one of: auto, gcc" }, { VE "[{run: x, report: /tmp/x}]", "a path is relative to the workspace" }, { VE "[{files: [ok, ../x]}]", "nodes.a.verify[0].files[1]: a path is relative" }, { VE "[{files: []}]", "the list is empty" },
	{ VE "[{forbid: {in: '*.c'}}]", "what is forbidden?" }, { VE "[{forbid: {patterns: ['(']}}]", "nodes.a.verify[0].forbid.patterns[0]: " }, { VE "[{forbid: {patterns: x, in: 'a[b'}}]", "'a[b' is no pattern of paths" }, { VE "[{forbid: {patterns: ''}}]", "would match everything" },
	{ VE "[{paths: {}}]", "which paths?" }, { VE "[{paths: {allow: [/etc/**]}}]", "nodes.a.verify[0].paths.allow[0]: a path is relative" }, { VE "[{paths: {max_file: big}}]", "a size is wanted" }, { VE "[{secrets: false}]", "a check that looks for nothing" },
	{ VE "[{fixture: {stdin: x}}]", "which program?" }, { VE "[{fixture: {run: x, exit: 256}}]", "from 0 to 255" }, { VE "[{fixture: {run: x, contains: ['']}}]", "stands in every output" }, { VE "[{fixture: {run: x, matches: '['}}]", "fixture.matches: " },
	{ VE "[{fixture: {run: x, schema: {type: 5}}}]", "fixture.schema: " }, { VE "[{fixture: {run: x, file: {a: /b}}}]", "fixture.file.a: a path is relative" }, { VE "[{fixture: {run: x, file: {../a: b}}}]", "a path is relative" }, { VE "[{fixture: {run: x, input: y}}]", "it is called stdin here" },
	{ A "verify_skip: [L3]", "nodes.a.verify_skip: there is no verify:" }, { VE "[{run: x}]\n    verify_skip: [L5]", "nodes.a.verify_skip[0]: 'L5' is not one of" }, { "nodes: {a: {http: 'http://h', verify: [{run: x}]}}", "'verify' belongs to a node with run:, agent:, llm:, patch:; this one has http:" },
	/* loops and budgets */
	{ A "loop: fixed", "what ends it?" }, { LO "greedy", "'greedy' is not one of: fixed, hybrid, ralph, custom" }, { LO "[]", "a map of keys and values" }, { LO "{strategy: fixed, base: 2}", "5:29: nodes.a.loop.base: this belongs to strategy: hybrid; here it is fixed" },
	{ LO "{strategy: custom}", "who decides?" }, { LO "{run: x}", "this belongs to strategy: custom; here it is hybrid" }, { LO "{max: 0}", "whole number from 1 to 1000" }, { LO "{base: 4, max: 3}", "at most 3, but base: is 4" }, { LO "{strategy: fixed, min: 4}", "at least 4 iterations, but at most 3" },
	{ LO "{threshold: 2}", "a number from 0 to 1" }, { LO "{strategy: ralph, signals: ['']}", "one whole line" }, { LO "{signals: [X]}", "belongs to strategy: ralph; here it is hybrid" }, { LO "{window: 1}", "from 2 to 1000" }, { LO "{max_iterations: 3}", "it is called max here" }, { LO "{strategy: custom, run: ''}", "the script is empty" },
	{ A "budget: {cost: 5}", "nodes.a.budget.cost: '5' is no amount of money; write it as \"5 USD\"" }, { A "budget: {cost: 5 EUR}", "no amount of money" }, { A "budget: {cost: 0 USD}", "no amount" }, { A "budget: {cost: 1.1234567 USD}", "no amount" }, { N "budget: {tokens: 0}", "whole number from 1" },
	{ A "budget: {wall: 1m, iteration: 2m}", "nodes.a.budget: one iteration may take longer" }, { N "budget: {tokens: 5, tokens_per_iteration: 6}", "2:9: budget: one iteration may use more" }, { A "budget: {usd: 5}", "it is called cost here" }, { A "budget: {disk: x}", "a size is wanted" },
	{ LO "{min: 3}\n    budget: {iterations: 2}", "2 iterations are less than the min: 3 of the loop" }, { "nodes: {a: {http: 'http://h', budget: {wall: 1h}}}", "'budget' belongs to a node with run:" },
	{ A "if: true", "4:5: nodes.a.if: a node has no key 'if'; it is called when here" }, { N "jobs: {}", "it is called nodes here" },
	{ A "timout: 5", "4:5: nodes.a.timout: a node has no key 'timout'; did you mean 'timeout'?" }, { A "timeout: soon", "4:14: nodes.a.timeout: 'soon' is not a time" },
	{ A "timeout: 400d", "not a time" }, { A "timeout: []", "a time such as 90s" }, { A "grace: -1", "not a time" }, { A "critical: maybe", "neither true nor false" },
	{ A "on_crash: retry", "'retry' is not one of: rerun, fail, ask" }, { A "workstream: 'a b'", "'a b' is no name" }, { A "params: {}", "nodes.a.params: 'params' belongs to a node with workflow:; this one has run:" },
	{ A "needs: b", "4:12: nodes.a.needs: there is no node 'b'" }, { A "needs: a", "4:12: nodes.a.needs: the nodes need each other in a circle: a -> a" },
	{ "nodes: {build: {run: x}, b: {run: x, needs: biuld}}", "there is no node 'biuld'; did you mean 'build'?" },
	{ "nodes: {a: {run: x}, b: {run: x, needs: [a, a]}}", "1:45: nodes.b.needs[1]: 'a' is named twice" },
	{ "nodes: {a: {run: x}, b: {run: x, needs: {a: failed}}}", "nodes.b.needs.a: 'failed' is not one of: success, failure, done" },
	{ "nodes: {a: {run: x}, b: {run: x, needs: [[a]]}}", "a text is wanted here" }, { "nodes: {a: {run: x, needs: on_exit}}\non_exit: {run: x}", "on_exit is a handler" },
	{ "nodes:\n  a: {run: x, needs: c}\n  b: {run: x, needs: a}\n  c: {run: x, needs: b}\n  d: {run: x, needs: d}", "2:22: nodes.a.needs: the nodes need each other in a circle: a -> c -> b -> a" },
	{ "nodes:\n  a: {run: x, needs: c}\n  b: {run: x, needs: a}\n  c: {run: x, needs: b}\n  d: {run: x, needs: d}", "circle: d -> d" },
	{ A "resources: db", "4:16: nodes.a.resources: there is no resource 'db'; declare it" }, { A "resources: {db: 2}\nresources: {db: 1}", "there are only 1 of 'db'" },
	{ A "resources: dv\nresources: {db: 1}", "did you mean 'db'?" }, { A "resources: [db, db]\nresources: {db: 1}", "'db' is named twice" },
	{ A "outputs: [a, 'b c']", "'b c' is no name" }, { A "outputs: [a, a]", "named twice" }, { A "outputs: {a: 1}", "a text is wanted here, this is a map" },
	{ A "limits: {mem: 1}", "nodes.a.limits.mem: limits: has no key 'mem'; it has memory, cpu" }, { A "limits: {memory: lots}", "a size is wanted here" }, { A "limits: {memory: 5 XB}", "a size" },
	{ A "limits: {cpu: 10ms}", "less than a second" }, { A "limits: {open_files: 1}", "whole number from 8" }, { A "limits: {processes: 0}", "whole number from 1" },
	{ A "matrix: {cc: [gcc]}\n    foreach: [1]", "matrix: or foreach:, not both" }, { A "matrix: {}", "a matrix has 1 to 8 axes" }, { A "matrix: {cc: gcc}", "nodes.a.matrix.cc: a list, or one ${{ }}" },
	{ A "matrix: {cc: []}", "the list is empty" }, { A "matrix: {include: [a]}", "'include' is not available" }, { A "foreach: {a: 1}", "a list, or one" }, { A "foreach: a ${{ 1 }}", "a list, or one" },
	{ A "max_parallel: 2", "nodes.a.max_parallel: this belongs to a node with matrix: or foreach:" }, { A "fail_fast: true", "belongs to a node with matrix:" },
	/* run and shell */
	{ "nodes:\n  a:\n    run: |\n      echo one\n      echo ${{ params.p }}\n" "params: {p: {}}", "5:12: nodes.a.run: no ${{ }} in a script: a value could become a command; set it under env:" },
	{ "nodes: {a: {run: 'echo ${{ run.id }}'}}", "1:24: nodes.a.run: no ${{ }} in a script" }, { "nodes: {a: {run: ''}}", "the script is empty" }, { "nodes: {a: {run: []}}", "its first element is the program" },
	{ "nodes: {a: {run: {x: 1}}}", "a text is wanted here" }, { "nodes: {a: {run: [x, [y]]}}", "nodes.a.run[1]: a text is wanted" }, { "nodes: {a: {run: [x], shell: bash}}", "executed without a shell" },
	{ A "shell: fish", "4:12: nodes.a.shell: the shell is sh, bash, python3 or a list of words before the script's path; did you mean [fish]?" }, { A "shell: []", "which program?" },
	/* retry */
	{ A "retry: often", "'often' is not one of: none, default, aggressive" }, { A "retry: {max: 1s, initial: 5s}", "is shorter than the first" }, { A "retry: {max_attempts: 0}", "from 1 to 100" },
	{ A "retry: {factor: 0.5}", "a number from 1 to 10" }, { A "retry: {on: [tiemout]}", "nodes.a.retry.on[0]: 'tiemout' is nothing to retry on; did you mean 'timeout'?" },
	{ A "retry: {on: 'exit:0'}", "an exit code is a number from 1 to 255" }, { A "retry: {on: 'signal:KIL'}", "'KIL' is no signal; write its name, as in signal:KILL; did you mean 'KILL'?" },
	{ A "retry: {on: 'output:('}", "nodes.a.retry.on: " }, { A "retry: {on: 'output:'}", "which output?" }, { A "retry: {tries: 3}", "retry: has no key 'tries'" },
	/* http */
	{ "nodes: {a: {http: {method: GET}}}", "which address?" }, { "nodes: {a: {http: 'ftp://h'}}", "no address of a web server" }, { "nodes: {a: {http: {url: 'http://h', method: FETCH}}}", "'FETCH' is no method" },
	{ "nodes: {a: {http: {url: 'http://h', headers: {'a b': 1}}}}", "no name of a header" }, { "nodes: {a: {http: {url: 'http://h', headers: {a: \"x\\ny\"}}}}", "a header is one line" },
	{ "nodes: {a: {http: {url: 'http://h', expect: 99}}}", "from 100 to 599" }, { "nodes: {a: {http: {url: 'http://h', expect: [200, x]}}}", "nodes.a.http.expect[1]: 'x' is not" },
	{ "nodes: {a: {http: {url: 'http://h', outputs: {x: 'a..b'}}}}", "no path into the answer" }, { "nodes: {a: {http: 'http://h', shell: sh}}", "'shell' belongs to a node with run:; this one has http:" },
	/* sub-workflows */
	{ "nodes: {a: {workflow: nope.yaml}}", "1:23: nodes.a.workflow: the sub-workflow cannot be read: there is no file nope.yaml" }, { "nodes: {a: {workflow: \"${{ run.id }}\"}}", "stands here itself" },
	{ "nodes: {a: {workflow: self.yaml}}", "self.yaml:1:23: nodes.a.workflow: the sub-workflow would contain itself: f.yaml -> self.yaml -> self.yaml" },
	{ "nodes: {a: {workflow: ping.yaml}}", "contain itself: f.yaml -> ping.yaml -> pong.yaml -> ping.yaml" }, { "nodes: {a: {workflow: d1.yaml}}", "more than 8 deep" },
	{ "nodes: {a: {workflow: broken.yaml}}", "broken.yaml:2:7: nodes.a.rum: a node has no key 'rum'" },
	{ "nodes: {a: {workflow: child.yaml}}", "1:23: nodes.a: child.yaml needs the parameter 'who'" },
	{ "nodes: {a: {workflow: child.yaml, params: {who: x, wo: y}}}", "child.yaml has no parameter 'wo'; did you mean 'who'?" },
	{ "nodes: {a: {workflow: child.yaml, params: {who: x, n: many}}}", "1:55: nodes.a.params.n: parameter 'n' wants a whole number" },
	/* names in expressions */
	{ A "when: parms.x", "4:11: nodes.a.when: 'parms' means nothing here; did you mean 'params'?" }, { A "when: params.x", "there is no parameter 'x'; declare it under params:" },
	{ A "when: params.suit == 'all'\nparams: {suite: {}}", "there is no parameter 'suit'; did you mean 'suite'?" }, { A "when: suite\nparams: {suite: {}}", "'suite' is a parameter: write params.suite" },
	{ A "when: 1 +", "4:14: nodes.a.when: the expression ends where" }, { A "when: [x]", "a text is wanted here" }, { "nodes:\r\r\r  a: {run: x,\xe2\x80\xa8   when: 1 +}", "5:13: nodes.a.when: the expression ends" }, { A "when: run.idd", "of the run there are run.id" }, { A "when: params", "name the parameter" }, { A "when: env == 1", "name the variable" }, { A "when: workspace", "there is workspace.path" },
	{ A "env: {X: \"${{ success() }}\"}", "can be asked in when: alone" }, { A "env: {X: \"${{ 1 + }}\"}", "4:23: nodes.a.env.X: the expression ends" }, { A "env: {X: '${{ 1'}", "not closed with }}" },
	{ A "env: {X: \"${{ item }}\"}", "'item' is known only in a node with foreach:" }, { A "env: {X: \"${{ matrix.a }}\"}", "'matrix' is known only in a node with matrix:" },
	{ A "foreach: [1]\n    when: item == 1", "'item' is not known here: this is decided once" }, { A "matrix: {arch: [1]}\n    env: {X: \"${{ matrix.arhc }}\"}", "the matrix has no axis 'arhc'; did you mean 'arch'?" },
	{ A "when: nodes.b.state == 'x'", "there is no node 'b'" }, { A "when: nodes", "name the node" }, { A "when: nodes.a.state == 'x'", "a node cannot use what it gives itself" },
	{ "nodes: {a: {run: x}, b: {run: x, when: nodes.a.outcome}}", "a node has outputs and a state" },
	{ "nodes: {a: {run: x}, b: {run: x, when: \"nodes.a.state == 'failed'\"}}", "1:41: nodes.b.when: 'a' may not have run by then: add a to the needs of b" },
	{ "nodes: {a: {run: x, outputs: [x]}, b: {run: x, needs: a, when: nodes.a.outputs.y}}", "'a' declares no output 'y'" },
	{ "nodes: {a: {http: 'http://h'}, b: {run: x, needs: a, when: nodes.a.outputs.stats == 200}}", "'a' declares no output 'stats'; did you mean 'status'?" },
	{ A "cwd: \"${{ env.NOPE }}\"", "no variable 'NOPE' is set here" },
	/* handlers and defaults */
	{ N "on_failure: {run: x, needs: a}", "2:22: on_failure.needs: a handler runs when all nodes have ended" }, { N "on_failure: {run: x, matrix: {a: [1]}}", "a handler runs once" },
	{ N "on_failure: notify", "2:13: on_failure: a map" }, { N "on_failure: {run: x, env: {X: \"${{ nodes.on_exit.state }}\"}}\non_exit: {run: x}", "there is no node 'on_exit'" },
	{ N "defaults: {needs: a}", "2:12: defaults.needs: 'needs' belongs to a node" }, { N "defaults: {timeout: x}", "defaults.timeout: 'x' is not a time" }, { N "defaults: {timout: 1}", "did you mean 'timeout'?" },
	{ N "defaults: {env: {X: \"${{ nodes.a.state }}\"}}", "nodes cannot be named here" },
};
/* clang-format on */

START_TEST(every_mistake_is_told)
{
	auto_str mistakes = STR_INIT;
	struct graph *g = load(rows[_i].text, &mistakes);
	ck_assert_msg(g == NULL, "no mistake found in:\n%s", rows[_i].text);
	ck_assert_msg(strstr(str_text(&mistakes), rows[_i].says), "%s\n— is not in —\n%s", rows[_i].says,
		      str_text(&mistakes));
}
END_TEST

START_TEST(all_mistakes_at_once_in_order)
{
	auto_str m = STR_INIT;
	struct graph *g = load("name: 'a b'\nconcurency: 3\nnodes:\n  a: {run: x, timeout: z}\n  b: {needs: c}\n", &m);
	ck_assert_ptr_null(g);
	ck_assert_str_eq(str_text(&m),
			 "f.yaml:1:7: name: 'a b' is no name; a name begins with a letter or _, goes on with "
			 "letters, digits, _, - and ., and has at most 64 characters\n"
			 "f.yaml:2:1: concurency: a workflow has no key 'concurency'; did you mean 'concurrency'?\n"
			 "f.yaml:4:24: nodes.a.timeout: 'z' is not a time; write it as 90s, 30m, 1h30m, 2d or "
			 "250ms, at most 366d\n"
			 "f.yaml:5:6: nodes.b: what does it do? a node has one of run:, http:, workflow:, "
			 "agent:, llm:, approval:, publish: and patch:\n"
			 "f.yaml:5:14: nodes.b.needs: there is no node 'c'\n");
}
END_TEST

START_TEST(very_many_mistakes_are_counted)
{
	auto_str text = STR_INIT, m = STR_INIT;
	str_add(&text, "nodes:\n");
	for (int i = 0; i < 500; i++)
		str_addf(&text, "  n%d: {run: x, needs: m%d}\n", i, i);
	ck_assert_ptr_null(load(str_text(&text), &m));
	ck_assert_msg(strstr(str_text(&m), "and 400 mistakes more"), "%s", str_text(&m));
}
END_TEST

START_TEST(terminal_controls_do_not_get_through)
{
	auto_str m = STR_INIT;
	ck_assert_ptr_null(load("nodes: {\"a\\e]0;x\\a\": {run: x, \"\\e[2J\": 1}}\n"
				"params: {p: {pattern: \"\\e[31m(\"}}", &m));
	ck_assert_msg(!strpbrk(str_text(&m), "\033\007"), "%s", str_text(&m));
}
END_TEST

/* ---- what a good file means ---- */

START_TEST(a_whole_workflow)
{
	struct graph *g = load_good(
		"name: ship\ndescription: builds and ships\n"
		"params:\n  suite: {enum: [unit, all], default: unit}\n  n: {type: int, default: 0x10}\n"
		"  version: {default: 1.10}\n  tags: {type: list, default: [a, 1]}\n"
		"pass_env: [SSH_AUTH_SOCK]\nenv: {A: 1.10, B: \"${{ env.A }}-${{ params.n }}\"}\n"
		"concurrency: 4\nresources: {db: 2, gpu: 1}\nworkspace: {folder: \"/tmp/${{ params.n }}\", shared: true}\n"
		"snapshot: off\ndefaults: {timeout: 30m, retry: default, env: {C: c, D: d}, shell: bash}\n"
		"nodes:\n"
		"  fetch: {run: [git, clone, \"${{ params.suite }}\"], outputs: [list]}\n"
		"  build:\n    needs: [fetch]\n    run: |\n      make\n    env: {D: mine}\n    timeout: none\n"
		"    retry: {max_attempts: 2, on: [timeout, \"exit:75\", \"signal:KILL\", \"output:again\"]}\n"
		"    resources: {db: 2}\n    limits: {memory: 512MiB, cpu: 90s, output: 1MB}\n"
		"    critical: false\n    on_crash: ask\n    grace: 3s\n    cwd: src\n    workstream: lane\n"
		"  each:\n    needs: {fetch: done}\n    foreach: \"${{ json(nodes.fetch.outputs.list) }}\"\n"
		"    max_parallel: 3\n    fail_fast: true\n    env: {I: \"${{ item }} ${{ index }}\"}\n    run: echo\n    shell: sh\n"
		"  test:\n    needs: [build, each]\n    when: success() && params.suite == 'all'\n"
		"    matrix: {cc: [gcc, clang], n: \"${{ range(params.n) }}\"}\n    run: \"true\"\n    env: {CC: \"${{ matrix.cc }}\"}\n"
		"  web:\n    http: {url: \"https://h/${{ params.n }}\", method: POST, body: {a: [\"${{ params.n }}\", 2]}, expect: [200, 201], outputs: {id: \"data[0].id\"}}\n"
		"  sub: {needs: [web], workflow: child.yaml, params: {who: \"${{ nodes.web.outputs.id }}\", n: 3}}\n"
		"on_failure: {run: \"true\", env: {S: \"${{ nodes.build.state }}\"}}\non_exit: {run: \"true\"}\n");
	ck_assert_str_eq(g->name, "ship");
	ck_assert_uint_eq(g->nnodes, 8);
	ck_assert_uint_eq(g->nhandlers, 2);
	ck_assert_int_eq(g->streams[0].workspace.kind, WORKSPACE_FOLDER);
	ck_assert(g->streams[0].workspace.shared);
	ck_assert_str_eq(g->params[1].default_json, "16");
	ck_assert_str_eq(g->params[2].default_json, "\"1.10\"");
	ck_assert_str_eq(g->params[3].default_json, "[\"a\",1]");
	ck_assert_str_eq(tmpl_literal(g->env[0].value), "1.10");

	const struct graph_node *fetch = &g->nodes[graph_find(g, "fetch")];
	ck_assert_int_eq(fetch->run.shell, SHELL_NONE);
	ck_assert_uint_eq(fetch->run.nargv, 3);
	ck_assert_int_eq(fetch->timeout_ms, 1800000);
	ck_assert_int_eq(fetch->retry.max_attempts, 3);
	ck_assert_int_eq((int)fetch->retry.any_exit, false);
	ck_assert_uint_eq(fetch->nfeeds, 2);
	ck_assert_int_eq(fetch->rank, 3);
	ck_assert_int_eq(fetch->line, 16);

	const struct graph_node *build = &g->nodes[graph_find(g, "build")];
	ck_assert_int_eq(build->run.shell, SHELL_BASH);
	ck_assert_str_eq(build->run.script, "make\n");
	ck_assert_int_eq(build->timeout_ms, 0);
	ck_assert_int_eq(build->grace_ms, 3000);
	ck_assert_int_eq(build->retry.max_attempts, 2);
	ck_assert_uint_eq(build->retry.classes, 1U << CLASS_TIMEOUT);
	ck_assert_int_eq(build->retry.exit_codes[0], 75);
	ck_assert_int_eq(build->retry.signals[0], 9);
	ck_assert_str_eq(build->retry.patterns[0], "again");
	ck_assert_int_eq(build->uses[0].units, 2);
	ck_assert_int_eq(build->limits.memory_bytes, 512 * MIB);
	ck_assert_int_eq(build->limits.cpu_s, 90);
	ck_assert_int_eq(build->limits.output_bytes, 1000000);
	ck_assert(!build->critical && build->on_crash == CRASH_ASK);
	ck_assert_str_eq(g->streams[build->stream].name, "lane");
	ck_assert_uint_eq(build->nenv, 1);
	ck_assert_str_eq(tmpl_literal(build->env[0].value), "mine");
	ck_assert_uint_eq(g->nenv, 4); /* those of defaults: come behind */
	ck_assert_str_eq(g->env[2].name, "C");

	const struct graph_node *each = &g->nodes[graph_find(g, "each")];
	ck_assert_int_eq(each->kind, NODE_GROUP);
	ck_assert_int_eq(each->needs[0].when, EDGE_DONE);
	ck_assert_int_eq(each->group.max_parallel, 3);
	ck_assert(each->group.fail_fast && each->group.foreach);
	ck_assert_int_eq(each->group.body->kind, NODE_RUN);
	ck_assert_int_eq(each->group.body->run.shell, SHELL_SH);
	ck_assert_int_eq(each->group.body->timeout_ms, 1800000);
	ck_assert_int_eq(each->retry.max_attempts, 1);

	const struct graph_node *test = &g->nodes[graph_find(g, "test")];
	ck_assert_uint_eq(test->group.naxes, 2);
	ck_assert_str_eq(test->group.axes[1].name, "n");
	ck_assert(test->when && expr_asks_outcome(test->when));
	ck_assert_int_eq(test->rank, 1);

	const struct graph_node *web = &g->nodes[graph_find(g, "web")];
	ck_assert_int_eq(web->kind, NODE_HTTP);
	ck_assert_uint_eq(web->http.nexpect, 2);
	ck_assert_str_eq(web->http.headers[0].name, "Content-Type");
	ck_assert_str_eq(web->http.outputs[0].path, "data[0].id");

	const struct graph_node *sub = &g->nodes[graph_find(g, "sub")];
	ck_assert_int_eq(sub->kind, NODE_WORKFLOW);
	ck_assert_str_eq(sub->workflow.graph->name, "child");
	ck_assert_uint_eq(sub->workflow.nparams, 2);

	const struct graph_node *failure = &g->nodes[graph_find(g, "on_failure")];
	ck_assert_int_eq(failure->handler, HANDLER_FAILURE);
	ck_assert_int_eq(g->nodes[7].handler, HANDLER_EXIT);
	graph_free(g);
}
END_TEST

START_TEST(agents_models_and_people)
{
	struct graph *g = load_good(
		"params: {key: {secret: true}, model: {default: m1}}\n"
		"workspace: {repo: ., base: main, include_ignored: true}\n"
		"workstreams: {docs: {workspace: {folder: /d}}}\nsnapshot: gates\n"
		"budget: {wall: 2h, cost: 0.25 USD, tokens: 1000000, disk: 1GB, memory: 2GiB}\n"
		"providers:\n"
		"  claude: {type: anthropic, model: \"${{ params.model }}\", key: \"${{ params.key }}\", timeout: 30s, retry: {max_attempts: 2}, headers: {x-a: b}}\n"
		"  local: {type: ollama, url: 'http://h:1', max_tokens: 99}\n"
		"nodes:\n"
		"  plan: {llm: {providers: [claude, local], model: big, prompt: Plan., schema: {type: object}, stream: false, temperature: 0.5}}\n"
		"  fix:\n    needs: plan\n    checkpoint: true\n"
		"    agent: {command: 'exec claude -p --output-format stream-json --verbose', prompt: \"${{ nodes.plan.outputs.text }}\"}\n"
		"    verify:\n      - {run: make check, parse: tap}\n      - {files: [a, b/c]}\n      - {run: [make, lint], level: L3, name: lint, skip: true, timeout: 5s, report: out.xml}\n"
		"      - {files: d}\n      - {paths: {allow: ['src/**'], max_file: 1MB}}\n      - {forbid: {patterns: ['abort$', printf], in: ['**/*.c']}}\n      - {secrets: true}\n"
		"      - {fixture: {run: ./p, stdin: in, exit: 3, contains: [x, y], matches: '^z', json: {a: [1]}, schema: {type: object}, file: {out: want}}}\n"
		"    verify_skip: [L3]\n    loop: {base: 4, bonus: 1}\n    budget: {wall: 1h, iteration: 10m, tokens_per_iteration: 5, iterations: 4, cost: 5 USD}\n"
		"  try: {agent: {command: [\"${{ params.model }}\"], adapter: codex, prompt: x, prompt_via: file, max_stdout: 5, tool_calls: false}, workstream: docs}\n"
		"  say: {agent: {command: 'A=1 ./mine', prompt: x}, workstream: lane, matrix: {n: [1]}, loop: {strategy: ralph, signals: END}}\n"
		"  told: {agent: {command: mine, prompt: x}, outputs: [mark]}\n"
		"  uses: {run: x, needs: [told, plan], when: nodes.told.outputs.mark == nodes.told.outputs.text && nodes.plan.outputs.json}\n"
		"  own: {run: x, verify: [{run: y}], loop: {strategy: custom, run: [./judge]}}\n"
		"  ask: {needs: fix, approval: {ask: \"Ship ${{ run.id }}?\", roles: [operator], timeout: 4h, on_timeout: skip, to: plan}}\n"
		"  ship: {needs: ask, publish: {to: git, message: m, mode: best_effort}}\n"
		"  mend: {needs: plan, patch: {text: '${{ nodes.plan.outputs.text }}', paths: {allow: ['src/**'], max_file: 1MB}, max_files: 5, commit: {message: m}, "
		"compensate: {shell: bash, run: ./undo}}, verify: [{run: make}]}\n"
		"  plain: {approval: Go on?}\n  health: {run: x}\n");
	ck_assert_uint_eq(g->nstreams, 3);
	ck_assert_int_eq(g->streams[0].workspace.kind, WORKSPACE_REPO);
	ck_assert(g->streams[0].workspace.include_ignored);
	ck_assert_str_eq(tmpl_literal(g->streams[0].workspace.base), "main");
	ck_assert(g->streams[1].declared && g->streams[1].workspace.kind == WORKSPACE_FOLDER);
	ck_assert(!g->streams[2].declared && g->streams[2].workspace.kind == WORKSPACE_REPO);
	ck_assert_int_eq(g->snapshot, SNAPSHOT_GATES);
	ck_assert_int_eq(g->budget.cost_micro_usd, 250000);
	ck_assert_int_eq(g->budget.wall_ms, 7200000);
	ck_assert_int_eq(g->budget.memory_bytes, 2LL << 30);

	const struct graph_provider *claude = &g->providers[0];
	ck_assert_int_eq(claude->type, PROVIDER_ANTHROPIC);
	ck_assert_int_eq(claude->timeout_ms, 30000);
	ck_assert_int_eq(claude->retry.max_attempts, 2);
	ck_assert_uint_eq(claude->nheaders, 1);
	ck_assert_int_eq(claude->max_tokens, 4096);
	ck_assert_int_eq(g->providers[1].max_tokens, 99);

	const struct graph_node *plan = &g->nodes[graph_find(g, "plan")];
	ck_assert_int_eq(plan->kind, NODE_LLM);
	ck_assert_uint_eq(plan->llm.nproviders, 2);
	ck_assert_int_eq(plan->llm.providers[1], 1);
	ck_assert_str_eq(plan->llm.schema_json, "{\"type\":\"object\"}");
	ck_assert(!plan->llm.stream && plan->llm.temperature > 0.4);

	const struct graph_node *fix = &g->nodes[graph_find(g, "fix")];
	ck_assert_int_eq(fix->agent.adapter, ADAPTER_CLAUDE);
	ck_assert_int_eq(fix->agent.command.shell, SHELL_SH);
	ck_assert(fix->checkpoint && fix->agent.tool_calls && fix->agent.max_stdout == 1000000);
	auto_str names = STR_INIT;
	for (size_t i = 0; i < fix->nchecks; i++)
		str_addf(&names, "%s/%s ", verify_level_name(fix->checks[i].level), fix->checks[i].name);
	ck_assert_str_eq(str_text(&names), "L0/files L0/files-2 L0/paths L0/forbid L0/secrets L1/run L2/fixture L3/lint ");
	ck_assert_uint_eq(fix->checks[3].npatterns, 2);
	ck_assert_int_eq(fix->checks[2].max_file, 1000000);
	const struct check_fixture *f = fix->checks[6].fixture;
	ck_assert_str_eq(f->json, "{\"a\":[1]}");
	ck_assert_int_eq(f->exit_code, 3);
	ck_assert_str_eq(f->files[0].expected, "want");
	ck_assert(fix->checks[7].skip && fix->checks[7].timeout_ms == 5000 && fix->checks[7].command.nargv == 2);
	ck_assert_int_eq(fix->checks[5].timeout_ms, 600000);
	ck_assert_uint_eq(fix->verify_skip, 1U << LEVEL_L3);
	ck_assert_int_eq(fix->loop->max, 5);
	ck_assert_int_eq(fix->budget.cost_micro_usd, 5000000);
	ck_assert_int_eq(fix->budget.iterations, 4);

	const struct graph_node *try = &g->nodes[graph_find(g, "try")];
	ck_assert_int_eq(try->agent.adapter, ADAPTER_CODEX);
	ck_assert_int_eq(try->agent.prompt_via, PROMPT_FILE);
	ck_assert_int_eq(try->stream, 1);
	const struct graph_node *say = &g->nodes[graph_find(g, "say")];
	ck_assert_int_eq(say->stream, 2);
	ck_assert_int_eq(say->group.body->stream, 2);
	ck_assert_int_eq(say->group.body->agent.adapter, ADAPTER_TEXT);
	ck_assert_int_eq(say->group.body->loop->strategy, LOOP_RALPH);
	ck_assert_uint_eq(say->group.body->loop->nsignals, 1);
	ck_assert_int_eq(g->nodes[graph_find(g, "own")].loop->command.shell, SHELL_NONE);

	const struct node_approval *ask = &g->nodes[graph_find(g, "ask")].approval;
	ck_assert_uint_eq(ask->choices, (1U << APPROVAL_CHOICE_COUNT) - 1);
	ck_assert_int_eq(ask->to[0], graph_find(g, "plan"));
	ck_assert_int_eq(ask->on_timeout, APPROVAL_SKIP);
	ck_assert_uint_eq(g->nodes[graph_find(g, "plain")].approval.choices & 1U << APPROVAL_REDIRECT, 0);
	const struct graph_node *ship = &g->nodes[graph_find(g, "ship")];
	const struct graph_node *mend = &g->nodes[graph_find(g, "mend")];
	ck_assert_int_eq(mend->kind, NODE_PATCH);
	ck_assert(mend->patch.strip == 1 && mend->patch.nallow == 1 && mend->patch.max_file == 1000000 && mend->patch.max_files == 5);
	ck_assert(mend->patch.commit && mend->patch.compensate == COMPENSATE_RUN && mend->patch.command->shell == SHELL_BASH);
	ck_assert_uint_eq(mend->nchecks, 1);
	ck_assert(ship->publish.push && ship->publish.mode == PUBLISH_BEST_EFFORT && !ship->publish.branch);
	graph_free(g);
}
END_TEST

START_TEST(json_is_read_too)
{
	struct graph *g = load_good("{\"name\":\"j\",\"nodes\":{\"a\":{\"run\":\"echo \\u00e9 \\/\"},\n"
				    "\t\"b\":{\"run\":[\"true\"],\"needs\":[\"a\"],\"critical\":false}}}");
	ck_assert_str_eq(g->nodes[0].run.script, "echo \xc3\xa9 /");
	ck_assert(!g->nodes[1].critical);
	graph_free(g);
}
END_TEST

START_TEST(the_hash_covers_sub_workflows)
{
	struct graph *a = load_good("nodes: {a: {workflow: child.yaml, params: {who: x}}}");
	struct graph *b = load_good("nodes: {a: {workflow: child.yaml, params: {who: x}}}");
	ck_assert_mem_eq(a->hash.b, b->hash.b, HASH_LEN);
	struct hash plain = hash_bytes(a->source, a->source_len);
	ck_assert_mem_ne(a->hash.b, plain.b, HASH_LEN);
	graph_free(a);
	graph_free(b);
}
END_TEST

START_TEST(names_may_be_known_through_others)
{
	struct graph *g = load_good("nodes:\n  a: {run: x}\n  b: {run: x, needs: a}\n"
				    "  c: {run: x, needs: b, env: {A: \"${{ nodes.a.outputs.x }}\"}}\n");
	graph_free(g);
}
END_TEST

/* ---- size ---- */

START_TEST(large_graphs)
{
	/* Layers of 100, each node needing three of the layer before and naming one far above. */
	auto_str text = STR_INIT;
	str_add(&text, "nodes:\n");
	for (int i = 0; i < 10000; i++) {
		str_addf(&text, " n%d: {run: 'true', timeout: 5m, env: {I: '%d'}", i, i);
		if (i >= 100)
			str_addf(&text, ", needs: [n%d, n%d]", i - 100, i / 100 * 100 - 1 - i % 100);
		str_add(&text, "}\n");
	}
	ck_assert_uint_lt(text.len, FLOW_MAX);
	struct graph *g = load_good(str_text(&text));
	ck_assert_uint_eq(g->nnodes, 10000);
	ck_assert_int_eq(g->nodes[0].rank, 100);
	ck_assert_int_eq(g->nodes[9999].rank, 1);
	graph_free(g);
}
END_TEST

static void refuse_many(const char *before, const char *piece, size_t n, const char *says)
{
	auto_str text = STR_INIT, m = STR_INIT;
	str_add(&text, before);
	for (size_t i = 0; i < n; i++)
		str_add(&text, piece);
	ck_assert_ptr_null(load(str_text(&text), &m));
	ck_assert_msg(strstr(str_text(&m), says), "%.300s", str_text(&m));
}

START_TEST(limits)
{
	refuse_many("a: ", "[", 200000, "nested deeper than 64");
	refuse_many("", "- ", 100000, "nested deeper than 64");
	refuse_many("a: ", "{a: ", 1000, "nested deeper than 64");
	refuse_many("a: ", "x", 300 * KIB, "longer than 256 KiB");
	refuse_many("", "#xxxxxxxxxxxxxxx\n", 70000, "larger than 1024 KiB");
	refuse_many("a: [", "1,", 510000, "more than 500000 values");
}
END_TEST

/* ---- parameters of a submission ---- */

/* clang-format off */
static const struct { const char *given, *gives; /* NULL: refused, saying … */ const char *says; } values[] = {
	{ "{\"r\":\"x\"}", "{\"r\":\"x\",\"s\":null,\"i\":5,\"f\":null,\"b\":false,\"e\":\"unit\",\"l\":null}" },
	{ "{\"r\":1.5,\"s\":\"ab1\",\"i\":\"7\",\"f\":\"2.5\",\"b\":\"true\",\"e\":\"all\",\"l\":\"a, b,c\"}",
	  "{\"r\":\"1.5\",\"s\":\"ab1\",\"i\":7,\"f\":2.5,\"b\":true,\"e\":\"all\",\"l\":[\"a\",\"b\",\"c\"]}" },
	{ "{\"r\":true,\"l\":[1,\"x\"],\"b\":true,\"i\":3,\"f\":1}", "{\"r\":\"true\",\"s\":null,\"i\":3,\"f\":1,\"b\":true,\"e\":\"unit\",\"l\":[1,\"x\"]}" },
	{ "{\"r\":\"\",\"l\":\"[1, 2]\",\"i\":null}", "{\"r\":\"\",\"s\":null,\"i\":5,\"f\":null,\"b\":false,\"e\":\"unit\",\"l\":[1,2]}" },
	{ "{\"r\":\"x\",\"l\":\"\"}", "{\"r\":\"x\",\"s\":null,\"i\":5,\"f\":null,\"b\":false,\"e\":\"unit\",\"l\":[]}" },
	{ "{}", NULL, "parameter 'r' is required: what to do" }, { "[]", NULL, "an object" }, { "{\"r\":\"x\",\"z\":1}", NULL, "w has no parameter 'z'" },
	{ "{\"r\":\"x\",\"ee\":1}", NULL, "w has no parameter 'ee'" }, { "{\"r\":\"x\",\"i\":\"1.5\"}", NULL, "'i' wants a whole number" }, { "{\"r\":\"x\",\"i\":1e300}", NULL, "15 digits" },
	{ "{\"r\":\"x\",\"i\":\"0x10\"}", NULL, "wants a whole number" }, { "{\"r\":\"x\",\"f\":\"\"}", NULL, "wants a number" }, { "{\"r\":\"x\",\"b\":\"yes\"}", NULL, "'b' wants true or false" },
	{ "{\"r\":\"x\",\"b\":1}", NULL, "true or false" }, { "{\"r\":\"x\",\"e\":\"uint\"}", NULL, "wants one of: unit, all (did you mean 'unit'?)" }, { "{\"r\":\"x\",\"s\":\"ab12\"}", NULL, "does not match" },
	{ "{\"r\":\"x\",\"s\":\"ab1\\n\"}", NULL, "does not match" }, { "{\"r\":{}}", NULL, "wants a text" }, { "{\"r\":\"x\",\"l\":{}}", NULL, "wants a list" }, { "{\"r\":\"x\",\"l\":[[]]}", NULL, "plain values" },
	{ "{\"b\":\"x\",\"i\":\"y\"}", NULL, "'r' is required: what to do; parameter 'i' wants a whole number; parameter 'b' wants true or false" },
};
/* clang-format on */

START_TEST(values_of_a_submission)
{
	struct graph *g = load_good("name: w\nnodes: {a: {run: x}}\nparams:\n"
				    "  r: {required: true, help: what to do}\n  s: {pattern: '[a-z]+\\d|ab'}\n"
				    "  i: {type: int, default: 5}\n  f: {type: number}\n  b: {type: bool, default: false}\n"
				    "  e: {enum: [unit, all], default: unit}\n  l: {type: list}\n");
	auto_json *given = NULL;
	auto_free char *text = NULL;
	struct err err = { 0 };
	ck_assert_int_eq(json_parse(values[_i].given, strlen(values[_i].given), 4096, &given, NULL), ERR_OK);
	enum err_code code = flow_params(g, given, &text, &err);
	graph_free(g);
	if (values[_i].gives) {
		ck_assert_msg(code == ERR_OK, "%s", err.message);
		ck_assert_str_eq(text, values[_i].gives);
		return;
	}
	ck_assert_int_eq(code, ERR_INVALID);
	ck_assert_msg(strstr(err.message, values[_i].says), "%s", err.message);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("flow_load");
	TCase *t = tcase_create("load");
	tcase_add_loop_test(t, every_mistake_is_told, 0, (int)COUNT(rows));
	tcase_add_test(t, all_mistakes_at_once_in_order);
	tcase_add_test(t, very_many_mistakes_are_counted);
	tcase_add_test(t, terminal_controls_do_not_get_through);
	tcase_add_test(t, a_whole_workflow);
	tcase_add_test(t, agents_models_and_people);
	tcase_add_test(t, json_is_read_too);
	tcase_add_test(t, the_hash_covers_sub_workflows);
	tcase_add_test(t, names_may_be_known_through_others);
	tcase_add_test(t, large_graphs);
	tcase_add_test(t, limits);
	tcase_add_loop_test(t, values_of_a_submission, 0, (int)COUNT(values));
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
