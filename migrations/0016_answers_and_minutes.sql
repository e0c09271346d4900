-- What recipients say of when a report came, and which attempt left first where that was not the first one, or 0 where it
-- was planned for later: null where nothing was said, and where the program before this one wrote the row.
alter table read.deliveries add column answer text, add column left_by bigint;
alter table if exists read_rebuild.deliveries
    add column if not exists answer text, add column if not exists left_by bigint;
alter table if exists read_replaced.deliveries
    add column if not exists answer text, add column if not exists left_by bigint;
alter table read.inbox add column answer text;
alter table if exists read_rebuild.inbox add column if not exists answer text;
alter table if exists read_replaced.inbox add column if not exists answer text;

-- Whether a node was ready, once a minute each: what availability is counted from. No part of the log, since a service
-- that is away can append nothing.
create table node_minutes (
    minute timestamptz not null,
    node   text collate "C" not null,
    ready  boolean not null,
    primary key (minute, node)
);
grant select, insert, update on node_minutes to waybill_app;
