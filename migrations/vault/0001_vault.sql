-- The vault: keys, each wrapped by the master key. A database of its own, with its own short-lived backups: what is
-- destroyed here can no longer be read anywhere.

-- Proof that the configured master key is the one that wrapped what is here.
create table vault_check (
    only_row boolean primary key default true check (only_row),
    proof    bytea not null
);

-- One key per person whose data is sealed. A destroyed one keeps its id, so that a reader is told "erased".
create table subject_keys (
    key_id       bytea primary key check (octet_length(key_id) = 16),
    tenant       text collate "C" not null,
    subject      text collate "C" not null,
    wrapped      bytea,
    created_at   timestamptz not null default clock_timestamp(),
    destroyed_at timestamptz,
    check ((wrapped is null) = (destroyed_at is not null))
) with (fillfactor = 80);
create unique index subject_keys_live on subject_keys (tenant, subject) where destroyed_at is null;
create index subject_keys_subject on subject_keys (tenant, subject);

-- One key per tenant: for the look-up by address and for destinations' pseudonyms.
create table tenant_keys (
    tenant     text collate "C" primary key,
    wrapped    bytea not null,
    created_at timestamptz not null default clock_timestamp()
);

-- Credentials and other secrets of a tenant.
create table secrets (
    tenant     text collate "C" not null,
    name       text collate "C" not null,
    sealed     bytea not null,
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant, name)
);
