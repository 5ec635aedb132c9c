DROP TABLE approval;
DROP TABLE breaker;
DROP TABLE usage;
DROP TABLE report;
DROP TABLE iteration;
ALTER TABLE attempt DROP COLUMN phase;
