/**
 * What the OCI resources ask for, as files and values of both cgroup versions. Values that contradict each other are refused here, before
 * anything is made.
 */

import { GlassboxError } from "../base/errors";
import type { Bilingual } from "../base/lang";
import type { LimitName, LimitSpec } from "./cgroup-limits";
import type { OciResources } from "./oci";
import type { SetCgroupLimit } from "./steps";

export interface WishRequest {
  resources: OciResources;
  facts: { swapLimit?: boolean };
  current?: { memory: number; memorySwap: number } | undefined;
}

/** A value that somebody asked for, in the vocabulary of LIMITS. */
export interface Wish {
  name: LimitName;
  controller: LimitSpec["controller"];
  flag: string;
  /** v1 file and value pairs, in the order in which they are written. */
  v1: [file: string, value: string, readBack: SetCgroupLimit["readBack"]][];
  v2: [file: string, value: string, readBack: SetCgroupLimit["readBack"]];
}

/**
 * v1 shares (2…262144, default 1024) as a v2 weight (1…10000, default 100): 10^((l² + 125 l) / 612 - 7/34) with l = log2(shares), rounded up.
 * The formula of runc since 1.3.2 and crun since 1.23. The linear one before it gave 39 to the default 1024, so that a
 * container which asked for twice the default got less than one which asked for nothing (opencontainers/runc#4772).
 */
export function sharesToWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const l = Math.log2(shares);
  // The subtraction keeps 1024 at 100: floating point lands a hair above it.
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34) - 1e-9);
}

/** The refusal of a value, in the one form that the cgroup flags use. */
export function badFlag(what: string, why: Bilingual, hint: Bilingual): GlassboxError {
  return new GlassboxError({ code: "bad-flag", what, why, hint });
}

/** OCI: absent or not positive means no limit, which is what a new cgroup has; such a wish needs no write. */
const isSet = (value: number | undefined): value is number => value !== undefined && value > 0;

function memoryWishes({ resources, facts, current }: WishRequest): Wish[] {
  const { limit, swap, reservation } = resources.memory ?? {};
  const wishes: Wish[] = [];
  if (isSet(limit)) {
    const value = String(limit);
    wishes.push({
      name: "memory.max",
      controller: "memory",
      flag: "--memory",
      v1: [["memory.limit_in_bytes", value, "number"]],
      v2: ["memory.max", value, "number"],
    });
  }
  if (isSet(swap)) {
    if (!isSet(limit)) {
      throw badFlag(
        `--memory-swap ${swap} is given without --memory`,
        {
          en: "it is the sum of memory and swap, so it means nothing without the first",
          zh: "它是内存与交换空间之和，缺了内存就没有意义",
        },
        { en: "add --memory", zh: "加上 --memory" },
      );
    }
    if (swap < limit) {
      throw badFlag(
        `--memory-swap ${swap} is smaller than --memory ${limit}`,
        { en: "it is the sum of memory and swap", zh: "它是内存与交换空间之和" },
        {
          en: "give at least the value of --memory (which means no swap), or -1 for no limit on swap",
          zh: "至少写成 --memory 的值（即不用交换空间），或写 -1 表示不限交换空间",
        },
      );
    }
    if (facts.swapLimit === false) {
      throw new GlassboxError({
        code: "no-cgroup-controller",
        what: `--memory-swap ${swap} cannot be kept`,
        why: {
          en: "this kernel does not account swap: the memory hierarchy has no memory.memsw.limit_in_bytes",
          zh: "内核没有统计交换空间：memory 层级里没有 memory.memsw.limit_in_bytes",
        },
        hint: {
          en: "boot with swapaccount=1, or leave --memory-swap out",
          zh: "用内核参数 swapaccount=1 启动，或去掉 --memory-swap",
        },
      });
    }
    const wish: Wish = {
      name: "memory.swap.max",
      controller: "memory",
      flag: "--memory-swap",
      v1: [["memory.memsw.limit_in_bytes", String(swap), "number"]],
      v2: ["memory.swap.max", String(swap - limit), "number"],
    };
    // v1 keeps memory <= memory+swap at every moment: when both go up past the present sum, the sum goes first.
    if (current && limit > current.memorySwap) wishes.unshift(wish);
    else wishes.push(wish);
  }
  if (isSet(reservation)) {
    const value = String(reservation);
    wishes.push({
      name: "memory.low",
      controller: "memory",
      flag: "--memory-reservation",
      v1: [["memory.soft_limit_in_bytes", value, "number"]],
      v2: ["memory.low", value, "number"],
    });
  }
  return wishes;
}

