import type { JsonFile } from "./json-file.ts";

/**
 * Keys that dockerd reads from its configuration file: `daemon.json` is a name that other programs use too.
 *
 * @see Docker's documentation, "dockerd", section "Daemon configuration file"
 */
const DAEMON_KEYS: ReadonlySet<string> = new Set(
  `
  allow-direct-routing allow-nondistributable-artifacts api-cors-header authorization-plugins bip bip6 bridge
  bridge-accept-fwmark builder cdi-spec-dirs cgroup-parent cluster-advertise cluster-store cluster-store-opts
  config-file containerd containerd-namespace containerd-plugin-namespace cpu-rt-period cpu-rt-runtime data-root
  debug default-address-pools default-cgroupns-mode default-gateway default-gateway-v6 default-ipc-mode
  default-network-opts default-runtime default-shm-size default-ulimits deprecated-key-path disable-legacy-registry
  dns dns-opts dns-search exec-opts exec-root experimental features firewall-backend fixed-cidr fixed-cidr-v6
  graph group host-gateway-ip host-gateway-ips hosts http-proxies http-proxy https-proxy icc init init-path
  insecure-registries ip ip-forward ip-forward-no-drop ip-masq ip6tables iptables ipv6 isolated labels live-restore
  log-driver log-format log-level log-opts max-concurrent-downloads max-concurrent-uploads max-download-attempts
  metrics-addr min-api-version mtu network-control-plane-mtu no-new-privileges no-proxy node-generic-resources
  oom-score-adjust pidfile proxies raw-logs registry-mirror registry-mirrors runtimes seccomp-profile
  selinux-enabled shutdown-timeout storage-driver storage-opts swarm-default-advertise-addr tls tlscacert tlscert
  tlskey tlsverify userland-proxy userland-proxy-path userns-remap validate
  `
    .trim()
    .split(/\s+/),
);

/** An object with none of dockerd's keys is some other program's; an empty one is Docker's by its name alone. */
export function isDockers(path: string, { root }: JsonFile): boolean {
  const keys = (root.children ?? []).map(({ children }) => String(children?.[0]?.value));
  if (keys.length === 0) return /(?:^|[/._-])daemon\.json$/i.test(path);
  return keys.some((key) => DAEMON_KEYS.has(key));
}

/** The same question for a text that does not parse. */
export function mayBeDockers(path: string, source: string): boolean {
  const words = source.match(/[a-z][a-z0-9-]+/g) ?? [];
  return (
    /\.(?:j2|jinja2?|tpl|tmpl|erb)$/.test(path) ||
    /(?:^|\/)daemon\.json$/.test(path) ||
    words.some((word) => word.includes("-") && DAEMON_KEYS.has(word)) ||
    /docker/i.test(source)
  );
}
