# Put the newest dump of BACKUP_FOLDER in place of what the database holds: all of it, or nothing.
# Stop the tracking server first.
set -eu
file=$(find "$BACKUP_FOLDER" -type f -name 'mlflow-*.dump' | sort | tail -n 1)
if [ -z "$file" ]; then
  echo "restore: error: no mlflow-*.dump in $BACKUP_FOLDER" >&2
  exit 2
fi
pg_restore --clean --if-exists --no-owner --exit-on-error --single-transaction \
  --dbname="$PGDATABASE" "$file"
echo "restore: $file"
