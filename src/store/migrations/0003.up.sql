-- Iterations: what was done, checked and decided in each, what it took, and who was asked.

-- What an attempt was for: 0 the work, 1 its checks, 2 the strategy's command.
ALTER TABLE attempt ADD COLUMN phase INTEGER NOT NULL DEFAULT 0;

-- One round of a node that has checks, a loop or a budget, or that calls an agent or a model. One that has ended
-- never changes.
CREATE TABLE iteration (
	run INTEGER NOT NULL REFERENCES run(id),
	idx INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	iteration INTEGER NOT NULL,
	state INTEGER NOT NULL,     -- enum iteration_state
	work INTEGER,               -- the last attempt at the work,
	verify INTEGER,             -- … of its checks,
	strategy INTEGER,           -- … and of the strategy's command
	last INTEGER,               -- the last attempt of all
	prompt TEXT,                -- hash of what the work was told: its prompt and the feedback
	tree TEXT,                  -- snapshot of the workspace after the work
	content INTEGER NOT NULL,   -- hash of what it made; 0: not known
	signature INTEGER NOT NULL, -- of the first diagnostics; 0: none
	level INTEGER NOT NULL,
	problems INTEGER NOT NULL,
	bits INTEGER NOT NULL,      -- worked 1, verified 2, passed 4, changed 8, same prompt 16
	score INTEGER NOT NULL,     -- thousandths
	action INTEGER NOT NULL,    -- enum loop_action, with `final` …
	final INTEGER NOT NULL,     -- … enum loop_final
	trend INTEGER NOT NULL,
	detected TEXT,
	confidence INTEGER NOT NULL, -- thousandths
	reason TEXT,                -- of the decision
	feedback TEXT,              -- what this iteration was told of the one before it
	class INTEGER NOT NULL,
	message TEXT,
	started_ms INTEGER NOT NULL,
	worked_ms INTEGER NOT NULL, -- when the work had ended
	ended_ms INTEGER NOT NULL,
	PRIMARY KEY (run, idx, generation, iteration)
) STRICT, WITHOUT ROWID;

-- What the program of an attempt wrote about its work: JSON.
CREATE TABLE report (
	token INTEGER PRIMARY KEY REFERENCES attempt(token),
	text TEXT NOT NULL
) STRICT;

-- One row for each call of a model: what it took. NULL is "not known", never 0. Never rolled back.
CREATE TABLE usage (
	token INTEGER NOT NULL REFERENCES attempt(token),
	number INTEGER NOT NULL,
	run INTEGER NOT NULL,
	idx INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	iteration INTEGER NOT NULL,
	provider TEXT NOT NULL,
	model TEXT NOT NULL,
	input INTEGER,
	output INTEGER,
	cache_read INTEGER,
	cache_write INTEGER,
	total INTEGER,
	cost_micro_usd INTEGER,
	price_version TEXT,
	status TEXT NOT NULL,
	http_status INTEGER,
	retry_count INTEGER NOT NULL,
	latency_ms INTEGER,
	at_ms INTEGER NOT NULL,
	PRIMARY KEY (token, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_run ON usage(run, token, number);

-- Whether a program or provider may be called; see model/breaker.h.
CREATE TABLE breaker (
	name TEXT PRIMARY KEY,
	state INTEGER NOT NULL,
	failures INTEGER NOT NULL,
	opened INTEGER NOT NULL,
	opened_ms INTEGER NOT NULL,
	until_ms INTEGER NOT NULL,
	probe INTEGER NOT NULL,
	reason TEXT,
	who TEXT,
	changed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A question to a person, and the answer.
CREATE TABLE approval (
	run INTEGER NOT NULL REFERENCES run(id),
	idx INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	iteration INTEGER NOT NULL,
	state INTEGER NOT NULL,     -- enum approval_state
	question TEXT NOT NULL,
	choices INTEGER NOT NULL,   -- bits of enum approval_choice
	roles TEXT NOT NULL,        -- JSON list of those who may answer; empty: everybody
	targets TEXT NOT NULL,      -- JSON list of the nodes that redirect may go to
	on_timeout INTEGER NOT NULL,
	asked_ms INTEGER NOT NULL,
	deadline_ms INTEGER NOT NULL, -- 0: none
	choice INTEGER,
	target TEXT,
	who TEXT,
	role TEXT,
	reason TEXT,
	feedback TEXT,
	decided_ms INTEGER NOT NULL,
	PRIMARY KEY (run, idx, generation, iteration)
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_open ON approval(asked_ms, run, idx) WHERE state = 0;
