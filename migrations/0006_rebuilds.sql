-- Rebuilds of read models, one row each: how far it has come, in facts that any process can show, and what the last
-- switch left behind. Written by the owner alone, who makes and moves the tables.
create table rebuilds (
    projection        text collate "C" primary key,
    -- raised by whoever takes it over: what an earlier run still writes is refused
    run               bigint not null default 0,
    stage             text not null,
    -- program, columns, skips and log: where one differs, what was begun cannot be gone on with
    fingerprint       text not null,
    -- streams are folded up to here, each as a whole; behind it the log is followed
    fold_through      bigint not null,
    fold_hash         bytea check (octet_length(fold_hash) = 32),
    position          bigint not null default 0,
    -- events applied; how many there will be is the planner's estimate
    applied           bigint not null default 0,
    expected          bigint not null default 0,
    head              bigint not null default 0,
    events_per_second double precision not null default 0,
    -- events per second it may apply at most, just now
    allowed_rate      bigint,
    node              text not null,
    started_at        timestamptz not null default clock_timestamp(),
    heartbeat_at      timestamptz not null default clock_timestamp(),
    error             text,
    poison_position   bigint,
    live_digest       text,
    rebuilt_digest    text,
    -- the follower's place in the tables that were replaced; absent when none are kept
    replaced_position bigint,
    replaced_hash     bytea check (octet_length(replaced_hash) = 32),
    replaced_at       timestamptz
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);

-- Parts of a fold whose rows are written: they commit together, so that one that was killed goes on with the rest.
create table rebuild_parts (
    projection text collate "C" not null,
    kind       text collate "C" not null,
    -- streams behind this one, up to and with that one
    after      text collate "C" not null,
    through    text collate "C" not null,
    events     bigint not null,
    primary key (projection, kind, after)
);

grant select on rebuilds, rebuild_parts to waybill_app;

-- Where the log is folded event by event, to compare a rebuild with.
create schema read_reference;
