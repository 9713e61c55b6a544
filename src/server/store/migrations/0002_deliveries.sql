-- What forges and others told, once each.
CREATE TABLE deliveries (
    -- as the sender names it
    id TEXT PRIMARY KEY,
    event TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    -- of the body, by which it is known again under another name
    digest TEXT NOT NULL,
    -- what it is about, as JSON
    concern TEXT NOT NULL,
    -- when it was found out which pins that concerns; NULL while nobody has
    sorted_at BIGINT,
    -- which those are, as a JSON list of ids
    pins TEXT
);
CREATE INDEX deliveries_by_time ON deliveries (received_at);
CREATE INDEX deliveries_by_digest ON deliveries (digest);
CREATE INDEX deliveries_unsorted ON deliveries (sorted_at, received_at);
