import { statement } from "@tidemill/postgres";

const time = (column: string) => `to_timestamp(${column} / 1000.0)`;

/** Runs whose journal lacks the entry before the first new one. */
export const selectGaps = statement<{ run_id: string }>(
  "journal_gaps",
  `select u.run_id from unnest($1::uuid[], $2::integer[]) u (run_id, seq)
   where (select j.seq from journal j where j.run_id = u.run_id and j.seq = u.seq) is null`,
);

/** Takes the fence lock, and fails unless leases stand and journals have their last entries. */
export const requirePremises = statement(
  "transitions_require",
  "select require_premises($1, $2::smallint[], $3::bigint[], $4::uuid[], $5::integer[])",
);

/** Payloads come as one value and are cut up here: an array of them would travel as hex text. */
export const insertJournal = statement(
  "journal_append",
  `insert into journal (run_id, seq, epoch, payload)
   select u.run_id, u.seq, u.epoch, substring($6::bytea from u.first for u.length)
   from unnest($1::uuid[], $2::integer[], $3::bigint[], $4::integer[], $5::integer[])
     u (run_id, seq, epoch, first, length)`,
);

export const insertRuns = statement(
  "runs_insert",
  `insert into runs (id, namespace, shard, name, pipeline_name, pipeline_version_id, spec_digest,
     engine_version, state, version, changed_seq, parameters, pipeline_root, warnings, error,
     output_parameters, output_artifacts, terminated_by, created_by, created_at, started_at,
     finished_at)
   select id, namespace, shard, name, pipeline_name, pipeline_version_id, spec_digest,
     engine_version, state, version, changed_seq, parameters, pipeline_root, warnings, error,
     output_parameters, output_artifacts, terminated_by, created_by,
     ${time("created_at")}, ${time("started_at")}, ${time("finished_at")}
   from unnest($1::uuid[], $2::text[], $3::smallint[], $4::text[], $5::text[], $6::text[],
     $7::text[], $8::integer[], $9::text[], $10::integer[], $11::integer[], $12::text[],
     $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
     $20::bigint[], $21::bigint[], $22::bigint[])
     u (id, namespace, shard, name, pipeline_name, pipeline_version_id, spec_digest,
     engine_version, state, version, changed_seq, parameters, pipeline_root, warnings, error,
     output_parameters, output_artifacts, terminated_by, created_by, created_at, started_at,
     finished_at)`,
);

export const updateRuns = statement(
  "runs_update",
  `update runs t set
     state = u.state,
     version = u.version,
     changed_seq = u.changed_seq,
     error = coalesce(u.error, t.error),
     output_parameters = coalesce(u.output_parameters, t.output_parameters),
     output_artifacts = coalesce(u.output_artifacts, t.output_artifacts),
     terminated_by = coalesce(u.terminated_by, t.terminated_by),
     started_at = coalesce(${time("u.started_at")}, t.started_at),
     finished_at = coalesce(${time("u.finished_at")}, t.finished_at)
   from unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[], $5::text[], $6::text[],
     $7::text[], $8::text[], $9::bigint[], $10::bigint[])
     u (id, state, version, changed_seq, error, output_parameters, output_artifacts,
     terminated_by, started_at, finished_at)
   where t.id = u.id`,
);

export const insertTasks = statement(
  "tasks_insert",
  `insert into tasks (run_id, id, ordinal, parent_task_id, key, path, display_name, kind, state,
     version, changed_seq, attempts_lost, input_parameters, input_artifacts, output_parameters,
     output_artifacts, warnings, error, created_at, started_at, finished_at)
   select run_id, id, ordinal, parent_task_id, key, path, display_name, kind, state,
     version, changed_seq, attempts_lost, input_parameters, input_artifacts, output_parameters,
     output_artifacts, warnings, error,
     ${time("created_at")}, ${time("started_at")}, ${time("finished_at")}
   from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::text[],
     $7::text[], $8::text[], $9::text[], $10::integer[], $11::integer[], $12::integer[],
     $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[],
     $19::bigint[], $20::bigint[], $21::bigint[])
     u (run_id, id, ordinal, parent_task_id, key, path, display_name, kind, state,
     version, changed_seq, attempts_lost, input_parameters, input_artifacts, output_parameters,
     output_artifacts, warnings, error, created_at, started_at, finished_at)`,
);

export const updateTasks = statement(
  "tasks_update",
  `update tasks t set
     state = u.state,
     version = u.version,
     changed_seq = u.changed_seq,
     attempts_lost = u.attempts_lost,
     input_parameters = coalesce(u.input_parameters, t.input_parameters),
     input_artifacts = coalesce(u.input_artifacts, t.input_artifacts),
     output_parameters = coalesce(u.output_parameters, t.output_parameters),
     output_artifacts = coalesce(u.output_artifacts, t.output_artifacts),
     warnings = coalesce(u.warnings, t.warnings),
     error = coalesce(u.error, t.error),
     started_at = coalesce(${time("u.started_at")}, t.started_at),
     finished_at = coalesce(${time("u.finished_at")}, t.finished_at)
   from unnest($1::uuid[], $2::uuid[], $3::text[], $4::integer[], $5::integer[], $6::integer[],
     $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
     $13::bigint[], $14::bigint[])
     u (run_id, id, state, version, changed_seq, attempts_lost, input_parameters,
     input_artifacts, output_parameters, output_artifacts, warnings, error, started_at,
     finished_at)
   where t.run_id = u.run_id and t.id = u.id`,
);

export const upsertAttempts = statement(
  "attempts_upsert",
  `insert into attempts (run_id, task_id, number, id, epoch, worker_id, state, exit_code, signal,
     error, limits, dispatched_at, started_at, finished_at)
   select run_id, task_id, number, id, epoch, worker_id, state, exit_code, signal, error, limits,
     ${time("dispatched_at")}, ${time("started_at")}, ${time("finished_at")}
   from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $5::bigint[], $6::text[],
     $7::text[], $8::integer[], $9::integer[], $10::text[], $11::text[],
     $12::bigint[], $13::bigint[], $14::bigint[])
     u (run_id, task_id, number, id, epoch, worker_id, state, exit_code, signal, error, limits,
     dispatched_at, started_at, finished_at)
   on conflict on constraint attempts_pkey do update set
     state = excluded.state,
     exit_code = excluded.exit_code,
     signal = excluded.signal,
     error = excluded.error,
     limits = excluded.limits,
     started_at = excluded.started_at,
     finished_at = excluded.finished_at`,
);
