-- Which namespaces may read which blobs; the bytes lie once on disk, whoever sent them. Not
-- partitioned by time, and neither are trees: content has one row for as long as anything refers to
-- it, so its end is a matter of references, not of age.
create table blobs (
  namespace text not null,
  digest text not null constraint blobs_digest_check check (digest ~ '^[0-9a-f]{64}$'),
  size_bytes bigint not null,
  created_by text not null,
  created_at timestamptz not null,
  constraint blobs_pkey primary key (namespace, digest)
);

-- The list of a tree's files is a blob of the same digest.
create table trees (
  namespace text not null,
  digest text not null constraint trees_digest_check check (digest ~ '^[0-9a-f]{64}$'),
  size_bytes bigint not null,
  file_count integer not null,
  created_by text not null,
  created_at timestamptz not null,
  constraint trees_pkey primary key (namespace, digest)
);

create table artifacts (
  id uuid not null,
  namespace text not null,
  name text not null,
  schema_title text not null,
  schema_version text not null,
  instance_schema text not null,
  uri text not null,
  -- JSON text as it came: jsonb would change its numbers and the order of its keys.
  metadata text not null,
  blob_digest text,
  tree_digest text,
  size_bytes bigint not null,
  run_id text not null,
  task_id text not null,
  attempt_id text not null,
  output text not null,
  created_by text not null,
  created_at timestamptz not null,
  constraint artifacts_pkey primary key (id),
  constraint artifacts_content_check check (blob_digest is null or tree_digest is null)
) partition by range (id);

create index artifacts_namespace_id_idx on artifacts (namespace, id);
create index artifacts_run_id_idx on artifacts (namespace, run_id, id) where run_id <> '';

-- One row a log: written at its first byte and when it is sealed. What lies between is told by the
-- size of its file. Partitioned by the run's id, a UUIDv7, so that a run's logs are dropped
-- together.
create table logs (
  run_id uuid not null,
  namespace text not null,
  task_id text not null,
  attempt integer not null,
  stream text not null,
  -- Null until it is sealed.
  blob_digest text,
  size_bytes bigint,
  created_at timestamptz not null,
  sealed_at timestamptz,
  constraint logs_pkey primary key (run_id, namespace, task_id, attempt, stream),
  constraint logs_sealed_check check ((blob_digest is null) = (size_bytes is null))
) partition by range (run_id);

-- For logs of runs that are older than the oldest partition.
create table logs_default partition of logs default;
