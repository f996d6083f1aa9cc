-- All four tables are partitioned by the run's id, which is a UUIDv7: everything about a run lies
-- in partitions of the same time, and is dropped together after RUNS_RETENTION_DAYS.
-- Structured values (parameters, artifacts, errors, warnings) are JSON text that only the store
-- reads: `json` would cost a parse at each write, and `jsonb` refuses \u0000.
create table runs (
  id uuid not null,
  namespace text not null,
  shard smallint not null,
  name text not null,
  pipeline_name text not null,
  pipeline_version_id text not null,
  spec_digest text not null,
  engine_version integer not null,
  state text not null,
  version integer not null,
  -- Sequence number of the journal entry that changed the row last.
  changed_seq integer not null,
  parameters text not null,
  pipeline_root text not null,
  warnings text not null,
  error text,
  output_parameters text not null default '{}',
  output_artifacts text not null default '{}',
  terminated_by text,
  created_by text not null,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  constraint runs_pkey primary key (id)
) partition by range (id);
create index runs_namespace_id_idx on runs (namespace, id);
-- What a new owner of a shard loads.
create index runs_live_idx on runs (shard) where state in ('pending', 'running', 'canceling');
create index runs_finished_at_idx on runs (finished_at) where finished_at is not null;

create table tasks (
  run_id uuid not null,
  id uuid not null,
  -- Place in the order in which the run's tasks came to be: parents before children.
  ordinal integer not null,
  parent_task_id uuid,
  key text not null,
  path text not null,
  display_name text not null,
  kind text not null,
  state text not null,
  version integer not null,
  changed_seq integer not null,
  attempts_lost integer not null default 0,
  input_parameters text not null default '{}',
  input_artifacts text not null default '{}',
  output_parameters text not null default '{}',
  output_artifacts text not null default '{}',
  warnings text not null default '[]',
  error text,
  created_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  constraint tasks_pkey primary key (run_id, id),
  constraint tasks_run_id_ordinal_key unique (run_id, ordinal)
) partition by range (run_id);

create table attempts (
  run_id uuid not null,
  task_id uuid not null,
  number integer not null,
  id uuid not null,
  epoch bigint not null,
  worker_id text not null,
  state text not null,
  exit_code integer not null default 0,
  signal integer not null default 0,
  error text,
  limits text not null default '[]',
  dispatched_at timestamptz not null,
  started_at timestamptz,
  finished_at timestamptz,
  constraint attempts_pkey primary key (run_id, task_id, number)
) partition by range (run_id);

-- Facts, in order, never rewritten. `payload` is a tidemill.orchestrator.v1.JournalEntry.
create table journal (
  run_id uuid not null,
  seq integer not null,
  -- Epoch of the shard owner that wrote it.
  epoch bigint not null,
  payload bytea not null,
  constraint journal_pkey primary key (run_id, seq)
) partition by range (run_id);
