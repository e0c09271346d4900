-- What is remembered for reading. Every table here is a fold of the log: it can be dropped and built again, byte for
-- byte. So nothing in it comes from a clock, a sequence or chance, and personal data stays sealed as the event has it.

-- Read from; the tables move here when a rebuild is cut over.
create schema read;
-- Where a rebuild folds the log anew.
create schema read_rebuild;
-- What a cut-over replaced, for whoever wants to know how it came to differ.
create schema read_replaced;
-- Reactors' own working tables.
create schema reactor;

create table read.tenants (
    tenant     text collate "C" primary key,
    title      text not null,
    created_at timestamptz not null,
    position   bigint not null
);
create unique index on read.tenants (position);

-- What operators hold back. `scope` spells it as one text: `all`, `channel/mail`, `destination/<key>`.
create table read.pauses (
    tenant      text collate "C" not null,
    scope       text collate "C" not null,
    channel     text collate "C",
    destination text collate "C",
    reason      text not null,
    paused_by   text not null,
    paused_at   timestamptz not null,
    position    bigint not null,
    primary key (tenant, scope)
);

-- The secret's hash is not here: who authenticates reads it from the log.
create table read.api_keys (
    tenant        text collate "C" not null,
    api_key       text collate "C" not null,
    title         text not null,
    scopes        text[] not null,
    issued_by     text not null,
    issued_at     timestamptz not null,
    expires_at    timestamptz,
    revoked_at    timestamptz,
    revoke_reason text,
    position      bigint not null,
    primary key (tenant, api_key)
);
create unique index on read.api_keys (tenant, position);

create table read.reports (
    tenant        text collate "C" not null,
    report        text collate "C" not null,
    title         text not null,
    owner         text not null,
    deadline_s    bigint not null,
    registered_at timestamptz not null,
    changed_at    timestamptz not null,
    retired_at    timestamptz,
    retire_reason text,
    position      bigint not null,
    sequence      bigint not null,
    primary key (tenant, report)
);
create unique index on read.reports (tenant, position);

create table read.recipients (
    tenant        text collate "C" not null,
    recipient     text collate "C" not null,
    kind          text collate "C" not null,
    name          jsonb,
    locale        text not null,
    zone          text not null,
    registered_at timestamptz not null,
    changed_at    timestamptz not null,
    retired_at    timestamptz,
    retire_reason text,
    position      bigint not null,
    sequence      bigint not null,
    primary key (tenant, recipient)
);
create unique index on read.recipients (tenant, position);

create table read.addresses (
    tenant        text collate "C" not null,
    recipient     text collate "C" not null,
    address       text collate "C" not null,
    channel       text collate "C" not null,
    value         jsonb not null,
    destination   text collate "C" not null,
    revision      bigint not null,
    added_at      timestamptz not null,
    changed_at    timestamptz not null,
    retired_at    timestamptz,
    retire_reason text,
    position      bigint not null,
    primary key (tenant, recipient, address)
);
create index on read.addresses (tenant, destination);

create table read.entitlements (
    tenant        text collate "C" not null,
    recipient     text collate "C" not null,
    grant_id      text collate "C" not null,
    report        text collate "C" not null,
    until         timestamptz,
    granted_by    text not null,
    granted_at    timestamptz not null,
    revoked_by    text,
    revoked_at    timestamptz,
    revoke_reason text,
    position      bigint not null,
    primary key (tenant, recipient, grant_id)
);
create index on read.entitlements (tenant, report, position);

create table read.subscriptions (
    tenant        text collate "C" not null,
    subscription  text collate "C" not null,
    recipient     text collate "C" not null,
    report        text collate "C" not null,
    selector      jsonb not null,
    preferences   jsonb not null,
    version       bigint not null,
    state         text collate "C" not null,
    paused_until  timestamptz,
    reason        text,
    subscribed_at timestamptz not null,
    changed_at    timestamptz not null,
    change_count  bigint not null,
    position      bigint not null,
    sequence      bigint not null,
    primary key (tenant, subscription)
);
create unique index on read.subscriptions (tenant, position);
create index on read.subscriptions (tenant, recipient, position);
create index on read.subscriptions (tenant, report, position);

create table read.distributions (
    distribution     uuid primary key,
    tenant           text collate "C" not null,
    report           text collate "C" not null,
    version          text collate "C" not null,
    digest           text not null,
    title            text not null,
    attributes       jsonb not null,
    artifacts        jsonb not null,
    corrects         text,
    received_at      timestamptz not null,
    deadline         timestamptz not null,
    slices           bigint not null,
    considered       bigint not null,
    planned          bigint not null,
    not_planned      bigint not null,
    not_planned_by   jsonb not null,
    plan_complete_at timestamptz,
    corrected_by     text,
    withdrawn_at     timestamptz,
    withdraw_reason  text,
    reconciled_at    timestamptz,
    position         bigint not null,
    last_position    bigint not null
) with (fillfactor = 80);
create unique index on read.distributions (tenant, position);
create index on read.distributions (tenant, received_at, position);
create index on read.distributions (tenant, report, position);
create index on read.distributions (tenant, position) where reconciled_at is null;

