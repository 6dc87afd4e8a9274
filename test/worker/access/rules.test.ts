import { expect, test } from "vitest";
import { isInRange, parseRules } from "../../../worker/access/rules.ts";

function refuse(problem: string): never {
  throw new Error(problem);
}

test("rules are a list, parted by commas and blanks", () => {
  const rules = parseRules(
    "open, token:shop\ncidr:203.0.113.0/24  cidr:2001:DB8::/32,token:acme/ci",
    refuse,
  );
  expect(rules).toMatchObject({ open: true, tokens: ["shop", "acme/ci"] });
  expect(rules.ranges.map(([network, bits]) => `${network.toString()}/${bits}`)).toEqual([
    "203.0.113.0/24",
    "2001:db8::/32",
  ]);
});

test.each(["", " ", ",\n"])("%j lets nobody in", (text) => {
  expect(parseRules(text, refuse)).toEqual({ open: false, ranges: [], tokens: [] });
});

test.each([
  "everybody",
  "OPEN",
  "open:yes",
  "token:",
  "token:a b",
  "token:-x",
  "token:a:k3ys3cr3tk3ys3cr3tk3y",
  "cidr:",
  "cidr:203.0.113.7",
  "cidr:203.0.113.0/33",
  "cidr:203.0.113.0/-1",
  "cidr:203.0.113.0/24/8",
  "cidr:203.0.113.5/24",
  "cidr:203.0.113/24",
  "cidr:0xcb.0.113.0/24",
  "cidr:0313.0.113.0/24",
  "cidr:3405803776/24",
  "cidr:0.0.0.0/0",
  "cidr:::/0",
  "cidr:2001:db8::/129",
  "cidr:2001:db8::1/32",
  "cidr:fe80::%eth0/64",
  "cidr:mirror.example.com/24",
])("%s is refused", (text) => {
  expect(() => parseRules(text, refuse)).toThrow(/^(?:must be|has) /);
});

test("what may be a secret in the wrong variable is not shown back", () => {
  expect(() => parseRules("token:shop:k3ys3cr3tk3ys3cr3tk3y", refuse)).toThrow(/^[^3]*$/);
});

const { ranges } = parseRules(
  "cidr:203.0.113.0/24 cidr:2001:db8:1::/48 cidr:198.51.100.7/32",
  refuse,
);

test.each([
  ["203.0.113.0", true],
  ["203.0.113.255", true],
  ["203.0.114.0", false],
  ["203.0.112.255", false],
  ["198.51.100.7", true],
  ["198.51.100.8", false],
  ["2001:db8:1::1", true],
  ["2001:0DB8:0001:ffff:ffff:ffff:ffff:ffff", true],
  ["2001:db8:2::", false],
  ["::ffff:203.0.113.9", true],
  ["::ffff:203.0.114.9", false],
  ["", false],
  ["unknown", false],
  ["203.0.113.9, 10.0.0.1", false],
  ["203.0.113.9:1234", false],
  ["1e400", false],
])("%j is in the networks: %s", (address, expected) => {
  expect(isInRange(address, ranges)).toBe(expected);
});

test("without networks no address is in one", () => {
  expect(isInRange("203.0.113.1", [])).toBe(false);
});
