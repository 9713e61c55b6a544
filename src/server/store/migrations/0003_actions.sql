-- What the pin was last told to be, as JSON: from there, a change is told. NULL in rows that were there before.
ALTER TABLE findings ADD COLUMN told TEXT;

-- What is done after a check: asked for in the transaction that writes what it learned, and kept when it is over.
CREATE TABLE actions (
    id TEXT PRIMARY KEY,
    -- issues, badges, dispatch or command
    kind TEXT NOT NULL,
    -- of a command; else the kind again
    name TEXT NOT NULL,
    -- the pin that a command is for; NULL for what is about all of them
    package TEXT,
    -- what a command is told, as JSON
    change TEXT,
    cause TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- not before
    ready_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    leased_by TEXT,
    -- 0 where nobody has it
    leased_until BIGINT NOT NULL,
    -- when it was over; NULL while it is not
    ended_at BIGINT,
    -- whether the last attempt was a success: 1 or 0; NULL before there was one
    success BIGINT,
    -- what came of the last attempt, and what it wrote
    summary TEXT,
    output TEXT
);
CREATE INDEX actions_by_time ON actions (created_at);
CREATE INDEX actions_open ON actions (ended_at, kind, ready_at);

-- What was started by `upmon dispatch`, where its record is kept here.
CREATE TABLE dispatches (
    package TEXT NOT NULL,
    target TEXT NOT NULL,
    version TEXT NOT NULL,
    -- the whole of it, as JSON
    dispatched TEXT NOT NULL,
    PRIMARY KEY (package, target, version)
);

-- What only one process may work with at a time.
CREATE TABLE locks (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    held_until BIGINT NOT NULL
);
