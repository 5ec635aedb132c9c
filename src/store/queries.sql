-- Every statement of the store, each with why it is asked. One that reads a whole table says (scan).

-- ==== writing ====

-- EVENT_ADD: one thing that happened
INSERT INTO event(seq, at_ms, type, order_id, run, idx, generation, iteration, attempt, was, now, actor, who, reason, data, hash)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)

-- WORKFLOW_PUT: keep a definition; the same hash is the same text
INSERT INTO workflow(hash, name, file, source, includes, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT(hash) DO NOTHING

-- ORDER_ADD: a new order
INSERT INTO work_order(id, workflow, name, file, dir, state, priority, place, params, env, until, flags,
	max_wait_ms, reason, run, submitter, enqueued_ms, started_ms, ended_ms, version)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, 1)

-- ORDER_SET: what changes in an order
UPDATE work_order SET state = ?2, priority = ?3, place = ?4, reason = ?5, run = ?6, started_ms = ?7, ended_ms = ?8,
	version = version + 1
WHERE id = ?1

-- ORDER_NEED_ADD: an order that has to succeed before
INSERT OR IGNORE INTO order_need(id, needs) VALUES (?1, ?2)

-- RUN_ADD: a new run
INSERT INTO run(id, order_id, workflow, sub, name, file, dir, state, result, mode, until, reason, generation, priority,
	params, env, workspace, parent_run, parent_node, failed_node, failed_token, acknowledged, created_ms, started_ms,
	ended_ms, paused_at_ms, paused_ms, crashes, counts, epoch, version)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,
	?25, ?26, ?27, ?28, ?29, ?30, 1)

-- RUN_SET: what changes in a run
UPDATE run SET state = ?2, result = ?3, mode = ?4, until = ?5, reason = ?6, generation = ?7, priority = ?8,
	failed_node = ?9, failed_token = ?10, acknowledged = ?11, started_ms = ?12, ended_ms = ?13, paused_at_ms = ?14,
	paused_ms = ?15, crashes = ?16, counts = ?17, epoch = ?18, version = version + 1
WHERE id = ?1

-- NODE_PUT: a node in this generation
INSERT INTO node(run, idx, generation, state, iteration, attempt, token, class, reason, outputs, child, started_ms,
	ended_ms, next_ms, stale, seq, began, before, version)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, 1)
ON CONFLICT(run, idx, generation) DO UPDATE SET state = excluded.state, iteration = excluded.iteration,
	attempt = excluded.attempt, token = excluded.token, class = excluded.class, reason = excluded.reason,
	outputs = excluded.outputs, child = excluded.child, started_ms = excluded.started_ms,
	ended_ms = excluded.ended_ms, next_ms = excluded.next_ms, stale = excluded.stale,
	seq = excluded.seq, began = excluded.began, before = excluded.before, version = version + 1

-- INSTANCE_ADD: a node that came into being while the run went on
INSERT INTO instance(run, idx, parent, expansion, name, bindings) VALUES (?1, ?2, ?3, ?4, ?5, ?6)

-- ATTEMPT_ADD: a try, before its process exists
INSERT INTO attempt(token, run, idx, generation, iteration, attempt, previous, state, class, exit_code, signal, message,
	tail, started_ms, ended_ms, worker_pid, worker_start, boot_id, cpu_us, rss_kib, frozen_ms, log_bytes, log_lines,
	log_dropped, log_lost, redacted, leftover, retry_in_ms, retry_reason, phase)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0, NULL, NULL, NULL, NULL, ?8, 0, ?9, ?10, ?11, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, ?12)

-- ATTEMPT_END: how it ended; only a running one can end
UPDATE attempt SET state = ?2, class = ?3, exit_code = ?4, signal = ?5, message = ?6, tail = ?7, started_ms = ?8, ended_ms = ?9,
	cpu_us = ?10, rss_kib = ?11, frozen_ms = ?12, log_bytes = ?13, log_lines = ?14, log_dropped = ?15, log_lost = ?16,
	redacted = ?17, leftover = ?18, retry_in_ms = ?19, retry_reason = ?20
WHERE token = ?1 AND state = 0

-- WORKSPACE_PUT: a folder that a run has
INSERT INTO workspace(run, stream, kind, path, repository, branch, base, state, tree) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT(run, stream) DO UPDATE SET path = excluded.path, repository = excluded.repository, branch = excluded.branch,
	base = excluded.base, state = excluded.state, tree = excluded.tree

-- CHECKPOINT_ADD: what can be gone back to
INSERT INTO checkpoint(run, number, stream, idx, generation, iteration, seq, at_ms, tree, why_not, nleft)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)

-- PROCEDURE_PUT: how far a way back is
INSERT OR REPLACE INTO procedure(run, step, verb, was, request, spaces, began_ms, ended_ms, lost_ms, error)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- CHECKPOINTS_FORGET: the files of a run's checkpoints are not kept any more
UPDATE checkpoint SET tree = NULL, why_not = ?2, nleft = 0 WHERE run = ?1 AND tree IS NOT NULL

-- BEFORES_FORGET: and what they were before its nodes neither
UPDATE node SET before = NULL, version = version + 1 WHERE run = ?1 AND before IS NOT NULL

-- FORK_ADD: a run that began at a checkpoint of another one
INSERT OR REPLACE INTO fork(order_id, run, source, checkpoint) VALUES (?1, ?2, ?3, ?4)

