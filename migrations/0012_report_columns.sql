-- What a report declares of its data frames: an array of {name, type, nullable}; null where it declares nothing, and
-- where the previous version of the program wrote the row.
alter table read.reports add column columns jsonb;
alter table if exists read_rebuild.reports add column if not exists columns jsonb;
alter table if exists read_replaced.reports add column if not exists columns jsonb;
