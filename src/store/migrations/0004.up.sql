-- Patches: the ledger of unified diffs that were judged, applied, committed and taken back.

-- One diff, or the taking back of one. What it is now; how it became that stands in patch_move.
CREATE TABLE patch (
	id INTEGER PRIMARY KEY,
	run INTEGER NOT NULL REFERENCES run(id),
	idx INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	iteration INTEGER NOT NULL,
	token INTEGER,              -- the attempt that applied it, or began to
	state INTEGER NOT NULL,     -- enum patch_state
	reverts INTEGER,            -- the patch that it takes back
	reverted_by INTEGER,        -- the patch that took it back
	reason TEXT,                -- why it is quarantined, dropped or taken back
	hash TEXT,                  -- of the diff
	commit_id TEXT,
	workspace TEXT NOT NULL,
	detail TEXT,                -- what it touches: JSON
	files INTEGER NOT NULL,
	added INTEGER NOT NULL,
	removed INTEGER NOT NULL,
	who TEXT,
	created_ms INTEGER NOT NULL,
	updated_ms INTEGER NOT NULL,
	version INTEGER NOT NULL,
	CHECK (state NOT IN (7, 9, 10) OR reason IS NOT NULL)
) STRICT;
CREATE INDEX patch_run ON patch(run, idx);
CREATE INDEX patch_state ON patch(state, id);

-- Every move of a patch. Rows are added, never changed, never removed.
CREATE TABLE patch_move (
	patch INTEGER NOT NULL REFERENCES patch(id),
	number INTEGER NOT NULL,    -- from 1
	was INTEGER NOT NULL,       -- -1: it was made
	now INTEGER NOT NULL,
	seq INTEGER NOT NULL,       -- of its event
	at_ms INTEGER NOT NULL,
	actor INTEGER NOT NULL,
	who TEXT,
	reason TEXT,
	PRIMARY KEY (patch, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER patch_move_stays BEFORE UPDATE ON patch_move BEGIN SELECT RAISE(ABORT, 'the history of a patch stays'); END;
CREATE TRIGGER patch_move_is_kept BEFORE DELETE ON patch_move BEGIN SELECT RAISE(ABORT, 'the history of a patch stays'); END;
