-- Groups with their members, and subscriptions that are a group's. What is new may be null: the program before this one
-- still writes the rows that it knows.
create table read.groups (
    tenant          text collate "C" not null,
    group_id        text collate "C" not null,
    title           text not null,
    recipient_count bigint not null,
    group_count     bigint not null,
    created_at      timestamptz not null,
    changed_at      timestamptz not null,
    retired_at      timestamptz,
    retire_reason   text,
    position        bigint not null,
    sequence        bigint not null,
    primary key (tenant, group_id)
);
create unique index on read.groups (tenant, position);

-- What each group holds itself. `kind` says what the member is: `recipient` or `group`.
create table read.group_members (
    tenant   text collate "C" not null,
    group_id text collate "C" not null,
    kind     text collate "C" not null,
    member   text collate "C" not null,
    added_by text not null,
    added_at timestamptz not null,
    position bigint not null,
    primary key (tenant, group_id, kind, member)
);
create index on read.group_members (tenant, group_id, position);
create index on read.group_members (tenant, kind, member);

grant select, insert, update, delete on read.groups, read.group_members to waybill_app;

alter table read.subscriptions alter column recipient drop not null;
alter table read.subscriptions add column group_id text collate "C";
-- Members who want none of a group's subscription.
alter table read.subscriptions add column opted_out bigint;
create index on read.subscriptions (tenant, group_id, position);
