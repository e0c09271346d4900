-- Facts as plain SQL over events: nothing here is shared with what is compared.
create temp table mine as
    select * from events where tenant = current_setting('test.tenant');
create index on mine (aggregate_id);

create temp table plans as
    select aggregate_id as delivery, payload ->> 'distribution' as distribution, payload ->> 'report' as report,
           payload ->> 'version' as version, payload ->> 'recipient' as recipient, payload ->> 'channel' as channel,
           payload ->> 'destination' as destination, (payload ->> 'received_at')::timestamptz at time zone 'UTC' as received_at,
           coalesce((payload ->> 'resend')::int, 0) as resend, position as scheduled_position
    from mine where event_type = 'DeliveryScheduled';

create temp table ended as
    select aggregate_id as delivery, position, recorded_at at time zone 'UTC' as recorded_at,
           (payload ->> 'attempt')::int as attempt,
           payload -> 'outcome' ->> 'kind' as kind,
           payload -> 'outcome' -> 'receipt' ->> 'proof' as proof,
           payload -> 'outcome' -> 'next' ->> 'kind' as next,
           coalesce(payload -> 'outcome' -> 'fault' ->> 'class', 'in_doubt') as class,
           coalesce(payload -> 'outcome' -> 'fault' ->> 'code', payload -> 'outcome' ->> 'code') as code,
           (payload ->> 'sent_at')::timestamptz at time zone 'UTC' as sent_at,
           (payload ->> 'elapsed_us')::bigint as elapsed_us
    from mine where event_type = 'AttemptEnded';

create index on ended (delivery);
create temp view closings as
    select delivery, position, recorded_at as closed_at, coalesce(proof, 'dead_lettered') as outcome
    from ended where proof is not null or next = 'dead_lettered'
    union all
    select aggregate_id, position, recorded_at at time zone 'UTC',
           case event_type when 'DeliveryCancelled' then 'cancelled' when 'DeliveryExpired' then 'expired' else 'suppressed' end
    from mine where event_type in ('DeliveryCancelled', 'DeliveryExpired', 'DeliverySuppressed');

create temp view closed as
    select c.*, p.distribution, p.report, p.version, p.recipient, p.channel, p.destination, p.received_at, p.resend,
           (select count(*) from mine s where s.event_type = 'AttemptStarted' and s.aggregate_id = c.delivery) as attempts,
           (select round(extract(epoch from min(sent_at) - p.received_at) * 1000000)::bigint
            from ended e where e.delivery = c.delivery) as latency_us,
           (select elapsed_us from ended e where e.delivery = c.delivery order by position desc limit 1) as elapsed_us,
           round(extract(epoch from c.closed_at - p.received_at) * 1000000)::bigint as close_us,
           exists (select from mine b where b.aggregate_id = c.delivery and b.event_type = 'EvidenceRecorded'
                   and b.payload -> 'evidence' ->> 'kind' = 'bounced') as came_back
    from closings c join plans p using (delivery);

create temp table deliveries as select * from closed;
