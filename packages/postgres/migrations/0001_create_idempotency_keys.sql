-- The first answer to every mutating call, so that a repeat of its request_id gets the same one.
-- Not partitioned by time: a request_id must be unique over the whole time that it is kept.
create table idempotency_keys (
  namespace text not null,
  method text not null,
  caller text not null,
  request_id text not null,
  digest bytea not null,
  answer bytea,
  created_at timestamptz not null default now(),
  constraint idempotency_keys_pkey primary key (namespace, method, caller, request_id)
);

create index idempotency_keys_created_at on idempotency_keys (created_at);
