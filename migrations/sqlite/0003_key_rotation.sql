-- The key with which each master key made fingerprints, sealed under a newer master key: when the old one is gone,
-- what it made can still be compared.
create table fingerprint_keys (
    kid    bigint not null primary key,
    key_ct blob   not null
);

-- When an address was last used, to the minute: an older one that Cloud still calls must not be retired yet.
alter table endpoints add column last_used_at bigint;
