-- To whom and to what a key's subscriptions are limited: {reports, groups}; null where they are not, and where the
-- program before this one wrote the row.
alter table read.api_keys add column limits jsonb;
alter table if exists read_rebuild.api_keys add column if not exists limits jsonb;
alter table if exists read_replaced.api_keys add column if not exists limits jsonb;

-- Whether recipients may subscribe themselves to a report; null where the program before this one wrote the row.
alter table read.reports add column self_service boolean;
alter table if exists read_rebuild.reports add column if not exists self_service boolean;
alter table if exists read_replaced.reports add column if not exists self_service boolean;
