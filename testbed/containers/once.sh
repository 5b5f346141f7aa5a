#!/bin/sh
# A job: works for SECONDS_OF_WORK (default 1), then succeeds.
sleep "${SECONDS_OF_WORK:-1}"
echo '{"level":"info","message":"job finished"}'