-- ITERATION_PUT: an iteration as it is now; one that has ended stays
INSERT INTO iteration(run, idx, generation, iteration, state, work, verify, strategy, last, prompt, tree, content, signature,
	level, problems, bits, score, action, final, trend, detected, confidence, reason, feedback, class, message, started_ms,
	worked_ms, ended_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26,
	?27, ?28, ?29)
ON CONFLICT(run, idx, generation, iteration) DO UPDATE SET state = excluded.state, work = excluded.work,
	verify = excluded.verify, strategy = excluded.strategy, last = excluded.last, prompt = excluded.prompt,
	tree = excluded.tree, content = excluded.content, signature = excluded.signature, level = excluded.level,
	problems = excluded.problems, bits = excluded.bits, score = excluded.score, action = excluded.action,
	final = excluded.final, trend = excluded.trend, detected = excluded.detected, confidence = excluded.confidence,
	reason = excluded.reason, feedback = excluded.feedback, class = excluded.class, message = excluded.message,
	worked_ms = excluded.worked_ms, ended_ms = excluded.ended_ms
WHERE iteration.ended_ms = 0

-- REPORT_ADD: what an attempt's program wrote about its work
INSERT INTO report(token, text) VALUES (?1, ?2)

-- USAGE_ADD: a call of a model
INSERT INTO usage(token, number, run, idx, generation, iteration, provider, model, input, output, cache_read, cache_write, total,
	cost_micro_usd, price_version, status, http_status, retry_count, latency_ms, at_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)

