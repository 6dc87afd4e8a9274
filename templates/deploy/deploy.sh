#!/bin/sh
# Deploys the mirror, examines it from outside, and goes back to the version before where it does not work.
#
#   CLOUDFLARE_API_TOKEN, CLOUDFLARE_ACCOUNT_ID  who deploys
#   TIDEPOOL_MIRROR          where the mirror answers, such as https://mirror.example.com
#   TIDEPOOL_ENVIRONMENT     an environment of wrangler.toml; empty for production
#   TIDEPOOL_DOMAIN          a custom domain to put it on; may be empty
#   TIDEPOOL_SECRETS         a JSON file with ACCESS, ACCESS_TOKENS, ADMIN_TOKEN, DOCKERHUB_USERNAME, DOCKERHUB_TOKEN and any
#                            other variable that is not in [vars] of wrangler.toml; may be empty, and secrets stay what
#                            they were
#   TIDEPOOL_VARS            variables that are no secrets, a line NAME=VALUE each; may be empty. Unlike secrets they are
#                            those of this deployment alone
#   TIDEPOOL_SECRET          a secret of ACCESS that the examination comes in with; may be empty
#   TIDEPOOL_TOKEN           the ADMIN_TOKEN, for what is left of Docker Hub's limit; may be empty
#   TIDEPOOL_SETTLE_SECONDS  how long a new version may take to answer everywhere (default: 120)
#
# The mirror is examined before too: what failed then is no fault of the new version's, and nothing is taken back for it.
#
# Exit codes: 0 deployed and working, 1 not deployed, or deployed and taken back, or deployed and what failed before still
# fails, 2 wrong use.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
environment=${TIDEPOOL_ENVIRONMENT:-}
settle_seconds=${TIDEPOOL_SETTLE_SECONDS:-120}
pause=5
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

# From here on the script's own arguments are those of `wrangler deploy`.
set --
while IFS= read -r line; do
  name=${line%%=*}
  case $line in
    '' | \#*) continue ;;
    ACCESS_TOKENS=* | ADMIN_TOKEN=* | DOCKERHUB_TOKEN=*) fail 2 "$name is a secret: it belongs in TIDEPOOL_SECRETS" ;;
    [A-Z]*=*) ;;
    *) fail 2 "TIDEPOOL_VARS must be lines of NAME=VALUE" ;;
  esac
  case $name in
    *[!A-Z0-9_]*) fail 2 "TIDEPOOL_VARS must be lines of NAME=VALUE" ;;
  esac
  set -- "$@" --var "$name:${line#*=}"
done <<END
${TIDEPOOL_VARS:-}
END

wrangler() {
  (cd "$root" && WRANGLER_SEND_METRICS=false npx --no-install wrangler "$@" --env "$environment")
}

# Prints the version that has most of the traffic, or nothing where there is no such Worker yet. Fails where Cloudflare
# does not tell: that is no empty answer.
current_version() {
  if ! wrangler deployments list --json >"$work/deployments" 2>"$work/errors"; then
    # 10007 and 10090: this Worker does not exist.
    if grep -qE '\[code: (10007|10090)\]' "$work/deployments" "$work/errors"; then return 0; fi
    cat "$work/errors" >&2
    return 1
  fi
  node -e '
    const deployments = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
    const [newest] = deployments.toSorted((a, b) => Date.parse(b.created_on) - Date.parse(a.created_on));
    const [most] = (newest?.versions ?? []).toSorted((a, b) => b.percentage - a.percentage);
    if (most !== undefined) console.log(most.version_id);
  ' "$work/deployments"
}

# Prints the version that says so on /healthz, "none" where an answer names none, nothing where there is no answer.
answering_version() {
  node -e '
    fetch(new URL("/healthz", process.argv[1]), { redirect: "manual", signal: AbortSignal.timeout(10_000) }).then(
      ({ headers }) => console.log(headers.get("X-Tidepool-Version") ?? "none"),
      () => {},
    );
  ' "$TIDEPOOL_MIRROR"
}

# Runs the examination once.
doctor() {
  code=0
  node "$root/bot/cli.ts" doctor --mirror "$TIDEPOOL_MIRROR" >"$report" 2>&1 || code=$?
  return "$code"
}

# The names of the checks that went so, each on a line.
checks() {
  sed -nE "s/^  ($1) +([a-z]+) .*/\\2/p" "$report"
}

