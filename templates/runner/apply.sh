#!/bin/sh
# Puts daemon.json and config.toml in force on a runner's host, and puts back what was there where that fails.
#
#   sh FOLDER/apply.sh DAEMON_JSON CONFIG_TOML
#
# Sent and started by ship.sh, as root. FOLDER holds the files that change, the sums of those that the job saw here, what
# the daemon has to do (`action`), why a restart would end containers (`ends`, empty where it would not) and the mirrors
# it should then have. FOLDER is removed at the end.
set -eu
umask 077
# What was begun is ended, whether somebody still listens or not.
trap '' HUP PIPE

stage=$(cd "$(dirname "$0")" && pwd)
daemon_json=$1
config_toml=$2
# How long a daemon may take to come back, and to take over a file at a reload.
patience=${TIDEPOOL_PATIENCE_SECONDS:-60}
reload_patience=10
# GitLab Runner looks at its file every 3 s.
runner_looks=5

say() {
  echo "$1" 2>/dev/null || :
}

fail() {
  say "apply: $1"
  exit 1
}

trap 'rm -rf "$stage"' EXIT

exec 9>"${TIDEPOOL_LOCK:-/run/tidepool-runner.lock}"
if command -v flock >/dev/null; then
  flock -n 9 || fail "another change is under way on this host"
fi

sum_of() {
  if [ -e "$1" ]; then sha256sum <"$1" | cut -d' ' -f1; else echo none; fi
}

# Between the job's look and now nobody may have changed the file.
check_unchanged() {
  [ "$(sum_of "$2")" = "$(cat "$stage/$1.sum")" ] || fail "$2 was changed by somebody else a moment ago; run the job again"
}

# Writes beside the file and renames: whoever reads it sees the old one or the new one, whole.
install_file() {
  if [ -e "$2" ]; then
    cp -p "$2" "$2.tidepool-before"
    cp -p "$2" "$2.tidepool-new"
  else
    rm -f "$2.tidepool-before"
    mkdir -p "$(dirname "$2")"
    : >"$2.tidepool-new"
    chmod "$3" "$2.tidepool-new"
  fi
  cat "$1" >"$2.tidepool-new"
  sync "$2.tidepool-new" 2>/dev/null || sync
  mv -f "$2.tidepool-new" "$2"
}

put_back() {
  if [ -e "$1.tidepool-before" ]; then
    mv -f "$1.tidepool-before" "$1"
    # GitLab Runner loads a file that is younger than the one it has.
    touch "$1"
  else
    rm -f "$1"
  fi
}

docker_info() {
  timeout 10 docker info --format "$1" 2>/dev/null
}

docker_answers() {
  docker_info '{{.ServerVersion}}' >/dev/null
}

has_mirrors() {
  docker_info '{{range .RegistryConfig.Mirrors}}{{println .}}{{end}}' | grep -v '^$' | cmp -s - "$stage/mirrors"
}

# A daemon that refuses a file at a reload says so in its log alone; one that takes it over tells an event.
has_reloaded() {
  timeout 10 docker events --since "$started" --until "$(($(date +%s) + 1))" \
    --filter type=daemon --filter event=reload 2>/dev/null | grep -q . && has_mirrors
}

# Waits until a condition holds, for so many seconds.
wait_for() {
  end=$(($(date +%s) + $2))
  until "$1"; do
    [ "$(date +%s)" -lt "$end" ] || return 1
    sleep 1
  done
}

check_daemon_json() {
  check_unchanged daemon.json "$daemon_json"
  # dockerd 23 and later look at a file without starting; the job has looked whether it is JSON at all.
  if dockerd --help 2>/dev/null | grep -q -- '--validate'; then
    dockerd --validate --config-file "$stage/daemon.json" >"$stage/validate" 2>&1 ||
      fail "dockerd refuses daemon.json: $(tail -n 1 "$stage/validate")"
  fi
  [ "$(cat "$stage/action")" = restart ] || return 0
  docker_answers || return 0
  if [ "$(docker_info '{{.LiveRestoreEnabled}}')" != true ]; then
    ends="set live-restore first"
  else
    # The daemon that ends leaves them running; the one that comes up has to take them over.
    ends=$(cat "$stage/ends")
  fi
  [ -n "$ends" ] || return 0
  # A daemon that does not say what runs is taken to run something.
  running=$(timeout 10 docker ps --quiet 2>/dev/null) || running=unknown
  [ -z "$running" ] ||
    fail "this change needs a restart of dockerd, which would end the containers that run: $ends, or wait until none does"
}

# GitLab Runner logs what it cannot load and goes on with what it had, so that a bad file shows at its next start. It
# looks at the file first, where it is here: `list` says "Listing …" once it has loaded it, and exits 0 in any case.
check_config_toml() {
  check_unchanged config.toml "$config_toml"
  command -v gitlab-runner >/dev/null || return 0
  if timeout 30 gitlab-runner list --config "$stage/config.toml" >"$stage/list" 2>&1 &&
    grep -q 'Listing configured runners' "$stage/list"; then
    return 0
  fi
  # It lists tokens: no line that has one is shown, nor what stands in quotes.
  fail "gitlab-runner does not load config.toml: $(grep -v 'Token=' "$stage/list" | tail -n 1 | sed 's/"[^"]*"/"…"/g')"
}

apply_daemon_json() {
  install_file "$stage/daemon.json" "$daemon_json" 644
  action=$(cat "$stage/action")
  # A daemon that is down is started: a reload would not.
  if [ "$action" = reload ] && ! docker_answers; then action=restart; fi
  started=$(date +%s.%N)
  case $action in
    none)
      say "daemon.json: in place; nothing to reload"
      return 0
      ;;
    reload) systemctl reload docker && wait_for has_reloaded "$reload_patience" ;;
    restart) systemctl restart docker && wait_for has_mirrors "$patience" ;;
  esac && {
    say "daemon.json: in force ($action)"
    return 0
  }
  say "apply: dockerd does not run with this daemon.json; putting the old one back (journalctl -u docker tells why)"
  put_back "$daemon_json"
  if [ -e "$stage/config.toml" ]; then
    put_back "$config_toml"
    say "apply: the old config.toml is back too"
  fi
  # A daemon that was restarted has keys of the new file that no reload takes away.
  if [ "$action" = reload ] && docker_answers; then
    systemctl reload docker || :
  else
    # systemd gives up on a unit that fails too often.
    systemctl reset-failed docker 2>/dev/null || :
    systemctl restart docker || :
  fi
  if wait_for docker_answers "$patience"; then fail "the old daemon.json is back, and dockerd runs"; fi
  fail "the old daemon.json is back, but dockerd DOES NOT RUN: look at this host"
}

apply_config_toml() {
  was_active=0
  ! systemctl is-active --quiet gitlab-runner || was_active=1
  install_file "$stage/config.toml" "$config_toml" 600
  if [ "$was_active" -eq 1 ]; then
    sleep "$runner_looks"
    if ! systemctl is-active --quiet gitlab-runner; then
      put_back "$config_toml"
      systemctl restart gitlab-runner || :
      fail "gitlab-runner ended with this config.toml; the old one is back, and daemon.json is as it was"
    fi
  fi
  say "config.toml: in place; GitLab Runner loads it by itself"
}

# Both are looked at before either is touched. daemon.json comes last: to take that back may need a restart.
if [ -e "$stage/daemon.json" ]; then check_daemon_json; fi
if [ -e "$stage/config.toml" ]; then check_config_toml; fi
if [ -e "$stage/config.toml" ]; then apply_config_toml; fi
if [ -e "$stage/daemon.json" ]; then apply_daemon_json; fi
