// SPDX-License-Identifier: GPL-3.0-or-later
// The makers' own client libraries against the stand-in: what they read out of it is what it is meant to say, and
// what they refuse is refused for the reason that they know. Started by clients.sh.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import Before from "anthropic-before"; // speaks the version of the protocol that pawl speaks
import OpenAI from "openai";
import { Ollama } from "ollama";

const port = process.argv[2];
const TEXT = "Hello, wörld.\nZweite Zeile: 你好 🙂\nThe end.";
const KEY = "sk-test-0123456789abcdef";
let serial = 0;
const url = (scenario, name) => `http://127.0.0.1:${port}/${scenario}~${name}${++serial}`; // counted apart
const ask = [{ role: "user", content: "Say hello." }];
let n = 0;
const same = (a, b, what) => { n++; assert.deepEqual(a, b, what); };

const anthropic = (Client) => ({
	make: (scenario, retries = 0) => new Client({ apiKey: KEY, baseURL: url(scenario, "anthropic"), maxRetries: retries }),
	whole: async (c) => {
		const m = await c.messages.create({ model: "m-1", max_tokens: 100, messages: ask });
		return { text: m.content[0].text, stop: m.stop_reason, input: m.usage.input_tokens, output: m.usage.output_tokens };
	},
	stream: async (c) => {
		const s = c.messages.stream({ model: "m-1", max_tokens: 100, messages: ask });
		let text = "";
		s.on("text", (t) => { text += t; });
		const m = await s.finalMessage();
		assert.equal(m.content[0].text, text);
		return { text, stop: m.stop_reason, input: m.usage.input_tokens, output: m.usage.output_tokens };
	},
	stop: "end_turn", input: 11, kinds: { 401: Client.AuthenticationError, 429: Client.RateLimitError, 529: Client.InternalServerError },
});

const clients = {
	anthropic: anthropic(Anthropic),
	"anthropic, version 2023-06-01": anthropic(Before),
	openai: {
		make: (scenario, retries = 0) => new OpenAI({ apiKey: KEY, baseURL: url(scenario, "openai") + "/v1", maxRetries: retries }),
		whole: async (c) => {
			const m = await c.chat.completions.create({ model: "m-1", messages: ask });
			return { text: m.choices[0].message.content, stop: m.choices[0].finish_reason, input: m.usage?.prompt_tokens,
				output: m.usage?.completion_tokens };
		},
		stream: async (c) => {
			const s = await c.chat.completions.create({ model: "m-1", messages: ask, stream: true,
				stream_options: { include_usage: true } });
			let text = "", stop, usage;
			for await (const chunk of s) {
				text += chunk.choices[0]?.delta?.content ?? "";
				stop = chunk.choices[0]?.finish_reason ?? stop;
				usage = chunk.usage ?? usage;
			}
			return { text, stop, input: usage?.prompt_tokens, output: usage?.completion_tokens };
		},
		stop: "stop", input: 41, kinds: { 401: OpenAI.AuthenticationError, 429: OpenAI.RateLimitError, 529: OpenAI.InternalServerError },
	},
	ollama: {
		make: (scenario) => new Ollama({ host: url(scenario, "ollama") }),
		whole: async (c) => {
			const m = await c.chat({ model: "m-1", messages: ask, stream: false });
			return { text: m.message.content, stop: m.done_reason, input: m.prompt_eval_count, output: m.eval_count };
		},
		stream: async (c) => {
			let text = "", last;
			for await (const part of await c.chat({ model: "m-1", messages: ask, stream: true })) {
				text += part.message.content;
				last = part;
			}
			return { text, stop: last.done_reason, input: last.prompt_eval_count, output: last.eval_count };
		},
		stop: "stop", input: 11, kinds: {},
	},
};

async function fails(promise, what, says) {
	n++;
	await assert.rejects(promise, (e) => {
		const text = `${e.constructor.name} ${e.status ?? e.status_code ?? ""} ${e.message} ${JSON.stringify(e.error ?? "")}`;
		assert.match(text, says, `${what}: ${text}`);
		return true;
	}, what);
}

for (const [name, client] of Object.entries(clients)) {
	const good = { text: TEXT, stop: client.stop, input: client.input, output: 17 };
	same(await client.whole(client.make("ok")), good, `${name}, whole`);
	for (const scenario of ["ok", "bytes", "sevens", "crlf", "noise", "cumulative"]) {
		// A new event type within Ollama's lines is something that its own client does not expect.
		if (scenario === "noise" && name === "ollama")
			continue;
		// OpenAI's client takes every data line for a chunk.
		if (scenario === "noise" && name === "openai")
			continue;
		same(await client.stream(client.make(scenario)), good, `${name}, ${scenario}`);
	}
	for (const status of ["401", "404", "429", "529"])
		await fails(client.whole(client.make(status)), `${name}, ${status}`,
			name === "ollama" ? /not today/ : new RegExp(`${status}.*not today`));
	for (const [status, kind] of Object.entries(client.kinds))
		await assert.rejects(client.stream(client.make(status)), (e) => { n++; return e instanceof kind; }, `${name}, ${status}`);
	await fails(client.stream(client.make("error-mid")), `${name}, error-mid`, /Overloaded/);
	await fails(client.stream(client.make("reset")), `${name}, reset`, /./);
	if (name !== "ollama") {
		same(await client.whole(client.make("429-once", 2)), good, `${name}, tried again`);
		same(await client.whole(client.make("529-twice", 2)), good, `${name}, tried twice again`);
	}
	console.log(`${name}: its own client reads the stand-in as it is meant`);
}
console.log(`${n} expectations`);