# Whether it was the version $2 that answered as $1.
is_version() {
  case $2 in
    "$1") return 0 ;;
    # Cloudflare did not tell the new one's name.
    unknown) [ -n "$1" ] && [ "$1" != none ] && [ "$1" != "$before" ] ;;
    # A release older than that header.
    "$before") [ "$1" = none ] ;;
    *) return 1 ;;
  esac
}

# A new version, a new name and its certificate need a moment until they are everywhere, and the version before goes on
# answering until then: the version $1 must answer before the examination and after it.
examine() {
  until_seconds=$(($(date +%s) + settle_seconds))
  while :; do
    seen=$(answering_version)
    if doctor && is_version "$seen" "$1" && is_version "$(answering_version)" "$1"; then
      cat "$report"
      return 0
    fi
    [ "$(date +%s)" -lt "$until_seconds" ] || break
    sleep "$pause"
  done
  cat "$report"
  is_version "$seen" "$1" || echo "deploy: /healthz is answered by version ${seen:-unknown}, not by $1" >&2
  return 1
}

# Whether the new version may be at fault: something fails that did not before, or the mirror itself does not answer as it
# should. A check that was not tried before says nothing, and a limit or an outage of Docker Hub's is no reason.
is_at_fault() {
  failed=$(checks FAILED)
  # What was examined works, and it was not the new version.
  [ -n "$failed" ] || return 0
  for check in $failed; do
    case $check in
      reach | tls | api | access) return 0 ;;
    esac
    if grep -qx "$check" "$work/passed"; then return 0; fi
  done
  return 1
}

# Secrets belong to a version: going back brings back those it had.
warn_of_secrets() {
  [ -n "${TIDEPOOL_SECRETS:-}" ] || return 0
  names=$(node -e 'console.log(Object.keys(JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"))).join(", "))' "$TIDEPOOL_SECRETS")
  echo "deploy: WARNING: with that version its secrets are back: $names. What this deployment revoked opens again; take it away with \`wrangler secret put\`" >&2
}

work=$(mktemp -d)
report="$work/report"
trap 'rm -rf "$work"' EXIT

before=$(current_version) || fail 1 "Cloudflare does not tell what is deployed now, and so what to go back to; nothing has changed"
code=0
doctor || code=$?
[ "$code" -ne 2 ] || { cat "$report" >&2 && fail 2 "the mirror cannot be examined; nothing has changed"; }
checks 'ok|warning' >"$work/passed"
if [ -n "$before" ] && [ "$code" -ne 0 ]; then
  echo "deploy: before this deployment these fail already: $(checks FAILED | xargs)" >&2
fi

set -- "$@" --message "$commit"
[ -z "${TIDEPOOL_SECRETS:-}" ] || set -- "$@" --secrets-file "$TIDEPOOL_SECRETS"
[ -z "${TIDEPOOL_DOMAIN:-}" ] || set -- "$@" --domain "$TIDEPOOL_DOMAIN"
deployed=0
wrangler deploy "$@" || deployed=$?

# It is asked for twice at most: without it nothing can be waited for.
after=$(current_version) || { sleep "$pause" && after=$(current_version); } || after=unknown
if [ "$deployed" -ne 0 ]; then
  [ "$after" != "$before" ] || fail 1 "wrangler could not deploy; nothing has changed"
  echo "deploy: wrangler failed, and the new version may be up all the same" >&2
elif examine "$after"; then
  echo "deploy: $TIDEPOOL_MIRROR works"
  exit 0
elif ! is_at_fault; then
  fail 1 "the new version is up and stays: $(checks FAILED | xargs) failed before it too (or could not be tried), and the cause lies outside"
fi

[ -n "$before" ] || fail 1 "the first version does not work, and there is none to go back to"
[ "$after" != "$before" ] || fail 1 "this very version was there before; there is nothing to go back to"
echo "deploy: going back to version $before" >&2
warn_of_secrets
wrangler rollback "$before" --yes --message "$commit does not work" ||
  fail 1 "the version before could not be brought back (Cloudflare refuses it where a Durable Object migration lies between); see the log above"
if examine "$before"; then
  fail 1 "the new version did not work; the one before is back, and works"
fi
fail 1 "the new version did not work, and the one before does not either: the cause lies outside the code"
