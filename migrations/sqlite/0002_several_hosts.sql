-- Work is leased while it is done, so that several hosts on one database never do it twice at once. A lease that is not
-- renewed ends by itself: its host is gone.
alter table outbox add column lease_by text;
alter table outbox add column lease_until bigint;