-- Decisions against a delivery, one row per considered pair. `ordinal` is its place in the slice's event.
create table read.not_planned (
    tenant               text collate "C" not null,
    distribution         uuid not null,
    position             bigint not null,
    ordinal              integer not null,
    report               text collate "C" not null,
    version              text collate "C" not null,
    recipient            text collate "C" not null,
    subscription         text collate "C" not null,
    subscription_version bigint not null,
    reason               text collate "C" not null,
    slice                bigint not null,
    read_at              bigint not null,
    decided_at           timestamptz not null,
    primary key (distribution, position, ordinal)
);
create index on read.not_planned (tenant, recipient, position, ordinal);
create index on read.not_planned (tenant, position, ordinal);

-- One row per delivery. What is indexed never changes, so that updates stay on their page (HOT); deliveries in a state
-- someone looks for are found through `troubled`. Most rows change once, from planned to closed: half a page is kept free
-- for that (measured: 15.8 us with a fillfactor of 75, 5.6 us and less disk with 45).
create table read.deliveries (
    delivery             uuid primary key,
    tenant               text collate "C" not null,
    distribution         uuid not null,
    report               text collate "C" not null,
    version              text collate "C" not null,
    recipient            text collate "C" not null,
    channel              text collate "C" not null,
    destination          text collate "C" not null,
    address              text collate "C" not null,
    subscription         text collate "C" not null,
    subscription_version bigint not null,
    grant_id             text not null,
    slice                bigint not null,
    format               text,
    resend_of            uuid,
    resend               bigint not null,
    scheduled_at         timestamptz not null,
    received_at          timestamptz not null,
    deadline             timestamptz not null,
    position             bigint not null,
    state                text collate "C" not null,
    outcome              text collate "C",
    reason               text,
    attempts             bigint not null,
    node                 text,
    fault_class          text collate "C",
    fault_code           text,
    next_attempt_at      timestamptz,
    first_sent_at        timestamptz,
    latency_us           bigint,
    elapsed_us           bigint,
    closed_at            timestamptz,
    bounced_at           timestamptz,
    last_position        bigint not null
) with (
    fillfactor = 45,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_insert_scale_factor = 0.1
);
create index on read.deliveries (tenant, position);
create index on read.deliveries (distribution, position);
create index on read.deliveries (tenant, recipient, position);

-- Deliveries a person may want to look at: those that had a failure or a doubt, or ended other than well. Those that get
-- through in the end leave again; a bounced one comes back.
create table read.troubled (
    delivery uuid primary key,
    tenant   text collate "C" not null,
    position bigint not null
);
create index on read.troubled (tenant, position);

-- How a distribution's deliveries stand, per channel; resends apart from what was planned.
create table read.distribution_outcomes (
    distribution    uuid not null,
    channel         text collate "C" not null,
    resend          boolean not null,
    scheduled       bigint not null,
    attempts        bigint not null,
    delivered       bigint not null,
    accepted        bigint not null,
    dead_lettered   bigint not null,
    cancelled       bigint not null,
    expired         bigint not null,
    suppressed      bigint not null,
    bounced         bigint not null,
    first_closed_at timestamptz,
    last_closed_at  timestamptz,
    primary key (distribution, channel, resend)
) with (fillfactor = 50);

-- Ended attempts per minute. `result` is `succeeded`, `in_doubt` or the class of the failure; le_* count sends answered
-- within that many milliseconds (not cumulative), le_inf the rest; unsent ones are in none.
create table read.channel_health (
    tenant      text collate "C" not null,
    channel     text collate "C" not null,
    destination text collate "C" not null,
    minute      timestamptz not null,
    result      text collate "C" not null,
    attempts    bigint not null,
    elapsed_us  bigint not null,
    le_10       bigint not null,
    le_50       bigint not null,
    le_100      bigint not null,
    le_500      bigint not null,
    le_1000     bigint not null,
    le_5000     bigint not null,
    le_inf      bigint not null,
    primary key (tenant, channel, destination, minute, result)
) with (fillfactor = 50);

-- Distributions that are not yet reconciled, as the reactor `reconciliation` counts them.
create table reactor.reconciliation (
    distribution  uuid primary key,
    tenant        text collate "C" not null,
    planned       bigint not null,
    plan_complete boolean not null,
    delivered     bigint not null,
    accepted      bigint not null,
    dead_lettered bigint not null,
    cancelled     bigint not null,
    expired       bigint not null,
    suppressed    bigint not null
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

grant usage on schema read, reactor to waybill_app;
grant select, insert, update, delete on all tables in schema read, reactor to waybill_app;
-- A rebuilt table is moved into `read` with the grants it was made with.
alter default privileges in schema read_rebuild
    grant select, insert, update, delete on tables to waybill_app;
