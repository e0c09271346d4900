-- Calendars of business days, of the projection `tenants`. There is no event of one before this program.
create table read.calendars (
    tenant     text collate "C" not null,
    calendar   text collate "C" not null,
    days       jsonb not null,
    changed_by text not null,
    changed_at timestamptz not null,
    position   bigint not null,
    primary key (tenant, calendar)
);
grant select, insert, update, delete on read.calendars to waybill_app;