-- BREAKER_PUT: a breaker as it is now
INSERT OR REPLACE INTO breaker(name, state, failures, opened, opened_ms, until_ms, probe, reason, who, changed_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- APPROVAL_PUT: a question, or its answer; one that was answered stays
INSERT INTO approval(run, idx, generation, iteration, state, question, choices, roles, targets, on_timeout, asked_ms, deadline_ms,
	choice, target, who, role, reason, feedback, decided_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
ON CONFLICT(run, idx, generation, iteration) DO UPDATE SET state = excluded.state, choice = excluded.choice,
	target = excluded.target, who = excluded.who, role = excluded.role, reason = excluded.reason,
	feedback = excluded.feedback, decided_ms = excluded.decided_ms
WHERE approval.state = 0

-- META_SET: a fact of the home
INSERT INTO meta(k, v) VALUES (?1, ?2) ON CONFLICT(k) DO UPDATE SET v = excluded.v

-- IDEMPOTENCY_PUT: an answer that was given
INSERT OR REPLACE INTO idempotency(key, body, kind, id, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)

-- IDEMPOTENCY_PRUNE: forget old answers
DELETE FROM idempotency WHERE created_ms < ?1

-- ==== reading for the engine ====

-- META_GET: a fact of the home
SELECT v FROM meta WHERE k = ?1

-- IDEMPOTENCY_GET: was this asked before?
SELECT body, kind, id FROM idempotency WHERE key = ?1

-- EVENT_LAST: where the chain goes on
SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1

-- EVENT_ALL: verify the chain (scan)
SELECT seq, at_ms, type, order_id, run, idx, generation, iteration, attempt, was, now, actor, who, reason, data, hash
FROM event ORDER BY seq

-- WORKFLOW_GET: the text of a definition
SELECT file, source, includes FROM workflow WHERE hash = ?1

-- WORKSPACES_OF: the folders of a run
SELECT run, stream, kind, path, repository, branch, base, state, tree FROM workspace WHERE run = ?1 ORDER BY stream

-- WORKSPACES_HELD: those that somebody has, or that are just given back
SELECT run, stream, kind, path, repository, branch, base, state, tree FROM workspace WHERE state = ?1

-- CHECKPOINTS_OF: all of a run, oldest first
SELECT run, number, stream, idx, generation, iteration, seq, at_ms, tree, why_not, nleft FROM checkpoint
WHERE run = ?1 AND number > ?2 ORDER BY number, stream LIMIT ?3

-- CHECKPOINT_LAST: the number of the newest one
SELECT max(number) FROM checkpoint WHERE run = ?1

-- CHECKPOINT_AT: by its number
SELECT run, number, stream, idx, generation, iteration, seq, at_ms, tree, why_not, nleft FROM checkpoint
WHERE run = ?1 AND number = ?2 ORDER BY stream LIMIT 1

-- CHECKPOINT_OF: the newest one of a node; goes through those of its run
SELECT run, number, stream, idx, generation, iteration, seq, at_ms, tree, why_not, nleft FROM checkpoint
WHERE run = ?1 AND idx = ?2 ORDER BY number DESC LIMIT 1

-- CHECKPOINT_FILES: the newest one of a workstream up to an event
SELECT run, number, stream, idx, generation, iteration, seq, at_ms, tree, why_not, nleft FROM checkpoint
WHERE run = ?1 AND stream = ?2 AND seq <= ?3 ORDER BY number DESC LIMIT 1

-- PROCEDURE_GET: how far a way back is
SELECT run, step, verb, was, request, spaces, began_ms, ended_ms, lost_ms, error FROM procedure WHERE run = ?1

-- FORK_GET: where the run of an order begins
SELECT order_id, run, source, checkpoint FROM fork WHERE order_id = ?1

-- FORK_OF_RUN: where a run began
SELECT order_id, run, source, checkpoint FROM fork WHERE run = ?1

-- FORKS_OF: the runs that were forked from one
SELECT order_id, run, source, checkpoint FROM fork WHERE source = ?1 ORDER BY order_id

-- NODE_MOVES: the moves of a run's nodes up to an event, oldest first
SELECT idx, generation, iteration, attempt, now, seq FROM event
WHERE run = ?1 AND idx IS NOT NULL AND now IS NOT NULL AND seq <= ?2 ORDER BY seq

-- ORDERS_LIVE: at start, one live state after the other
SELECT id, workflow, name, file, dir, state, priority, place, params, env, until, flags, max_wait_ms, reason, run,
	submitter, enqueued_ms, started_ms, ended_ms, version
FROM work_order WHERE state = ?1 ORDER BY id

-- ORDER_GET: one order
SELECT id, workflow, name, file, dir, state, priority, place, params, env, until, flags, max_wait_ms, reason, run,
	submitter, enqueued_ms, started_ms, ended_ms, version
FROM work_order WHERE id = ?1

-- ORDER_NEEDS: what an order waits for
SELECT needs FROM order_need WHERE id = ?1

-- ORDER_WAITS_FOR: what an order still waits for: it did not succeed since this one came, nor had it by then
SELECT needs FROM order_need n WHERE id = ?1
	AND NOT EXISTS (SELECT 1 FROM event WHERE order_id = n.needs AND run IS NULL AND type = 'order.succeeded'
		AND seq > (SELECT min(seq) FROM event WHERE order_id = ?1 AND run IS NULL))
	AND coalesce((SELECT type FROM event WHERE order_id = n.needs AND run IS NULL AND now IS NOT NULL
		AND seq < (SELECT min(seq) FROM event WHERE order_id = ?1 AND run IS NULL)
		ORDER BY seq DESC LIMIT 1), '') <> 'order.succeeded'

-- ORDER_LAST: the newest id given
SELECT max(id) FROM work_order

-- RUNS_LIVE: at start, one live state after the other
SELECT id, order_id, workflow, sub, name, file, dir, state, result, mode, until, reason, generation, priority, params, env,
	workspace, parent_run, parent_node, failed_node, failed_token, acknowledged, created_ms, started_ms, ended_ms,
	paused_at_ms, paused_ms, crashes, counts, epoch, version
FROM run WHERE state = ?1 ORDER BY id

-- RUN_GET: one run
SELECT id, order_id, workflow, sub, name, file, dir, state, result, mode, until, reason, generation, priority, params, env,
	workspace, parent_run, parent_node, failed_node, failed_token, acknowledged, created_ms, started_ms, ended_ms,
	paused_at_ms, paused_ms, crashes, counts, epoch, version
FROM run WHERE id = ?1

-- RUN_LAST: the newest id given
SELECT max(id) FROM run

-- RUN_MEAN: mean duration of the last 50 that succeeded
SELECT CAST(avg(d) AS INTEGER) FROM (SELECT ended_ms - started_ms AS d FROM run WHERE state = 8 ORDER BY id DESC LIMIT 50)

-- NODES_OF: the nodes of a run, every generation
SELECT run, idx, generation, state, iteration, attempt, token, class, reason, outputs, child, started_ms, ended_ms, next_ms,
	stale, seq, version, began, before
FROM node WHERE run = ?1 ORDER BY idx, generation

-- INSTANCES_OF: the instances of a run
SELECT run, idx, parent, name, bindings, expansion FROM instance WHERE run = ?1 ORDER BY idx

-- ATTEMPT_ENDS: how the attempts of a run ended
SELECT idx, generation, state, iteration FROM attempt WHERE run = ?1 ORDER BY token

-- ATTEMPT_GET: one attempt
SELECT token, run, idx, generation, iteration, attempt, previous, state, class, exit_code, signal, message, tail, started_ms,
	ended_ms, worker_pid, worker_start, boot_id, cpu_us, rss_kib, frozen_ms, log_bytes, log_lines, log_dropped, log_lost,
	redacted, leftover, retry_in_ms, retry_reason, phase
FROM attempt WHERE token = ?1

-- ITERATIONS_OF: those of a node, oldest first
SELECT run, idx, generation, iteration, state, work, verify, strategy, last, prompt, tree, content, signature, level, problems, bits,
	score, action, final, trend, detected, confidence, reason, feedback, class, message, started_ms, worked_ms, ended_ms
FROM iteration WHERE run = ?1 AND idx = ?2 AND (generation > ?3 OR (generation = ?3 AND iteration > ?4))
ORDER BY generation, iteration LIMIT ?5

-- ITERATION_COUNT: of a run and its sub-workflows (scan)
WITH RECURSIVE below(id) AS (SELECT ?1 UNION ALL SELECT r.id FROM below b JOIN run r ON r.parent_run = b.id)
SELECT count(*) FROM below b JOIN iteration i ON i.run = b.id

-- ITERATION_GET: one iteration
SELECT run, idx, generation, iteration, state, work, verify, strategy, last, prompt, tree, content, signature, level, problems, bits,
	score, action, final, trend, detected, confidence, reason, feedback, class, message, started_ms, worked_ms, ended_ms
FROM iteration WHERE run = ?1 AND idx = ?2 AND generation = ?3 AND iteration = ?4

-- REPORT_GET: of an attempt
SELECT text FROM report WHERE token = ?1

-- USAGE_OF: the calls of a run
SELECT token, number, run, idx, generation, iteration, provider, model, input, output, cache_read, cache_write, total, cost_micro_usd,
	price_version, status, http_status, retry_count, latency_ms, at_ms
FROM usage WHERE run = ?1 AND token > ?2 ORDER BY token, number LIMIT ?3

-- USAGE_PAGE: of all runs, newest first
SELECT token, number, run, idx, generation, iteration, provider, model, input, output, cache_read, cache_write, total, cost_micro_usd,
	price_version, status, http_status, retry_count, latency_ms, at_ms
FROM usage WHERE token < ?1 ORDER BY token DESC, number DESC LIMIT ?2

-- USAGE_SUM: what the calls of a run took
SELECT count(*), sum(input), sum(output), sum(cache_read), sum(cache_write), sum(total), sum(cost_micro_usd),
	sum(cost_micro_usd IS NULL), sum(total IS NULL), max(total), max(cost_micro_usd)
FROM usage WHERE run = ?1 AND (?2 < 0 OR idx = ?2) AND (?3 = 0 OR generation = ?3) AND (?4 = 0 OR iteration = ?4)

-- USAGE_SUM_BELOW: what the calls of a run and its sub-workflows took (scan)
WITH RECURSIVE below(id) AS (SELECT ?1 UNION ALL SELECT r.id FROM below b JOIN run r ON r.parent_run = b.id)
SELECT count(*), sum(u.input), sum(u.output), sum(u.cache_read), sum(u.cache_write), sum(u.total), sum(u.cost_micro_usd),
	sum(u.cost_micro_usd IS NULL), sum(u.total IS NULL), max(u.total), max(u.cost_micro_usd)
FROM below b JOIN usage u ON u.run = b.id

-- BREAKERS: all of them; there are few (scan)
SELECT name, state, failures, opened, opened_ms, until_ms, probe, reason, who, changed_ms FROM breaker ORDER BY name

-- APPROVALS_OPEN: questions that nobody has answered
SELECT run, idx, generation, iteration, state, question, choices, roles, targets, on_timeout, asked_ms, deadline_ms, choice, target, who,
	role, reason, feedback, decided_ms
FROM approval WHERE state = 0 AND asked_ms > ?1 ORDER BY asked_ms, run, idx LIMIT ?2

-- APPROVAL_GET: one question
SELECT run, idx, generation, iteration, state, question, choices, roles, targets, on_timeout, asked_ms, deadline_ms, choice, target, who,
	role, reason, feedback, decided_ms
FROM approval WHERE run = ?1 AND idx = ?2 AND generation = ?3 AND iteration = ?4

-- APPROVALS_OF: all questions of a run
SELECT run, idx, generation, iteration, state, question, choices, roles, targets, on_timeout, asked_ms, deadline_ms, choice, target, who,
	role, reason, feedback, decided_ms
FROM approval WHERE run = ?1 ORDER BY idx, generation, iteration

-- ATTEMPT_LAST: the newest token given
SELECT max(token) FROM attempt

-- ==== reading for the API ====

-- ORDERS_PAGE: newest first
SELECT id, workflow, name, file, dir, state, priority, place, params, env, until, flags, max_wait_ms, reason, run,
	submitter, enqueued_ms, started_ms, ended_ms, version
FROM work_order WHERE id < ?1 ORDER BY id DESC LIMIT ?2

-- ORDER_IDS_BY_STATE: candidates of a page with a filter
SELECT id FROM work_order WHERE state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3

-- ORDER_IDS: candidates of a page with a filter that no index serves
SELECT id, name FROM work_order WHERE id < ?1 ORDER BY id DESC LIMIT ?2

-- ORDER_FILTERED: one candidate
SELECT id, workflow, name, file, dir, state, priority, place, params, env, until, flags, max_wait_ms, reason, run,
	submitter, enqueued_ms, started_ms, ended_ms, version
FROM work_order WHERE id = ?1

-- ORDER_RANGE: what a prefix of an id means
SELECT id FROM work_order WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 2

-- ORDER_COUNTS: once after the start, from an index (scan)
SELECT state, count(*) FROM work_order GROUP BY state

-- ORDER_WAITS: when the last ones of a state were queued and started
SELECT enqueued_ms, started_ms FROM work_order WHERE state = ?1 ORDER BY id DESC LIMIT 50

-- RUNS_PAGE: newest first
SELECT id, order_id, workflow, sub, name, file, dir, state, result, mode, until, reason, generation, priority, params, env,
	workspace, parent_run, parent_node, failed_node, failed_token, acknowledged, created_ms, started_ms, ended_ms,
	paused_at_ms, paused_ms, crashes, counts, epoch, version
FROM run WHERE id < ?1 ORDER BY id DESC LIMIT ?2

-- RUN_IDS: candidates of a page with a filter that no index serves
SELECT id, name FROM run WHERE id < ?1 ORDER BY id DESC LIMIT ?2

-- RUN_IDS_BY_STATE: candidates of a page with a filter
SELECT id FROM run WHERE state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3

-- RUN_IDS_BY_NAME: candidates of a page with a filter
SELECT id FROM run WHERE name = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3

-- RUN_IDS_BY_PARENT: children of a run; few, so they may be sorted
SELECT id FROM run WHERE parent_run = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3

-- RUN_IDS_UNSEEN: failures that nobody has acknowledged
SELECT id FROM run WHERE acknowledged = 0 AND id < ?1 ORDER BY id DESC LIMIT ?2

-- RUN_FILTERED: one candidate
SELECT id, order_id, workflow, sub, name, file, dir, state, result, mode, until, reason, generation, priority, params, env,
	workspace, parent_run, parent_node, failed_node, failed_token, acknowledged, created_ms, started_ms, ended_ms,
	paused_at_ms, paused_ms, crashes, counts, epoch, version
FROM run WHERE id = ?1

-- RUN_SOURCE: what a run executes
SELECT workflow, sub, name FROM run WHERE id = ?1

-- RUN_RANGE: what a prefix of an id means
SELECT id FROM run WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 2

-- RUN_COUNTS: once after the start, from an index (scan)
SELECT state, count(*) FROM run GROUP BY state

-- RUNS_FAILED: when runs of a state ended, the newest runs first
SELECT ended_ms FROM run WHERE state = ?1 ORDER BY id DESC LIMIT ?2

-- RUN_UNSEEN: how many failures nobody has acknowledged from an index that holds only those (scan)
SELECT count(*) FROM run WHERE acknowledged = 0

-- NODES_PAGE: some nodes of a run, the newest generation of each first
SELECT run, idx, generation, state, iteration, attempt, token, class, reason, outputs, child, started_ms, ended_ms, next_ms,
	stale, seq, version, began, before
FROM node WHERE run = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx, generation DESC

-- NODE_TOKEN: the newest attempt and generation of a node
SELECT token, generation FROM node WHERE run = ?1 AND idx = ?2 ORDER BY generation DESC

-- CHECKPOINTS_PAGE: what succeeded, in order of completion; sorts the run's nodes
SELECT run, idx, generation, state, iteration, attempt, token, class, reason, outputs, child, started_ms, ended_ms, next_ms,
	stale, seq, version, began, before
FROM node WHERE run = ?1 AND state = ?2 AND seq > ?3 ORDER BY seq LIMIT ?4

-- INSTANCE_BY_IDX: one instance
SELECT i.run, i.idx, i.parent, i.name, i.bindings, i.expansion, i.expansion < (SELECT g.iteration FROM node g
	WHERE g.run = i.run AND g.idx = i.parent ORDER BY g.generation DESC LIMIT 1)
FROM instance i WHERE i.run = ?1 AND i.idx = ?2

-- INSTANCE_BY_NAME: one instance, among those of its run
SELECT i.run, i.idx, i.parent, i.name, i.bindings, i.expansion, i.expansion < (SELECT g.iteration FROM node g
	WHERE g.run = i.run AND g.idx = i.parent ORDER BY g.generation DESC LIMIT 1)
FROM instance i WHERE i.run = ?1 AND i.name = ?2 ORDER BY i.idx DESC LIMIT 1

-- INSTANCE_LAST: the highest index of an instance
SELECT max(idx) FROM instance WHERE run = ?1

-- ATTEMPT_LINK: one of the chain of a node's attempts
SELECT token, run, idx, generation, iteration, attempt, previous, state, class, exit_code, signal, message, tail, started_ms,
	ended_ms, worker_pid, worker_start, boot_id, cpu_us, rss_kib, frozen_ms, log_bytes, log_lines, log_dropped, log_lost,
	redacted, leftover, retry_in_ms, retry_reason, phase
FROM attempt WHERE token = ?1

-- ITERATIONS_PAGE: the last attempt of each iteration, newest first
SELECT a.token, a.run, a.idx, a.generation, a.iteration, a.attempt, a.previous, a.state, a.class, a.exit_code, a.signal,
	a.message, a.tail, a.started_ms, a.ended_ms, a.worker_pid, a.worker_start, a.boot_id, a.cpu_us, a.rss_kib,
	a.frozen_ms, a.log_bytes, a.log_lines, a.log_dropped, a.log_lost, a.redacted, a.leftover, a.retry_in_ms,
	a.retry_reason, a.phase, (SELECT max(g.generation) FROM node g WHERE g.run = a.run AND g.idx = a.idx)
FROM attempt a JOIN node n ON n.run = a.run AND n.idx = a.idx AND n.generation = a.generation
LEFT JOIN iteration i ON i.run = a.run AND i.idx = a.idx AND i.generation = a.generation AND i.iteration = a.iteration
WHERE a.run = ?1 AND a.token < ?2 AND CASE WHEN i.last IS NOT NULL THEN i.last = a.token
	ELSE n.token = a.token OR (n.iteration <> a.iteration AND a.retry_in_ms IS NULL) END
ORDER BY a.token DESC LIMIT ?3

-- EVENTS_AFTER: ascending
SELECT seq, at_ms, type, order_id, run, idx, generation, iteration, attempt, was, now, actor, who, reason, data
FROM event WHERE seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3

-- EVENTS_BEFORE: newest first
SELECT seq, at_ms, type, order_id, run, idx, generation, iteration, attempt, was, now, actor, who, reason, data
FROM event WHERE seq > ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3

-- RUN_EVENTS_AFTER: those of a run, ascending
SELECT seq, at_ms, type, order_id, run, idx, generation, iteration, attempt, was, now, actor, who, reason, data
FROM event WHERE run = ?4 AND seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3

-- RUN_EVENTS_BEFORE: those of a run, newest first
SELECT seq, at_ms, type, order_id, run, idx, generation, iteration, attempt, was, now, actor, who, reason, data
FROM event WHERE run = ?4 AND seq > ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3

-- ORDER_EVENTS_AFTER: those of an order and of its run, ascending; at most 2 × ?3 numbers
SELECT seq, at_ms, type, order_id, run, idx, generation, iteration, attempt, was, now, actor, who, reason, data
FROM event WHERE seq IN (
	SELECT * FROM (SELECT seq FROM event WHERE order_id = ?5 AND run IS NULL AND seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3)
	UNION ALL
	SELECT * FROM (SELECT seq FROM event WHERE run = ?4 AND seq > ?1 AND seq < ?2 ORDER BY seq LIMIT ?3))
ORDER BY seq LIMIT ?3

-- ORDER_EVENTS_BEFORE: those of an order and of its run, newest first; at most 2 × ?3 numbers
SELECT seq, at_ms, type, order_id, run, idx, generation, iteration, attempt, was, now, actor, who, reason, data
FROM event WHERE seq IN (
	SELECT * FROM (SELECT seq FROM event WHERE order_id = ?5 AND run IS NULL AND seq > ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3)
	UNION ALL
	SELECT * FROM (SELECT seq FROM event WHERE run = ?4 AND seq > ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3))
ORDER BY seq DESC LIMIT ?3

-- WORKFLOW_SHOW: name and text of a definition
SELECT name, file, source FROM workflow WHERE hash = ?1

-- ==== steering ====

-- RUN_EDIT: what it is given, and what it executes
UPDATE run SET workflow = ?2, params = ?3, env = ?4, version = version + 1 WHERE id = ?1

-- RUN_DEFINITION_PUT: from which generation on
INSERT INTO run_definition(run, generation, workflow) VALUES (?1, ?2, ?3)
ON CONFLICT(run, generation) DO UPDATE SET workflow = excluded.workflow

-- RUN_DEFINITION_GET: what a generation executed
SELECT workflow FROM run_definition WHERE run = ?1 AND generation <= ?2 ORDER BY generation DESC LIMIT 1

-- UNDO_PUT: the last verb
INSERT OR REPLACE INTO undo(run, verb, before, at_ms) VALUES (?1, ?2, ?3, ?4)

-- UNDO_DELETE: it was undone
DELETE FROM undo WHERE run = ?1

-- UNDO_GET: what is to be undone
SELECT verb, before FROM undo WHERE run = ?1

-- BREAKPOINT_PUT: a breakpoint, or how often it was hit
INSERT INTO breakpoint(run, number, node, state, class, pattern, wanted, hits, made_ms, who)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT(run, number) DO UPDATE SET hits = excluded.hits

-- BREAKPOINT_DELETE: it was removed
DELETE FROM breakpoint WHERE run = ?1 AND number = ?2

-- BREAKPOINTS_OF: where a run is to stop
SELECT run, number, node, state, class, pattern, wanted, hits, made_ms, who FROM breakpoint WHERE run = ?1 ORDER BY number

-- ORDER_BREAKPOINTS_PUT: where the run of an order is to stop
INSERT INTO order_breakpoints(id, v) VALUES (?1, ?2)

-- ORDER_BREAKPOINTS_GET: … when it begins
SELECT v FROM order_breakpoints WHERE id = ?1

-- NODE_GENERATIONS: a node in every generation
SELECT run, idx, generation, state, iteration, attempt, token, class, reason, outputs, child, started_ms, ended_ms, next_ms,
	stale, seq, version, began, before
FROM node WHERE run = ?1 AND idx = ?2 ORDER BY generation DESC

-- HOLD_PUT: somebody stands in an attempt, still does, or did
INSERT INTO hold(run, number, idx, token, who, began_ms, until_ms, ended_ms, exit_code, outcome)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT(run, number) DO UPDATE SET until_ms = excluded.until_ms, ended_ms = excluded.ended_ms,
	exit_code = excluded.exit_code, outcome = excluded.outcome

-- HOLDS_OPEN: who stands somewhere, at start, from an index that holds only those (scan)
SELECT run, number, idx, token, who, began_ms, until_ms, ended_ms, exit_code, outcome FROM hold WHERE ended_ms = 0

-- HOLDS_OF: who stood or stands in attempts of a run
SELECT run, number, idx, token, who, began_ms, until_ms, ended_ms, exit_code, outcome FROM hold WHERE run = ?1
ORDER BY number

-- TREES: every snapshot that something names (scan)
SELECT tree FROM checkpoint WHERE tree IS NOT NULL UNION SELECT before FROM node WHERE before IS NOT NULL
UNION SELECT tree FROM workspace WHERE tree IS NOT NULL
UNION SELECT i.tree FROM iteration i JOIN run r ON r.id = i.run WHERE i.tree IS NOT NULL AND r.ended_ms = 0

-- RUNS_ENDED: that ended before, newest first, in pages by id
SELECT id, order_id, workflow, sub, name, file, dir, state, result, mode, until, reason, generation, priority, params, env,
	workspace, parent_run, parent_node, failed_node, failed_token, acknowledged, created_ms, started_ms, ended_ms,
	paused_at_ms, paused_ms, crashes, counts, epoch, version
FROM run WHERE ended_ms > 0 AND ended_ms < ?1 AND id > ?2 ORDER BY id LIMIT ?3

-- FORK_WAITS: whether an order that has not started begins at this run
SELECT 1 FROM fork WHERE source = ?1 AND run IS NULL LIMIT 1

-- ==== fsck: everything once, in order ====

-- CHECK_ORDERS: each order (scan)
SELECT id, workflow, name, file, dir, state, priority, place, params, env, until, flags, max_wait_ms, reason, run,
	submitter, enqueued_ms, started_ms, ended_ms, version
FROM work_order ORDER BY id

-- CHECK_NEEDS: what each order waited for (scan)
SELECT id, needs FROM order_need ORDER BY id, needs

-- CHECK_RUNS: each run (scan)
SELECT id, order_id, workflow, sub, name, file, dir, state, result, mode, until, reason, generation, priority, params, env,
	workspace, parent_run, parent_node, failed_node, failed_token, acknowledged, created_ms, started_ms, ended_ms,
	paused_at_ms, paused_ms, crashes, counts, epoch, version
FROM run ORDER BY id

-- CHECK_NODES: each node in each generation (scan)
SELECT run, idx, generation, state, iteration, attempt, token, class, reason, outputs, child, started_ms, ended_ms, next_ms,
	stale, seq, version, began, before
FROM node ORDER BY run, idx, generation

-- CHECK_INSTANCES: each instance (scan)
SELECT run, idx, parent, name, bindings, expansion FROM instance ORDER BY run, idx

-- CHECK_ATTEMPTS: each attempt (scan)
SELECT token, run, idx, generation, iteration, attempt, previous, state, class, exit_code, signal, message, tail, started_ms,
	ended_ms, worker_pid, worker_start, boot_id, cpu_us, rss_kib, frozen_ms, log_bytes, log_lines, log_dropped, log_lost,
	redacted, leftover, retry_in_ms, retry_reason, phase
FROM attempt ORDER BY token

-- CHECK_KEYS: answers that name what is not there; of a verb on the queue they name nothing (scan)
SELECT key FROM idempotency WHERE id <> 0 AND ((kind = 1 AND id NOT IN (SELECT id FROM work_order))
	OR (kind = 2 AND id NOT IN (SELECT id FROM run)))

-- CHECK_CHECKPOINTS: each checkpoint (scan)
SELECT run, number, stream, idx, generation, iteration, seq, at_ms, tree, why_not, nleft FROM checkpoint
ORDER BY run, number, stream

-- CHECK_WORKSPACES: each folder of a run (scan)
SELECT run, stream, kind, path, repository, branch, base, state, tree FROM workspace ORDER BY run, stream

-- CHECK_PROCEDURES: each way back (scan)
SELECT run, step, verb, was, request, spaces, began_ms, ended_ms, lost_ms, error FROM procedure ORDER BY run

-- CHECK_ITERATIONS: each iteration (scan)
SELECT run, idx, generation, iteration, state, work, verify, strategy, last, prompt, tree, content, signature, level, problems, bits,
	score, action, final, trend, detected, confidence, reason, feedback, class, message, started_ms, worked_ms, ended_ms
FROM iteration ORDER BY run, idx, generation, iteration

-- CHECK_APPROVALS: each question (scan)
SELECT run, idx, generation, iteration, state, question, choices, roles, targets, on_timeout, asked_ms, deadline_ms, choice, target, who,
	role, reason, feedback, decided_ms
FROM approval ORDER BY run, idx, generation, iteration

-- ==== carrying a run from home to home: every column, in the order of the table ====

-- CARRY_WORKFLOW: a definition
SELECT * FROM workflow WHERE hash = ?1

-- CARRY_ORDER: an order
SELECT * FROM work_order WHERE id = ?1 AND id > ?2 ORDER BY id LIMIT ?5

-- CARRY_RUN: a run
SELECT * FROM run WHERE id = ?1 AND id > ?2 ORDER BY id LIMIT ?5

-- CARRY_NODE: its nodes
SELECT * FROM node WHERE run = ?1 AND (idx, generation) > (?2, ?3) ORDER BY idx, generation LIMIT ?5

-- CARRY_INSTANCE: its instances
SELECT * FROM instance WHERE run = ?1 AND idx > ?2 ORDER BY idx LIMIT ?5

-- CARRY_ATTEMPT: its attempts
SELECT * FROM attempt WHERE run = ?1 AND token > ?2 ORDER BY token LIMIT ?5

-- CARRY_USAGE: calls of models
SELECT * FROM usage WHERE run = ?1 AND (token, number) > (?2, ?3) ORDER BY token, number LIMIT ?5

-- CARRY_ITERATION: its iterations
SELECT * FROM iteration WHERE run = ?1 AND (idx, generation, iteration) > (?2, ?3, ?4) ORDER BY idx,
	generation, iteration LIMIT ?5

-- CARRY_APPROVAL: questions and answers
SELECT * FROM approval WHERE run = ?1 AND (idx, generation, iteration) > (?2, ?3, ?4) ORDER BY idx,
	generation, iteration LIMIT ?5

-- CARRY_WORKSPACE: its folders
SELECT * FROM workspace WHERE run = ?1 AND stream > ?2 ORDER BY stream LIMIT ?5

-- CARRY_CHECKPOINT: what it can go back to
SELECT * FROM checkpoint WHERE run = ?1 AND (number, stream) > (?2, ?3) ORDER BY number, stream LIMIT ?5

-- CARRY_PROCEDURE: its last way back
SELECT * FROM procedure WHERE run = ?1 AND run > ?2 ORDER BY run LIMIT ?5

-- CARRY_FORK: what it was forked from
SELECT * FROM fork WHERE run = ?1 AND order_id > ?2 ORDER BY order_id LIMIT ?5

-- CARRY_DEFINITION: what it executed from which generation on
SELECT * FROM run_definition WHERE run = ?1 AND generation > ?2 ORDER BY generation LIMIT ?5

-- CARRY_HASHES: the definitions that it had in the end and before
SELECT workflow FROM run WHERE id = ?1 UNION SELECT workflow FROM run_definition WHERE run = ?1

-- CARRY_BREAKPOINT: where it is to stop
SELECT * FROM breakpoint WHERE run = ?1 AND number > ?2 ORDER BY number LIMIT ?5

-- CARRY_HOLD: who stood in it
SELECT * FROM hold WHERE run = ?1 AND number > ?2 ORDER BY number LIMIT ?5

-- CARRY_REPORT: what its attempts told
SELECT r.* FROM attempt a JOIN report r ON r.token = a.token WHERE a.run = ?1 AND a.token > ?2 ORDER BY
	a.token LIMIT ?5

-- CARRY_EVENT: what happened to it
SELECT * FROM event WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?5

-- CARRY_ORDER_EVENT: … and to its order
SELECT * FROM event WHERE order_id = ?1 AND run IS NULL AND seq > ?2 ORDER BY seq LIMIT ?5

-- CARRY_SEQ: the newest event of a run
SELECT max(seq) FROM event WHERE run = ?1

-- CARRY_CHILDREN: the runs of its sub-workflows
SELECT id FROM run WHERE parent_run = ?1 ORDER BY id

-- CARRY_TREES: the snapshots that a run names
SELECT tree FROM checkpoint WHERE run = ?1 AND tree IS NOT NULL
UNION SELECT before FROM node WHERE run = ?1 AND before IS NOT NULL
UNION SELECT tree FROM workspace WHERE run = ?1 AND tree IS NOT NULL
UNION SELECT tree FROM iteration WHERE run = ?1 AND tree IS NOT NULL

-- CARRY_KNOWN_RUN: whether an id is taken, or was
SELECT EXISTS (SELECT 1 FROM run WHERE id = ?1) OR EXISTS (SELECT 1 FROM event WHERE run = ?1)

-- CARRY_KNOWN_ORDER: whether an id is taken, or was
SELECT EXISTS (SELECT 1 FROM work_order WHERE id = ?1)
	OR EXISTS (SELECT 1 FROM event WHERE order_id = ?1 AND run IS NULL)

-- CARRY_WORKFLOW_PUT: a row from elsewhere
INSERT INTO workflow VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(hash) DO NOTHING

-- CARRY_ORDER_PUT: a row from elsewhere
INSERT INTO work_order VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
	?18, ?19, ?20)

-- CARRY_RUN_PUT: a row from elsewhere
INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
	?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)

