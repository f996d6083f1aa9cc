-- Who may write runs. A run belongs to the shard that its id hashes to; a shard to the process that
-- raised its epoch last. Every commit compares the epoch, so that a stale owner cannot write.
-- `heartbeat_at` is always the database's time, never a process's.
create table shards (
  shard smallint constraint shards_pkey primary key,
  owner text not null default '',
  epoch bigint not null default 0,
  heartbeat_at timestamptz not null default '-infinity'
) with (fillfactor = 50);

insert into shards (shard) select generate_series(0, 63);
