-- The export's manifest: which part of the log lies in which file. Changed by one exporter at a time, in the transaction
-- that proves its lease.

create table export_blocks (
    through        bigint primary key,
    after_position bigint not null check (after_position < through),
    event_hash     bytea not null check (octet_length(event_hash) = 32),
    event_count    bigint not null,
    made_at        timestamptz not null default clock_timestamp()
);

create table export_files (
    path           text collate "C" primary key,
    dataset        text collate "C" not null,
    day            date not null,
    tenant         text collate "C" not null,
    -- events with after_position < position <= through
    after_position bigint not null,
    through        bigint not null,
    -- 0 as exported, one more each time that files were joined
    level          smallint not null,
    row_count      bigint not null,
    byte_count     bigint not null,
    sha256         bytea not null check (octet_length(sha256) = 32),
    made_at        timestamptz not null default clock_timestamp(),
    -- joined into another one; kept a while for questions under way
    replaced_at    timestamptz
);
create index export_files_live on export_files (tenant, dataset, day) where replaced_at is null;

grant select, insert, update, delete on export_blocks, export_files to waybill_app;
