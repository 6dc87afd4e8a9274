import ipaddr from "ipaddr.js";

/** What `ACCESS` says: any of these lets a client in. */
export interface AccessRules {
  readonly open: boolean;
  readonly ranges: readonly AddressRange[];
  /** Names of tokens; their secrets are in `ACCESS_TOKENS`. */
  readonly tokens: readonly string[];
}

/** An IPv4 or IPv6 network with the length of its prefix. */
export type AddressRange = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Letters, digits and what a project's path has. It is shown in the log, so it is no secret. */
export const TOKEN_NAME: RegExp = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/;

/**
 * Reads `ACCESS`: `open`, `cidr:<network>` and `token:<name>`, parted by commas or blanks. Nothing means nobody.
 *
 * @param refuse - called with what is wrong; must throw
 */
export function parseRules(text: string, refuse: (problem: string) => never): AccessRules {
  const items = text.split(/[\s,]+/).filter((item) => item !== "");
  const ranges: AddressRange[] = [];
  const tokens = new Set<string>();
  for (const item of items) {
    const [, kind, value = ""] = /^(cidr|token):(.+)$/.exec(item) ?? [];
    if (kind === "cidr") ranges.push(readRange(value, refuse));
    else if (kind === "token" && TOKEN_NAME.test(value)) tokens.add(value);
    else if (item !== "open")
      // Not shown back: it may be a secret that was put in the wrong variable.
      refuse(
        "must be a list of open, cidr:<network> and token:<name>; the secret of a token does not belong in it",
      );
  }
  return { open: items.includes("open"), ranges, tokens: [...tokens] };
}

function readRange(text: string, refuse: (problem: string) => never): AddressRange {
  const [, address = "", length = ""] = /^([0-9a-f.:]+)\/(\d{1,3})$/i.exec(text) ?? [];
  // The parser takes 127.1 and 0x7f.0.0.1 as well: what reads in two ways is not for a rule of access.
  const isPlain = address.includes(":")
    ? ipaddr.IPv6.isValid(address)
    : ipaddr.IPv4.isValidFourPartDecimal(address);
  const bits = Number(length);
  if (!isPlain || length === "" || bits > (address.includes(":") ? 128 : 32))
    refuse(
      `has ${JSON.stringify(text)}, which is no network such as 203.0.113.0/24 or 2001:db8::/32`,
    );
  if (bits === 0)
    refuse(`has ${JSON.stringify(text)}, which is everybody: say open if you mean it`);
  const network = address.includes(":")
    ? ipaddr.IPv6.networkAddressFromCIDR(text)
    : ipaddr.IPv4.networkAddressFromCIDR(text);
  const parsed = ipaddr.parse(address);
  if (parsed.toNormalizedString() !== network.toNormalizedString())
    refuse(`has ${JSON.stringify(text)}, whose network is ${network.toString()}/${bits}`);
  return [parsed, bits];
}

/** Whether an address lies in one of the networks. An IPv4 address in IPv6's clothes is an IPv4 address. */
export function isInRange(address: string, ranges: readonly AddressRange[]): boolean {
  if (ranges.length === 0 || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  return ranges.some((range) => {
    const [network, bits] = range;
    return network.kind() === parsed.kind() && parsed.match(network, bits);
  });
}
