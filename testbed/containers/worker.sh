#!/bin/sh
# A queue worker: one line of structured log a second interval, ends at once when told to.
trap 'echo "{\"level\":\"info\",\"message\":\"stopping\"}"; exit 0' TERM INT
number=0
while :; do
    number=$((number + 1))
    echo "{\"level\":\"info\",\"message\":\"job done\",\"job\":$number}"
    sleep "${INTERVAL:-10}" &
    wait $!
done
