-- Run once, in an empty volume: the tracking server's own user, which is no superuser.
\set password `cat /run/secrets/postgres/password`
CREATE ROLE mlflow LOGIN PASSWORD :'password';
CREATE DATABASE mlflow OWNER mlflow;