-- CARRY_NODE_PUT: a row from elsewhere
INSERT INTO node VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)

-- CARRY_INSTANCE_PUT: a row from elsewhere
INSERT INTO instance VALUES (?1, ?2, ?3, ?4, ?5, ?6)

-- CARRY_ATTEMPT_PUT: a row from elsewhere
INSERT INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
	?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30)

-- CARRY_USAGE_PUT: a row from elsewhere
INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)

-- CARRY_ITERATION_PUT: a row from elsewhere
INSERT INTO iteration VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
	?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29)

-- CARRY_APPROVAL_PUT: a row from elsewhere
INSERT INTO approval VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)

-- CARRY_WORKSPACE_PUT: a row from elsewhere
INSERT INTO workspace VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)

-- CARRY_CHECKPOINT_PUT: a row from elsewhere
INSERT INTO checkpoint VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)

-- CARRY_PROCEDURE_PUT: a row from elsewhere
INSERT INTO procedure VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- CARRY_FORK_PUT: a row from elsewhere
INSERT INTO fork VALUES (?1, ?2, ?3, ?4)

-- CARRY_DEFINITION_PUT: a row from elsewhere
INSERT INTO run_definition VALUES (?1, ?2, ?3)

-- CARRY_BREAKPOINT_PUT: a row from elsewhere
INSERT INTO breakpoint VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- CARRY_HOLD_PUT: a row from elsewhere
INSERT INTO hold VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- CARRY_REPORT_PUT: a row from elsewhere
INSERT INTO report VALUES (?1, ?2)

