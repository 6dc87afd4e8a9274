import { expect, test } from "vitest";
import { FailedAttempts } from "../../../worker/access/attempts.ts";

const ADDRESS = "203.0.113.7";
const TEN_MINUTES = 600_000;

function start(): { attempts: FailedAttempts; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  return { attempts: new FailedAttempts(() => clock.now), clock };
}

function guess(attempts: FailedAttempts, address: string, times: number): void {
  for (let index = 0; index < times; index += 1) attempts.note(address, `wrong ${index}`);
}

test("ten different wrong secrets are looked at, and no more for ten minutes from the first", () => {
  const { attempts, clock } = start();
  attempts.note(ADDRESS, "first");
  clock.now += 60_000;
  guess(attempts, ADDRESS, 8);
  expect(attempts.wait(ADDRESS)).toBeNull();
  attempts.note(ADDRESS, "tenth");
  expect(attempts.wait(ADDRESS)).toBe(540);
  clock.now += 539_999;
  expect(attempts.wait(ADDRESS)).toBe(1);
  clock.now += 1;
  expect(attempts.wait(ADDRESS)).toBeNull();
});

test("the same wrong secret again and again is one", () => {
  const { attempts } = start();
  for (let index = 0; index < 1000; index += 1) attempts.note(ADDRESS, "old");
  expect(attempts.wait(ADDRESS)).toBeNull();
});

test("addresses are counted apart, and a /64 of IPv6 as one", () => {
  const { attempts } = start();
  guess(attempts, ADDRESS, 10);
  expect(attempts.wait("203.0.113.8")).toBeNull();
  expect(attempts.wait(`::ffff:${ADDRESS}`)).not.toBeNull();
  for (let index = 0; index < 10; index += 1)
    attempts.note(`2001:db8:0:1::${index}`, `wrong ${index}`);
  expect(attempts.wait("2001:db8:0:1:ffff::")).not.toBeNull();
  expect(attempts.wait("2001:db8:0:2::1")).toBeNull();
});

test("a thousand times as many addresses as it remembers take no more room, and the newest are remembered", () => {
  const { attempts, clock } = start();
  guess(attempts, ADDRESS, 10);
  for (let index = 0; index < 40_000; index += 1) {
    clock.now += 1;
    attempts.note(`address ${index}`, "wrong");
  }
  // The oldest was forgotten for them.
  expect(attempts.wait(ADDRESS)).toBeNull();
  guess(attempts, "address 39999", 10);
  expect(attempts.wait("address 39999")).not.toBeNull();
});

test("a window that is over makes room at its place in the order", () => {
  const { attempts, clock } = start();
  guess(attempts, ADDRESS, 10);
  clock.now += TEN_MINUTES;
  guess(attempts, ADDRESS, 10);
  expect(attempts.wait(ADDRESS)).toBe(600);
});
