-- What the routing index is folded from at start: found without reading the rest of the log. The rest are distributions,
-- by far the most of this partition, of which only stopped ones count.
create index events_rest_routing on events_rest (position)
    where aggregate_type <> 'distribution' or event_type in ('VersionCorrected', 'VersionWithdrawn');
