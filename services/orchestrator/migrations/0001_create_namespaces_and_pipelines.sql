create table namespaces (
  name text constraint namespaces_pkey primary key,
  created_by text not null,
  created_at timestamptz not null
);

-- Compiled specifications by the digest of what was sent. `content` is null for one that is too
-- large for a row: its bytes lie in the artifact service under the same digest.
create table specs (
  digest text constraint specs_pkey primary key
    constraint specs_digest_check check (digest ~ '^[0-9a-f]{64}$'),
  size_bytes bigint not null,
  pipeline_name text not null,
  content bytea,
  created_at timestamptz not null
);
-- It is compressed already where that helps the network; here the reader's time counts.
alter table specs alter column content set storage external;

create table pipelines (
  id uuid constraint pipelines_pkey primary key,
  namespace text not null,
  name text not null,
  description text not null,
  created_by text not null,
  created_at timestamptz not null,
  constraint pipelines_namespace_name_key unique (namespace, name)
);
create index pipelines_namespace_id_idx on pipelines (namespace, id);

create table pipeline_versions (
  id uuid constraint pipeline_versions_pkey primary key,
  pipeline_id uuid not null
    constraint pipeline_versions_pipeline_id_fkey references pipelines (id),
  namespace text not null,
  name text not null,
  description text not null,
  spec_digest text not null
    constraint pipeline_versions_spec_digest_fkey references specs (digest),
  spec_size_bytes bigint not null,
  pipeline_name text not null,
  created_by text not null,
  created_at timestamptz not null,
  constraint pipeline_versions_pipeline_id_name_key unique (pipeline_id, name)
);
create index pipeline_versions_pipeline_id_id_idx on pipeline_versions (pipeline_id, id);
