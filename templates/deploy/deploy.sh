#!/bin/sh
# Deploys the mirror, examines it from outside, and goes back to the version before where it does not work.
#
#   CLOUDFLARE_API_TOKEN, CLOUDFLARE_ACCOUNT_ID  who deploys
#   TIDEPOOL_MIRROR          where the mirror answers, such as https://mirror.example.com
#   TIDEPOOL_ENVIRONMENT     an environment of wrangler.toml; empty for production
#   TIDEPOOL_DOMAIN          a custom domain to put it on; may be empty
#   TIDEPOOL_SECRETS         a JSON file with ACCESS, ADMIN_TOKEN, DOCKERHUB_USERNAME, DOCKERHUB_TOKEN; may be empty,
#                            and secrets stay what they were
#   TIDEPOOL_SECRET          a secret of ACCESS that the examination comes in with; may be empty
#   TIDEPOOL_TOKEN           the ADMIN_TOKEN, for what is left of Docker Hub's limit; may be empty
#   TIDEPOOL_SETTLE_SECONDS  how long a new version may take to answer everywhere (default: 120)
#
# Exit codes: 0 deployed and working, 1 not deployed, or deployed and taken back, 2 wrong use.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
environment=${TIDEPOOL_ENVIRONMENT:-}
settle_seconds=${TIDEPOOL_SETTLE_SECONDS:-120}
commit=${CI_COMMIT_SHORT_SHA:-by hand}

fail() {
  echo "deploy: $2" >&2
  exit "$1"
}

[ -n "${TIDEPOOL_MIRROR:-}" ] || fail 2 "TIDEPOOL_MIRROR is not set"
[ -n "${CLOUDFLARE_API_TOKEN:-}" ] || fail 2 "CLOUDFLARE_API_TOKEN is not set"
case $settle_seconds in
  '' | *[!0-9]*) fail 2 "TIDEPOOL_SETTLE_SECONDS must be whole seconds" ;;
esac
if [ -n "${TIDEPOOL_SECRETS:-}" ]; then
  # In a .env file wrangler would expand $NAME and let the job's own variables win.
  node -e '
    const text = require("node:fs").readFileSync(process.argv[1], "utf8");
    const secrets = JSON.parse(text);
    if (Object.values(secrets).some((value) => typeof value !== "string")) throw new Error();
  ' "$TIDEPOOL_SECRETS" 2>/dev/null || fail 2 "TIDEPOOL_SECRETS must be a file with one JSON object of texts"
fi

wrangler() {
  (cd "$root" && WRANGLER_SEND_METRICS=false npx --no-install wrangler "$@" --env "$environment")
}

# The version that has all the traffic; nothing where the Worker is new, or two share it.
current_version() {
  wrangler deployments list --json 2>/dev/null | node -e '
    const chunks = [];
    process.stdin.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
      let deployments = [];
      try {
        deployments = JSON.parse(Buffer.concat(chunks).toString());
      } catch {}
      const newest = deployments.toSorted((a, b) => Date.parse(b.created_on) - Date.parse(a.created_on))[0];
      if (newest?.versions.length === 1) console.log(newest.versions[0].version_id);
    });
  '
}

# A new version, a new name and its certificate need a moment until they are everywhere.
examine() {
  until_seconds=$(($(date +%s) + settle_seconds))
  while :; do
    if node "$root/bot/cli.ts" doctor --mirror "$TIDEPOOL_MIRROR" >"$report" 2>&1; then
      cat "$report"
      return 0
    fi
    [ "$(date +%s)" -lt "$until_seconds" ] || break
    sleep 5
  done
  cat "$report"
  return 1
}

report=$(mktemp)
trap 'rm -f "$report"' EXIT

before=$(current_version)
set -- --message "$commit"
[ -z "${TIDEPOOL_SECRETS:-}" ] || set -- "$@" --secrets-file "$TIDEPOOL_SECRETS"
[ -z "${TIDEPOOL_DOMAIN:-}" ] || set -- "$@" --domain "$TIDEPOOL_DOMAIN"
deployed=0
wrangler deploy "$@" || deployed=$?

after=$(current_version)
if [ "$deployed" -ne 0 ]; then
  [ "$after" != "$before" ] || fail 1 "wrangler could not deploy; nothing has changed"
  echo "deploy: wrangler failed after the new version was up" >&2
elif examine; then
  echo "deploy: $TIDEPOOL_MIRROR works"
  exit 0
fi

[ -n "$before" ] || fail 1 "the first version does not work, and there is none to go back to"
[ "$after" != "$before" ] || fail 1 "this very version was there before; there is nothing to go back to"
echo "deploy: going back to version $before" >&2
wrangler rollback "$before" --yes --message "$commit does not work" ||
  fail 1 "the version before could not be brought back (Cloudflare refuses it where a Durable Object migration lies between); see the log above"
if examine; then
  fail 1 "the new version did not work; the one before is back, and works"
fi
fail 1 "the new version did not work, and the one before does not either: the cause lies outside the code"
