-- What the last proof of the completeness sums found: an alarm stays until a later proof finds nothing.
create table completeness_proof (
    only_row      boolean primary key default true check (only_row),
    position      bigint not null,
    proven_at     timestamptz not null default clock_timestamp(),
    distributions bigint not null,
    deliveries    bigint not null,
    mismatches    bigint not null,
    first         text
);
grant select, insert, update on completeness_proof to waybill_app;
