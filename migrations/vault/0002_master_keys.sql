-- By which master key each row is wrapped: its public name. Unknown for what was wrapped before there could be two, and
-- by programs that know no more.
alter table subject_keys add column wrapped_by text collate "C";
alter table tenant_keys add column wrapped_by text collate "C";
alter table secrets add column wrapped_by text collate "C";

-- Keys that tokens were signed by under earlier master keys, so that API keys, links and marks outlive a rotation.
create table token_keys (
    key_id     text collate "C" primary key,
    wrapped    bytea not null,
    wrapped_by text collate "C",
    created_at timestamptz not null default clock_timestamp()
);
