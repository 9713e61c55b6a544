-- Both engines read this file, so it keeps to what they share: BIGINT for instants (milliseconds since 1970, UTC), TEXT for
-- JSON, and ids that sort by the time at which they were made.

-- One row a check, also of those that came to nothing.
CREATE TABLE checks (
    id TEXT PRIMARY KEY,
    cause TEXT NOT NULL,
    -- the pins that were asked for, as a JSON list of ids; NULL for all
    scope TEXT,
    started_at BIGINT NOT NULL,
    ended_at BIGINT NOT NULL,
    packages BIGINT NOT NULL,
    unknown BIGINT NOT NULL,
    -- why there is no report; NULL where there is one
    fault TEXT
);
CREATE INDEX checks_by_end ON checks (ended_at);

-- What is known now: one row a pin.
CREATE TABLE findings (
    -- group/package
    id TEXT PRIMARY KEY,
    -- its place in the pins file
    place BIGINT NOT NULL,
    -- when the check began that it is from
    checked_at BIGINT NOT NULL,
    -- when such a check last learned something; NULL if none ever did
    known_at BIGINT,
    -- of what counts as a change
    digest TEXT NOT NULL,
    finding TEXT NOT NULL
);

-- What was known over time: a row only when something changed.
CREATE TABLE changes (
    id TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    finding TEXT NOT NULL,
    PRIMARY KEY (id, changed_at)
);
CREATE INDEX changes_by_time ON changes (changed_at);

-- Checks that somebody asked for and nobody has finished.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    cause TEXT NOT NULL,
    scope TEXT,
    created_at BIGINT NOT NULL,
    -- not before
    ready_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    leased_by TEXT,
    -- 0 where nobody has it
    leased_until BIGINT NOT NULL
);

-- Up to which of its instants a schedule has been served.
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    served_at BIGINT NOT NULL
);
