-- Each channel has permits of its own, so each lane of a channel is claimed by itself. With one index for all channels a
-- claim walked over every due row of a channel that had no permit left (16.6 ms at 100,000 rows).
create index delivery_queue_due_by_channel on delivery_queue (lane, channel, due_at);
drop index delivery_queue_due;

-- Nodes that were alive a short while ago. Who finds itself alone plans no faster than it sends.
create table nodes (
    node    text collate "C" primary key,
    seen_at timestamptz not null default clock_timestamp()
) with (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_cost_delay = 0
);
grant select, insert, update, delete on nodes to waybill_app;
