-- Going back: the workspaces of runs, what their files were, and rollbacks under way.

-- When the present iteration of a node began (the number of its event), and the snapshot of its workspace then:
-- NULL when none was kept.
ALTER TABLE node ADD COLUMN began INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node ADD COLUMN before TEXT;

-- A folder that belongs to a run for a while: one for each workstream that has its own.
CREATE TABLE workspace (
	run INTEGER NOT NULL REFERENCES run(id),
	stream INTEGER NOT NULL,    -- index of the workstream; 0 is main
	kind INTEGER NOT NULL,      -- enum workspace_kind
	path TEXT NOT NULL,
	repository TEXT,            -- of a worktree: the common git folder
	branch TEXT,
	base TEXT,                  -- the commit that it began from
	state INTEGER NOT NULL,     -- enum space_state
	tree TEXT,                  -- its newest snapshot
	PRIMARY KEY (run, stream)
) STRICT, WITHOUT ROWID;
CREATE INDEX workspace_by_state ON workspace(state);

-- What can be gone back to: the start of a run (number 0, no node) and each success of a node. `seq` is the
-- event of the success; `tree` the snapshot of the node's workspace, or `why_not` says why there is none.
CREATE TABLE checkpoint (
	run INTEGER NOT NULL REFERENCES run(id),
	number INTEGER NOT NULL,
	stream INTEGER NOT NULL,
	idx INTEGER NOT NULL,       -- -1: the start
	generation INTEGER NOT NULL,
	iteration INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	at_ms INTEGER NOT NULL,
	tree TEXT,
	why_not TEXT,
	nleft INTEGER NOT NULL,     -- what the snapshot does not cover
	PRIMARY KEY (run, number, stream)
) STRICT, WITHOUT ROWID;

-- What of going back takes several steps: each is committed before the next. One row a run: the last one.
CREATE TABLE procedure (
	run INTEGER PRIMARY KEY REFERENCES run(id),
	step INTEGER NOT NULL,      -- enum procedure_step
	verb INTEGER NOT NULL,
	was INTEGER NOT NULL,       -- state of the run before it
	request TEXT NOT NULL,      -- what was asked for: JSON
	spaces TEXT NOT NULL,       -- JSON list: {stream, to, protect, patch, written, removed}
	began_ms INTEGER NOT NULL,
	ended_ms INTEGER NOT NULL,
	lost_ms INTEGER NOT NULL,   -- from the checkpoint to the beginning: what is done again
	error TEXT
) STRICT;

-- An order whose run begins at a checkpoint of another run.
CREATE TABLE fork (
	order_id INTEGER PRIMARY KEY REFERENCES work_order(id),
	run INTEGER,                -- NULL: it has not started yet
	source INTEGER NOT NULL,
	checkpoint INTEGER NOT NULL
) STRICT;
CREATE INDEX fork_by_run ON fork(run) WHERE run IS NOT NULL;
CREATE INDEX fork_by_source ON fork(source);

-- What a run executed from which generation on, where that was changed.
CREATE TABLE run_definition (
	run INTEGER NOT NULL REFERENCES run(id),
	generation INTEGER NOT NULL,
	workflow BLOB NOT NULL REFERENCES workflow(hash),
	PRIMARY KEY (run, generation)
) STRICT, WITHOUT ROWID;

-- The last verb of a run, and what was before it: to be undone.
CREATE TABLE undo (
	run INTEGER PRIMARY KEY REFERENCES run(id),
	verb TEXT NOT NULL,
	before TEXT NOT NULL,       -- JSON object
	at_ms INTEGER NOT NULL
) STRICT;

-- Where a run is to stop. `node` is a name, a path into sub-workflows, or * for any.
CREATE TABLE breakpoint (
	run INTEGER NOT NULL REFERENCES run(id),
	number INTEGER NOT NULL,    -- 1, 2, … of the run
	node TEXT NOT NULL,
	state INTEGER,              -- that the node reaches; NULL: any
	class INTEGER,              -- of its failure; NULL: any
	pattern TEXT,               -- in the end of its output; NULL: none
	wanted INTEGER NOT NULL,    -- it stops from this hit on
	hits INTEGER NOT NULL,
	made_ms INTEGER NOT NULL,
	who TEXT NOT NULL,
	PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;

-- Breakpoints that an order was submitted with, until it has a run: a JSON list.
CREATE TABLE order_breakpoints (
	id INTEGER PRIMARY KEY REFERENCES work_order(id),
	v TEXT NOT NULL
) STRICT;

-- Somebody stands in an attempt with a shell: the workspace is held meanwhile.
CREATE TABLE hold (
	run INTEGER NOT NULL REFERENCES run(id),
	number INTEGER NOT NULL,    -- 1, 2, … of the run
	idx INTEGER NOT NULL,
	token INTEGER,              -- the attempt; NULL: it has none
	who TEXT NOT NULL,
	began_ms INTEGER NOT NULL,
	until_ms INTEGER NOT NULL,  -- the lease: renewed while the client is there
	ended_ms INTEGER NOT NULL,
	exit_code INTEGER,
	outcome TEXT,               -- leave, retry, done, lost
	PRIMARY KEY (run, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX hold_open ON hold(run) WHERE ended_ms = 0;

-- What succeeded before this can be gone back to, too, but for its files.
INSERT INTO checkpoint(run, number, stream, idx, generation, iteration, seq, at_ms, tree, why_not, nleft)
SELECT run, row_number() OVER (PARTITION BY run ORDER BY seq), 0, idx, generation, iteration, seq, ended_ms, NULL,
	'made before files were kept', 0
FROM node WHERE state = 7;