-- PATCH_PUT: an entry of the ledger of patches, as it is now
INSERT INTO patch(id, run, idx, generation, iteration, token, state, reverts, reverted_by, reason, hash, commit_id, workspace,
	detail, files, added, removed, who, created_ms, updated_ms, version)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, 1)
ON CONFLICT(id) DO UPDATE SET token = ?6, state = ?7, reverted_by = ?9, reason = ?10, hash = ?11, commit_id = ?12,
	detail = ?14, files = ?15, added = ?16, removed = ?17, updated_ms = ?20, version = version + 1

-- PATCH_MOVE_ADD: one move of a patch
INSERT INTO patch_move(patch, number, was, now, seq, at_ms, actor, who, reason)
VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM patch_move WHERE patch = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8)

-- PATCH_GET: one entry
SELECT id, run, idx, generation, iteration, token, state, reverts, reverted_by, reason, hash, commit_id, workspace, detail,
	files, added, removed, who, created_ms, updated_ms, version
FROM patch WHERE id = ?1

-- PATCH_BY_PREFIX: the entries whose id begins so, two are enough to know that it is not clear
SELECT id FROM patch WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 2

-- PATCHES_OF_RUN: the entries of a run, the newest first
SELECT id, run, idx, generation, iteration, token, state, reverts, reverted_by, reason, hash, commit_id, workspace, detail,
	files, added, removed, who, created_ms, updated_ms, version
FROM patch WHERE run = ?1 ORDER BY id DESC

-- PATCHES_ALL: the entries, the newest first, a page
SELECT id, run, idx, generation, iteration, token, state, reverts, reverted_by, reason, hash, commit_id, workspace, detail,
	files, added, removed, who, created_ms, updated_ms, version
FROM patch WHERE id < ?1 ORDER BY id DESC LIMIT ?2

-- PATCHES_IN: the entries in a state, the newest first, a page
SELECT id, run, idx, generation, iteration, token, state, reverts, reverted_by, reason, hash, commit_id, workspace, detail,
	files, added, removed, who, created_ms, updated_ms, version
FROM patch WHERE state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3

-- PATCH_MOVES: how a patch became what it is
SELECT number, was, now, seq, at_ms, actor, who, reason FROM patch_move WHERE patch = ?1 ORDER BY number

-- PATCH_LAST: the newest id
SELECT max(id) FROM patch
