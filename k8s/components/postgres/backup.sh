# Dump the database that the PG… variables name into BACKUP_FOLDER, and remove dumps that are
# older than KEEP_DAYS. A dump gets its name only once it is complete and readable.
set -eu
file="$BACKUP_FOLDER/mlflow-$(date -u +%Y%m%dT%H%M%SZ).dump"
trap 'rm -f "$file.part"' EXIT
pg_dump --format=custom --file="$file.part"
pg_restore --list "$file.part" > /dev/null
mv "$file.part" "$file"
find "$BACKUP_FOLDER" -type f -name 'mlflow-*.dump*' -mtime "+$KEEP_DAYS" -delete
echo "backup: $file, $(stat -c %s "$file") bytes"
