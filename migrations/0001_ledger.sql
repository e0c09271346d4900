-- The ledger: what was appended stays. Run by the owner; the application gets only what is granted here.

do $$
begin
    if not exists (select from pg_roles where rolname = 'waybill_app') then
        raise exception 'the role waybill_app does not exist: create it first (scripts/postgres/roles.sql)'
            using errcode = '42704';
    end if;
end
$$;

-- Which installation this is: restored copies and clones keep it, new ones differ.
create table installation (
    only_row   boolean primary key default true check (only_row),
    id         uuid not null default gen_random_uuid(),
    created_at timestamptz not null default clock_timestamp()
);
insert into installation default values;
grant select on installation to waybill_app;

-- cache 1: a cached range would hand out low numbers late, and the tail would pass them by.
create sequence events_position_seq as bigint cache 1 no cycle;

create table events (
    aggregate_type text collate "C" not null,
    aggregate_id   text collate "C" not null,
    sequence       bigint not null check (sequence > 0),
    event_type     text not null,
    event_version  text not null,
    payload        json not null,
    metadata       json not null,
    position       bigint not null default nextval('events_position_seq'),
    recorded_at    timestamptz not null default clock_timestamp(),
    tenant         text not null generated always as (metadata ->> 'tenant') stored,
    primary key (aggregate_type, aggregate_id, sequence)
) partition by list (aggregate_type);

alter sequence events_position_seq owned by events.position;

create table events_delivery partition of events for values in ('delivery');
create table events_rest partition of events default;

-- An index on the parent would have to hold the partition key to be unique, so each partition has its own.
create unique index events_delivery_position on events_delivery (position);
create unique index events_rest_position on events_rest (position);

-- Only ever inserted into: vacuum has nothing to clean but must keep the visibility map and the statistics fresh.
alter table events_delivery set (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
alter table events_rest set (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);

create function events_are_immutable() returns trigger language plpgsql as $$
begin
    raise exception 'events are immutable: % on % is refused', tg_op, tg_table_name
        using errcode = '23001', hint = 'record a new event instead';
end
$$;

-- Statement triggers are not inherited: the parent and each partition have their own. They fire for 0 rows, too.
create trigger immutable before update or delete or truncate on events
    for each statement execute function events_are_immutable();
create trigger immutable before update or delete or truncate on events_delivery
    for each statement execute function events_are_immutable();
create trigger immutable before update or delete or truncate on events_rest
    for each statement execute function events_are_immutable();

-- Not position, not recorded_at: a grant on the whole table would let the application forge both.
grant select on events to waybill_app;
grant insert (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
    on events to waybill_app;
-- usage allows nextval and reading the last value, not setval.
grant usage on sequence events_position_seq to waybill_app;

-- Commands of the API and what their callers were told.
create table command_log (
    tenant      text collate "C" not null,
    id          text collate "C" not null,
    body_sha256 bytea not null check (octet_length(body_sha256) = 32),
    outcome     text not null,
    recorded_at timestamptz not null default clock_timestamp(),
    primary key (tenant, id)
);
grant select, insert on command_log to waybill_app;

-- Deliveries that are not closed: the write side's list of what to do next, equal to the fold of their streams.
create table delivery_queue (
    delivery     uuid primary key,
    tenant       text not null,
    distribution uuid not null,
    channel      text not null,
    destination  text not null,
    lane         smallint not null,
    sequence     bigint not null,
    state        text not null,
    traceparent  text,
    due_at       timestamptz not null
) with (
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.2
);
create index delivery_queue_due on delivery_queue (lane, due_at);
grant select, insert, update, delete on delivery_queue to waybill_app;

-- Distributions whose plan is not complete.
create table planning_queue (
    distribution    uuid primary key,
    tenant          text not null,
    slice           integer not null,
    after_recipient text,
    due_at          timestamptz not null
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
create index planning_queue_due on planning_queue (due_at);
grant select, insert, update, delete on planning_queue to waybill_app;

-- Whose address is this, by keyed hash. Deleted at erasure; never in events.
create table address_index (
    tenant    text collate "C" not null,
    recipient text collate "C" not null,
    address   text collate "C" not null,
    tag       text collate "C" not null,
    primary key (tenant, recipient, address)
);
create index address_index_tag on address_index (tenant, tag);
grant select, insert, update, delete on address_index to waybill_app;

-- How far each follower has come, and whose turn it is.
create table checkpoints (
    name              text collate "C" primary key,
    -- last event applied, with its hash and the cluster it was read from
    position          bigint not null default 0,
    event_hash        bytea check (octet_length(event_hash) = 32),
    system_identifier bigint,
    -- who runs it: a runner fences off its predecessors by raising the epoch
    epoch             bigint not null default 0,
    node              text,
    lease_until       timestamptz,
    -- facts of progress
    events_applied    bigint not null default 0,
    events_per_second double precision,
    head              bigint,
    heartbeat_at      timestamptz,
    -- the event it stands still at, if any
    poison_position   bigint,
    poison_error      text,
    updated_at        timestamptz not null default clock_timestamp()
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
grant select, insert, update, delete on checkpoints to waybill_app;
