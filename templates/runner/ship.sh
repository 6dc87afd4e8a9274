#!/bin/sh
# Ships daemon.json and config.toml from the repository to runners' hosts over SSH, and puts in force what has changed.
# One host after the other: what goes wrong on the first one never reaches the second.
#
#   RUNNER_HOSTS      user@host or user@host:port, separated by spaces
#   SSH_PRIVATE_KEY   a file with the key of that user
#   SSH_KNOWN_HOSTS   a file with the hosts' public keys: from `ssh-keyscan`, compared with what the hosts themselves show
#   RUNNER_SUDO       "true" where the user is not root; `sudo -n` must work
#   RUNNER_FILES      the folder with daemon.json and config.toml (default: the current one); one of them may be missing
#   RUNNER_DAEMON_JSON, RUNNER_CONFIG_TOML  where they go (default: /etc/docker/daemon.json, /etc/gitlab-runner/config.toml)
#   RUNNER_*          values for @RUNNER_…@ in config.toml
#
# Exit codes: 0 every host is as it should be, 1 one is not (and is as it was before), 2 wrong use, or a file is refused.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
files=${RUNNER_FILES:-.}
daemon_json=${RUNNER_DAEMON_JSON:-/etc/docker/daemon.json}
config_toml=${RUNNER_CONFIG_TOML:-/etc/gitlab-runner/config.toml}
sudo=
[ "${RUNNER_SUDO:-false}" != true ] || sudo='sudo -n'

fail() {
  echo "ship: $2" >&2
  exit "$1"
}

[ -n "${RUNNER_HOSTS:-}" ] || fail 2 "RUNNER_HOSTS is not set"
[ -f "${SSH_PRIVATE_KEY:-}" ] || fail 2 "SSH_PRIVATE_KEY must be a variable of type File"
[ -s "${SSH_KNOWN_HOSTS:-}" ] || fail 2 "SSH_KNOWN_HOSTS must be a variable of type File that names the hosts' keys"
[ -e "$files/daemon.json" ] || [ -e "$files/config.toml" ] ||
  fail 2 "there is neither daemon.json nor config.toml in $files"
for path in "$daemon_json" "$config_toml"; do
  # They become part of a command line over there.
  case $path in
    /*[!A-Za-z0-9_./-]* | [!/]*) fail 2 "$path is no plain absolute path" ;;
  esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# GitLab writes the variable's file for everybody to read, and at times without its last line's end: ssh takes neither.
{ cat "$SSH_PRIVATE_KEY" && echo; } >"$work/key"

remote() {
  # No file of this machine's decides whom to trust.
  ssh -F /dev/null -i "$work/key" -p "$port" \
    -o BatchMode=yes -o IdentitiesOnly=yes -o ConnectTimeout=15 -o ServerAliveInterval=10 -o LogLevel=ERROR \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$SSH_KNOWN_HOSTS" -o GlobalKnownHostsFile=/dev/null \
    -o UpdateHostKeys=no -- "$host" "$1"
}

# Fetches a file of the host, and its sum; a file that is not there has the sum "none".
fetch() {
  status=0
  remote "if $sudo test -e $2; then $sudo cat $2; else exit 44; fi" >"$stage/$1.before" || status=$?
  case $status in
    0) sha256sum <"$stage/$1.before" | cut -d' ' -f1 >"$stage/$1.sum" ;;
    44)
      rm "$stage/$1.before"
      echo none >"$stage/$1.sum"
      ;;
    *) fail 1 "$name: cannot be asked for $2 (ssh ended with $status)" ;;
  esac
}

ship() {
  stage="$work/stage"
  rm -rf "$stage"
  mkdir "$stage"
  for file in daemon.json config.toml; do
    [ -e "$files/$file" ] || continue
    cp "$files/$file" "$stage/$file"
    case $file in
      daemon.json) fetch "$file" "$daemon_json" ;;
      config.toml) fetch "$file" "$config_toml" ;;
    esac
  done
  node "$here/../../bot/runner/plan.ts" "$stage" || fail 2 "$name: refused; nothing was changed"
  if [ ! -e "$stage/daemon.json" ] && [ ! -e "$stage/config.toml" ]; then
    echo "$name: nothing has changed"
    return
  fi
  rm -f "$stage"/*.before
  cp "$here/apply.sh" "$stage"
  # By standard input: no secret in a command line, and nothing left behind where the connection breaks. (Over there a
  # signal waits until apply.sh has ended.)
  status=0
  tar -C "$stage" -cf - . | remote "umask 077 && d=\$(mktemp -d) && trap 'rm -rf \"\$d\"' EXIT HUP INT TERM && tar -C \"\$d\" -xf - && $sudo sh \"\$d/apply.sh\" $daemon_json $config_toml" ||
    status=$?
  [ "$status" -eq 0 ] || fail 1 "$name: not put in force (ended with $status); see above"
  echo "$name: done"
}

for name in $RUNNER_HOSTS; do
  case $name in
    -* | *[!A-Za-z0-9_.@:-]*) fail 2 "$name is no user@host or user@host:port" ;;
  esac
  port=22
  host=$name
  case $name in
    *:*)
      port=${name##*:}
      host=${name%:*}
      ;;
  esac
  ship
done
