-- Why a follower waits though its lease holds, and since when it has not been at the log's end.
alter table checkpoints add column trouble text, add column at_head_at timestamptz;
