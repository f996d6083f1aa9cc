-- Every event of the service, written in the transaction that it tells of. One partition a day.
create table outbox (
  id uuid not null,
  namespace text not null,
  subject text not null,
  type text not null,
  source text not null,
  entity text not null,
  entity_id text not null,
  entity_version bigint not null,
  time timestamptz not null,
  data bytea not null,
  traceparent text not null,
  -- The transaction that wrote it: lets the sequencer pass over what it has done before.
  xid xid8 not null default pg_current_xact_id(),
  -- Transactions from here on had not begun when it was written: none of them holds an event that
  -- must come before it.
  xid_after xid8 not null default pg_snapshot_xmax(pg_current_snapshot()),
  -- Place in the history; assigned after the commit, gap-free.
  position bigint,
  constraint outbox_pkey primary key (id)
) partition by range (id);

create index outbox_unpositioned on outbox (xid, id) where position is null;
create index outbox_position on outbox (position) where position is not null;

-- The last position that was given out. One row.
create table event_positions (
  singleton boolean not null default true,
  last_position bigint not null default 0,
  constraint event_positions_pkey primary key (singleton),
  constraint event_positions_singleton check (singleton)
);
insert into event_positions default values;

-- How far the relay has come, and where in which stream that is. One row.
create table event_relay (
  singleton boolean not null default true,
  -- Grows with each leader, so that a former one cannot write any more.
  epoch bigint not null default 0,
  -- Every event up to here was acknowledged by the broker.
  published_position bigint not null default 0,
  -- The stream's time of creation and its sequence of that event: tell a lost tail.
  stream_created text not null default '',
  stream_sequence bigint not null default 0,
  constraint event_relay_pkey primary key (singleton),
  constraint event_relay_singleton check (singleton)
);
insert into event_relay default values;
