#!/bin/sh
# The service `standby`: a copy of the primary at its first start, then PostgreSQL that only reads. Arguments are the
# server's. PRIMARY: host and, where it is another, port; REPLICATOR_PASSWORD_FILE; PGDATA. Without a slot: while it is
# away the primary keeps wal_keep_size and no more; what stayed away longer is made anew by removing its volume.
set -eu
: "${PGDATA:?}" "${PRIMARY:?}" "${REPLICATOR_PASSWORD_FILE:?}"
umask 077
passwords=${PGPASSFILE:-/tmp/pgpass}
printf '*:*:*:replicator:%s\n' "$(cat "$REPLICATOR_PASSWORD_FILE")" >"$passwords"
export PGPASSFILE="$passwords"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  rm -rf "$PGDATA.new"
  pg_basebackup -D "$PGDATA.new" -R -c fast -X stream \
    -d "host=${PRIMARY%:*} port=${PRIMARY##*:} user=replicator application_name=standby_reads passfile=$passwords"
  mv "$PGDATA.new" "$PGDATA"
fi
exec postgres "$@"
