-- What a commit of transitions rests on, checked by the server in one statement, so that the commit
-- may travel together with it: the leases stand under their epochs, and each run's journal has the
-- entry before the first new one. A claim of shards holds the fence lock alone and a commit shares
-- it, so no epoch changes between this and the end of the transaction. It fails as a serialization
-- failure does: somebody else was faster.
create function require_premises(
  fence bigint, lease_shards smallint[], lease_epochs bigint[], run_ids uuid[], seqs integer[]
) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock_shared(fence);
  if exists (
    select from unnest(lease_shards, lease_epochs) f (shard, epoch)
    where (select s.epoch from shards s where s.shard = f.shard) is distinct from f.epoch
  ) then
    raise exception 'a lease was lost' using errcode = 'serialization_failure';
  end if;
  if exists (
    select from unnest(run_ids, seqs) u (run_id, seq)
    where (select j.seq from journal j where j.run_id = u.run_id and j.seq = u.seq) is null
  ) then
    raise exception 'a journal has a gap' using errcode = 'serialization_failure';
  end if;
end
$$;
