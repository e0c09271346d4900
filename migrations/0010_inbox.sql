-- Entries of inboxes: one row for each delivery by that channel, there from when it was planned so that its end, which
-- does not say the channel, finds it; gone again when it ended otherwise. What the version says of itself, and whether it
-- was corrected or withdrawn, stands once in `distributions`.
create table read.inbox (
    delivery           uuid primary key,
    tenant             text collate "C" not null,
    recipient          text collate "C" not null,
    distribution       uuid not null,
    format             text,
    resend             bigint not null,
    scheduled_position bigint not null,
    -- by which event it came to the inbox, and when; absent until then
    position           bigint,
    served_at          timestamptz,
    content_sha256     text,
    read_at            timestamptz,
    acknowledged_at    timestamptz,
    snoozed_until      timestamptz,
    last_position      bigint not null
) with (fillfactor = 80);
create index on read.inbox (tenant, recipient, position);
-- What is counted at every look.
create index on read.inbox (tenant, recipient, served_at) include (snoozed_until, distribution)
    where read_at is null and position is not null;
create index on read.inbox (tenant, recipient, snoozed_until) where snoozed_until is not null;

grant select, insert, update, delete on read.inbox to waybill_app;