function cpuWishes(resources: OciResources): Wish[] {
  const { shares, quota, period, cpus, mems } = resources.cpu ?? {};
  const wishes: Wish[] = [];
  if (isSet(shares)) {
    // The kernel clamps silently; the plan shows the value that will be there.
    const value = String(Math.min(262144, Math.max(2, shares)));
    wishes.push({
      name: "cpu.weight",
      controller: "cpu",
      flag: "--cpu-shares",
      v1: [["cpu.shares", value, "exact"]],
      v2: ["cpu.weight", String(sharesToWeight(shares)), "exact"],
    });
  }
  if (isSet(quota) || isSet(period)) {
    if ((isSet(quota) && quota < 1000) || (isSet(period) && (period < 1000 || period > 1_000_000))) {
      throw badFlag(
        `cpu quota ${quota ?? "max"} in a period of ${period ?? 100000} microseconds is out of range`,
        {
          en: "the kernel takes a quota of at least 1000 and a period of 1000 to 1000000 microseconds",
          zh: "内核要求配额不小于 1000 微秒，周期在 1000 到 1000000 微秒之间",
        },
        { en: "ask for at least --cpus 0.01", zh: "--cpus 至少写 0.01" },
      );
    }
    const v1: Wish["v1"] = [];
    // The period first: a quota is judged against the period that is there.
    if (isSet(period)) v1.push(["cpu.cfs_period_us", String(period), "exact"]);
    if (isSet(quota)) v1.push(["cpu.cfs_quota_us", String(quota), "exact"]);
    const both = `${isSet(quota) ? quota : "max"} ${isSet(period) ? period : 100000}`;
    wishes.push({
      name: "cpu.max",
      controller: "cpu",
      flag: isSet(quota) ? "--cpus" : "--cpu-period",
      v1,
      v2: ["cpu.max", both, "exact"],
    });
  }
  // The kernel writes a list in its own way ("0,1" becomes "0-1"), so text cannot be compared.
  if (cpus)
    wishes.push({ name: "cpuset.cpus", controller: "cpuset", flag: "--cpuset-cpus", v1: [], v2: ["cpuset.cpus", cpus, "none"] });
  if (mems)
    wishes.push({ name: "cpuset.mems", controller: "cpuset", flag: "--cpuset-mems", v1: [], v2: ["cpuset.mems", mems, "none"] });
  return wishes;
}

function pidsWishes(resources: OciResources): Wish[] {
  const limit = resources.pids?.limit;
  if (!isSet(limit)) return [];
  const value = String(limit);
  return [
    {
      name: "pids.max",
      controller: "pids",
      flag: "--pids-limit",
      v1: [["pids.max", value, "exact"]],
      v2: ["pids.max", value, "exact"],
    },
  ];
}

/**
 * All that was asked for, in the order in which it is to be written. No limit (absent, 0, -1) is what a new cgroup has and makes no wish.
 * Throws "bad-flag", and "no-cgroup-controller" for swap that the kernel does not account.
 */
export function wishes(request: WishRequest): Wish[] {
  return [...memoryWishes(request), ...cpuWishes(request.resources), ...pidsWishes(request.resources)];
}
