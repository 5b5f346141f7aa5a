#!/bin/sh
# Makes the data folder on first start, then becomes the server. Arguments are given to postgres.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    umask 077
    mkdir -p "$PGDATA"
    password=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD, best from a Secret}" > "$password"
    initdb --username="${POSTGRES_USER:-postgres}" --pwfile="$password" --auth=scram-sha-256 --encoding=UTF8 --no-sync
    rm -f "$password"
    printf '%s all all all scram-sha-256\n' "${POSTGRES_HOST_TYPE:-host}" >> "$PGDATA/pg_hba.conf"
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
