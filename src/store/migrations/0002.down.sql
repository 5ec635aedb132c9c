DROP TABLE hold;
DROP TABLE order_breakpoints;
DROP TABLE breakpoint;
DROP TABLE fork;
DROP TABLE procedure;
DROP TABLE checkpoint;
DROP TABLE workspace;
ALTER TABLE node DROP COLUMN before;
ALTER TABLE node DROP COLUMN began;
