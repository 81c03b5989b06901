-- The apps that the operator switched off by a command. What the configuration switches off does not stand here.
create table disabled_apps (
    app_slug text    not null primary key,
    since    integer not null
);
