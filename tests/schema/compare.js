// SPDX-License-Identifier: GPL-3.0-or-later
// The JSON Schema and the loader judge the same files: those of cases.txt, the examples, and what comes
// out when values of the good ones are replaced one by one.
//
// Usage: node compare.js AJV-FOLDER JUDGE SCHEMA CASES EXAMPLES-FOLDER SCRATCH-FOLDER
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const [ajvFolder, judge, schemaFile, casesFile, examples, scratch] = process.argv.slice(2);
const Ajv = require(path.join(path.resolve(ajvFolder), 'node_modules', 'ajv'));
const validate = new (Ajv.default || Ajv)({ strict: false }).compile(JSON.parse(fs.readFileSync(schemaFile)));

// Mistakes that only somebody who understands the workflow sees; a schema cannot tell them.
const meaning = new RegExp([
	'there is no (node|parameter|resource|provider)', 'in a circle', 'means nothing here', 'did you mean params', 'is a (parameter|node): write',
	'expression ends', 'is expected here', 'is known only', 'may not have run', 'declares no output', 'no variable',
	'is not known here', 'nodes cannot be named', 'name the (node|parameter|variable)', 'a node has outputs', 'of the (run|workspace) there',
	'the workspace is not known', 'the matrix has no axis', 'can be asked in when', 'not a number; a text',
	'there is no function', 'is called as', 'the default does not fit', 'could never start', 'is named twice', 'cannot use what it gives',
	'the sub-workflow', 'needs the parameter', 'has no parameter', 'parameter \'.*\' wants', 'would both be', 'is shorter than the first',
	'less than a second', 'a default is a value',
	'an operator', 'is not secret', 'a key comes from', 'which branch', 'snapshots are off', 'one iteration may', 'which model',
	'in the schema', 'what ends it', 'iterations are less than', 'at least [0-9]+ iterations', 'but base: is', 'tells what it does',
	'say adapter', 'no repository to commit', 'is the question itself', 'at most 64 MiB', 'the pattern', 'regular expression',
].join('|'));

let failures = 0, count = 0, both = 0;
const told = new Set();
function complain(kind, file, text) {
	failures++;
	const alike = kind + text.replace(/'[^']*'|[0-9]+/g, '#').replace(/^\S+/, '');
	if (told.has(alike) || told.size >= 20)
		return;
	told.add(alike);
	console.log(`${kind}: ${file}\n    ${text}`);
}
const why = () => validate.errors.map((e) => `${e.instancePath} ${e.message}`).join('; ');

function judged(files) {
	const lines = [];
	for (let i = 0; i < files.length; i += 500) {
		const out = execFileSync(judge, files.slice(i, i + 500), { maxBuffer: 1 << 30 });
		lines.push(...out.toString().trim().split('\n').map(JSON.parse));
	}
	return lines;
}

function write(name, text) {
	const file = path.join(scratch, name);
	fs.writeFileSync(file, text);
	return file;
}

// ---- the cases, each with its verdict ----
const cases = fs.readFileSync(casesFile, 'utf8').split(/^=== (\w+).*\n/m).slice(1);
const expected = new Map();
for (let i = 0; i < cases.length; i += 2)
	expected.set(write(`case-${String(i / 2 + 1).padStart(3, '0')}.yaml`, cases[i + 1]), cases[i]);
for (const name of fs.readdirSync(examples).filter((n) => n.endsWith('.yaml'))) {
	expected.set(path.join(examples, name), 'valid');
	fs.copyFileSync(path.join(examples, name), path.join(scratch, name));
}
const good = [];
for (const line of judged([...expected.keys()])) {
	const kind = expected.get(line.file);
	const schemaGood = line.value !== null && validate(line.value);
	count++;
	if (line.good !== (kind === 'valid'))
		complain(`${kind} case, but the loader says`, line.file, line.good ? 'good' : line.message);
	if (schemaGood !== (kind !== 'invalid'))
		complain(`${kind} case, but the schema says`, line.file,
			schemaGood ? 'good' : why());
	if (line.good)
		good.push(line.value);
}

// ---- one change at a time to each good one ----
const others = [null, true, false, 0, 1, -1, 1.5, 99999, '', 'x', 'a b', '5m', '${{ run.id }}', [], ['a'], [1, 2],
	[['a']], {}, { a: 1 }, { run: 'x' }, { a: { run: 'x' } }, 'none', 'default', 'success', 'http://h', { on: 'exit:7' }];
const keys = ['run', 'http', 'env', 'shell', 'matrix', 'foreach', 'needs', 'name', 'zzz', 'retry', 'a-b', 'PAWL_X', 'fail_fast'];
function* changes(value, put) {
	for (const other of others)
		yield () => put(other);
	if (Array.isArray(value)) {
		for (let i = 0; i < value.length; i++)
			yield* changes(value[i], (v) => put(value.map((e, j) => (j === i ? v : e))));
	} else if (value && typeof value === 'object') {
		for (const key of Object.keys(value)) {
			yield* changes(value[key], (v) => put({ ...value, [key]: v }));
			yield () => put(Object.fromEntries(Object.entries(value).filter(([k]) => k !== key)));
		}
		for (const key of keys)
			if (!(key in value))
				yield () => put({ ...value, [key]: others[(key.length * 7) % others.length] });
	}
}
const files = [];
const seen = new Set();
for (const value of good)
	for (const change of changes(value, (v) => v)) {
		const text = JSON.stringify(change());
		if (seen.has(text) || text === undefined)
			continue;
		seen.add(text);
		files.push(write(`change-${files.length}.json`, text));
	}
for (const line of judged(files)) {
	const schemaGood = line.value !== null && validate(line.value);
	count++;
	both += line.good && schemaGood ? 1 : 0;
	if (line.good && !schemaGood)
		complain('good for the loader, refused by the schema', line.file, why());
	if (!line.good && schemaGood && !meaning.test(line.message))
		complain('good for the schema, refused by the loader', line.file, line.message);
}
console.log(`${count} files judged by loader and schema, ${both} changed ones good for both, ${failures} differences`);
process.exit(failures || both < 100 || files.length < 1000 ? 1 : 0);
