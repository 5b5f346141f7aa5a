#!/bin/sh
# Makes the data folder on first start, then becomes the server. Arguments are given to mariadbd.
set -eu
if [ ! -d "$DATA/mysql" ]; then
    mariadb-install-db --no-defaults --datadir="$DATA" --skip-test-db --auth-root-authentication-method=normal \
        --skip-name-resolve >/dev/null
    first=/tmp/first.sql
    printf "CREATE USER 'shop'@'%%' IDENTIFIED BY '%s';\nDROP USER IF EXISTS root@'::1';\n" \
        "${MARIADB_PASSWORD:?set MARIADB_PASSWORD, best from a Secret}" > "$first"
    set -- --init-file="$first" "$@"
fi
exec mariadbd --no-defaults --datadir="$DATA" --socket=/tmp/mariadb.sock --pid-file=/tmp/mariadb.pid \
    --bind-address=0.0.0.0 --innodb-buffer-pool-size=8M --performance-schema=OFF "$@"
