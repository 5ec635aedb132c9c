-- The first schema. Times are milliseconds since 1970 UTC. States are the numbers of model/states.h;
-- their names never change, their numbers are never reused.

-- What is true of the home as a whole.
CREATE TABLE meta (
	k TEXT PRIMARY KEY,
	v TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A definition, stored once by the hash of its text and of the texts that it includes.
CREATE TABLE workflow (
	hash BLOB PRIMARY KEY,
	name TEXT NOT NULL,
	file TEXT NOT NULL,
	source TEXT NOT NULL,
	includes TEXT,              -- JSON list of {from, name, file, text}; NULL if it includes none
	created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A request to run a workflow.
CREATE TABLE work_order (
	id INTEGER PRIMARY KEY,
	workflow BLOB NOT NULL REFERENCES workflow(hash),
	name TEXT NOT NULL,         -- of the workflow, for lists
	file TEXT NOT NULL,
	dir TEXT NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 15),
	priority INTEGER NOT NULL,
	place INTEGER NOT NULL,     -- order within a priority; front and back move it
	params TEXT NOT NULL,       -- JSON object
	env TEXT,                   -- JSON object
	until TEXT,                 -- JSON list of node names
	flags INTEGER NOT NULL,     -- bits of enum order_flags
	max_wait_ms INTEGER NOT NULL,
	reason TEXT,
	run INTEGER,
	submitter TEXT NOT NULL,
	enqueued_ms INTEGER NOT NULL,
	started_ms INTEGER NOT NULL,
	ended_ms INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;
CREATE INDEX order_by_state ON work_order(state, id);

CREATE TABLE order_need (
	id INTEGER NOT NULL REFERENCES work_order(id),
	needs INTEGER NOT NULL REFERENCES work_order(id),
	PRIMARY KEY (id, needs)
) STRICT, WITHOUT ROWID;
CREATE INDEX order_needed_by ON order_need(needs);

-- Answers already given, so that a request sent twice is done once.
CREATE TABLE idempotency (
	key TEXT PRIMARY KEY,
	body BLOB NOT NULL,         -- hash of the request
	kind INTEGER NOT NULL,      -- what `id` is: 1 order, 2 run
	id INTEGER NOT NULL,
	created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency(created_ms);

-- One execution. `epoch` fences: only the owner of the newest epoch writes it.
CREATE TABLE run (
	id INTEGER PRIMARY KEY,
	order_id INTEGER,
	workflow BLOB NOT NULL REFERENCES workflow(hash),
	sub TEXT,                   -- path of node names to the sub-workflow in the definition; NULL: itself
	name TEXT NOT NULL,
	file TEXT NOT NULL,
	dir TEXT NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 15),
	result INTEGER NOT NULL,
	mode INTEGER NOT NULL,
	until TEXT,
	reason TEXT,
	generation INTEGER NOT NULL,
	priority INTEGER NOT NULL,
	params TEXT NOT NULL,
	env TEXT,
	workspace TEXT NOT NULL,
	parent_run INTEGER,
	parent_node INTEGER,
	failed_node INTEGER,        -- the first critical failure of this generation
	failed_token INTEGER,
	acknowledged INTEGER NOT NULL,
	created_ms INTEGER NOT NULL,
	started_ms INTEGER NOT NULL,
	ended_ms INTEGER NOT NULL,
	paused_at_ms INTEGER NOT NULL, -- when the present pause began
	paused_ms INTEGER NOT NULL,
	crashes INTEGER NOT NULL,   -- interruptions in a row without progress
	counts TEXT,                -- progress as JSON, written when it ends
	epoch INTEGER NOT NULL,
	version INTEGER NOT NULL
) STRICT;
CREATE INDEX run_by_state ON run(state, id);
CREATE INDEX run_by_name ON run(name, id);
CREATE INDEX run_by_parent ON run(parent_run, parent_node) WHERE parent_run IS NOT NULL;
CREATE INDEX run_unseen ON run(id) WHERE acknowledged = 0;

-- A node that has left "pending". No row: pending (or blocked, or ready: that follows from what it
-- needs). A succeeded row with its outputs is the checkpoint; `seq` is its event. Rows of earlier
-- generations stay.
CREATE TABLE node (
	run INTEGER NOT NULL REFERENCES run(id),
	idx INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 15),
	iteration INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	token INTEGER,              -- the last attempt
	class INTEGER NOT NULL,
	reason TEXT,
	outputs TEXT,               -- JSON object
	child INTEGER,              -- run of a sub-workflow
	started_ms INTEGER NOT NULL,
	ended_ms INTEGER NOT NULL,
	next_ms INTEGER NOT NULL,   -- when the next attempt is due
	stale INTEGER NOT NULL,     -- 1: what it was made from was made anew
	seq INTEGER NOT NULL,
	version INTEGER NOT NULL,
	PRIMARY KEY (run, idx, generation)
) STRICT, WITHOUT ROWID;

-- Nodes that came into being while it ran: instances of a matrix or foreach.
CREATE TABLE instance (
	run INTEGER NOT NULL REFERENCES run(id),
	idx INTEGER NOT NULL,
	parent INTEGER NOT NULL,
	expansion INTEGER NOT NULL, -- the iteration of the group that made it; of an earlier one: superseded
	name TEXT NOT NULL,
	bindings TEXT NOT NULL,     -- JSON object: matrix, item, index
	PRIMARY KEY (run, idx)
) STRICT, WITHOUT ROWID;

-- One try. Rows that ended never change.
CREATE TABLE attempt (
	token INTEGER PRIMARY KEY,
	run INTEGER NOT NULL REFERENCES run(id),
	idx INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	iteration INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	previous INTEGER,           -- token of the attempt of this node before it
	state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 15),
	class INTEGER NOT NULL,
	exit_code INTEGER,
	signal INTEGER,
	message TEXT,
	tail TEXT,
	started_ms INTEGER NOT NULL,
	ended_ms INTEGER NOT NULL,
	worker_pid INTEGER NOT NULL,
	worker_start INTEGER NOT NULL,
	boot_id TEXT NOT NULL,
	cpu_us INTEGER NOT NULL,
	rss_kib INTEGER NOT NULL,
	frozen_ms INTEGER NOT NULL,
	log_bytes INTEGER NOT NULL,
	log_lines INTEGER NOT NULL,
	log_dropped INTEGER NOT NULL,
	log_lost INTEGER NOT NULL,
	redacted INTEGER NOT NULL,
	leftover INTEGER NOT NULL,
	retry_in_ms INTEGER,
	retry_reason TEXT
) STRICT;
CREATE INDEX attempt_by_run ON attempt(run, token);

-- Everything that happened, in order; each row's hash covers the one before it.
CREATE TABLE event (
	seq INTEGER PRIMARY KEY,
	at_ms INTEGER NOT NULL,
	type TEXT NOT NULL,
	order_id INTEGER,
	run INTEGER,
	idx INTEGER,
	generation INTEGER,
	iteration INTEGER,
	attempt INTEGER,
	was INTEGER,                -- state before and after; NULL when no state changed
	now INTEGER,
	actor INTEGER NOT NULL,
	who TEXT,
	reason TEXT,
	data TEXT,
	hash BLOB NOT NULL
) STRICT;
CREATE INDEX event_by_run ON event(run, seq) WHERE run IS NOT NULL;
CREATE INDEX event_by_order ON event(order_id, seq) WHERE order_id IS NOT NULL AND run IS NULL;
