-- Mail addresses that nothing is to be sent to, whoever has them or will have them: keyed hashes of what was imported.
-- What is suppressed of a recipient's own address is in its events; this is looked at when an address is added.
create table suppressed_addresses (
    tenant    text collate "C" not null,
    tag       text collate "C" not null,
    -- exclusive; until it is lifted, when absent
    until     timestamptz,
    listed_at timestamptz not null default clock_timestamp(),
    primary key (tenant, tag)
);
grant select, insert, update, delete on suppressed_addresses to waybill_app;
