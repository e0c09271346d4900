-- Run once by the superuser of a new cluster, by scripts/services and by compose.yaml alike.
-- psql variables: owner_password, app_password.
-- The owner's tables cannot be altered by the application; the application has only what migrations grant it.
create role waybill_owner login nocreatedb nocreaterole password :'owner_password';
create role waybill_app login nocreatedb nocreaterole password :'app_password';
-- `waybill doctor` names the backend that holds the log up.
grant pg_read_all_stats to waybill_owner, waybill_app;

create database waybill owner waybill_owner;
create database waybill_vault owner waybill_owner;

\connect waybill
alter schema public owner to waybill_owner;
create extension if not exists pg_stat_statements;

\connect waybill_vault
alter schema public owner to waybill_owner;
grant create on schema public to waybill_app;
