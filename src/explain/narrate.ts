/**
 * Turns a plan and the records of what was really called into lines for a reader: what, with which call, how long, and why.
 * Pure: lines in, lines out. The same narrator serves a whole trace and a start that is still going on.
 */

import type { Bilingual, Lang } from "../base/lang";
import type { Lane, Phase, Plan, Step } from "../plan/steps";
import type { CallRecord, Trace } from "../plan/trace";
import { renderCall } from "./calls";
import { lessonOf } from "./catalogue";
import type { Act } from "./catalogue";
import { abbreviateIds, isHousekeeping, microseconds, runsOf, tally } from "./fold";
import { padEnd, padStart, stringWidth, wrap, wrapCall } from "./width";
import { ACTS, ACT_MEANING, ACT_ORDER, LANES, PHASES, WORDS } from "./words";

export interface NarrateOptions {
  plan: Plan;
  lang: Lang;
  /** Terminal columns; below 40 is taken as 40. */
  width: number;
  colour: boolean;
  /** "steps": the calls that matter, repetitions folded. "calls": every recorded call in full. */
  detail: "steps" | "calls";
  /** Also what breaks without the step, how to see it, and where to read on. */
  lesson?: boolean;
  /** Architecture of the recording, in node's words. */
  arch?: string;
}

const INDENT = 4;
const STYLES = {
  bold: "1",
  dim: "2",
  red: "31",
  green: "32",
  cyan: "36",
  heading: "1;36",
} as const;

interface Sum {
  steps: number;
  calls: number;
  ns: bigint;
}
const newSum = (): Sum => ({ steps: 0, calls: 0, ns: 0n });

function add<K>(map: Map<K, Sum>, key: K, calls: readonly CallRecord[], steps: number): void {
  const sum = map.get(key) ?? newSum();
  sum.steps += steps;
  sum.calls += calls.length;
  for (const call of calls) sum.ns += call.durationNs;
  map.set(key, sum);
}

/** Tells a start step by step; every method gives lines to print. */
export class Narrator {
  private readonly width: number;
  private readonly numberWidth: number;
  private readonly laneWidth: number;
  private readonly steps: ReadonlyMap<string, { step: Step; number: number }>;
  private phase: Phase | undefined;
  private readonly saidWhy = new Set<string>();
  private readonly lanes = new Map<Lane, Sum>();
  private readonly acts = new Map<Act, Sum>();
  private readonly phases = new Map<Phase, Sum>();
  private tolerated = 0;
  private first: bigint | undefined;
  private last = 0n;

  constructor(private readonly options: NarrateOptions) {
    this.width = Math.max(40, options.width);
    const { steps } = options.plan;
    this.steps = new Map(steps.map((step, index) => [step.id, { step, number: index + 1 }]));
    this.numberWidth = steps.length.toString().length;
    this.laneWidth = Math.max(...Object.values(LANES).map((lane) => stringWidth(lane[options.lang])));
  }

  private say(text: Bilingual): string {
    return text[this.options.lang];
  }

  private paint(text: string, style: keyof typeof STYLES): string {
    return this.options.colour && text !== "" ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text;
  }

  /** Lines before the first step. */
  opening(): string[] {
    return wrap(this.say(WORDS.opening(this.options.plan.steps.length)), this.width);
  }

  /**
   * One step that has been executed, with the calls that it made, in order. `failed`: the start ended here; otherwise it
   * went on, so whatever error a call gave was one that the step allows for. Unknown ids are told as calls outside the plan.
   */
  step(stepId: string, calls: readonly CallRecord[], failed = false): string[] {
    const known = this.steps.get(stepId);
    if (known === undefined) return this.others(calls);
    const { step, number } = known;
    const lesson = lessonOf(step);
    this.count(step, lesson.act, calls, failed);
    const out = this.headingFor(step.phase);
    out.push(...this.titleLines(step, number, lesson.act, this.say(lesson.title)));
    out.push(...this.callLines(step, calls, failed));
    out.push(...this.whyLines(this.say(lesson.why)));
    if (this.options.lesson === true) {
      out.push(...this.body(this.say(WORDS.without) + this.say(lesson.without)));
      const place = this.say(WORDS[lesson.observe.where]);
      const colon = this.say(WORDS.colon);
      out.push(
        ...this.body(`${this.say(WORDS.see)} (${place})${colon}${lesson.observe.command}`),
        ...this.body(this.say(lesson.observe.shows), INDENT),
        ...this.body(this.say(WORDS.read) + lesson.man.join(", ")),
      );
    }
    return out;
  }

  /** Instead of the steps from `first` to `last`, when the start has failed before them. */
  unreached(first: number, last: number): string[] {
    return ["", ...wrap(this.say(WORDS.notReached(first, last)), this.width).map((line) => this.paint(line, "red"))];
  }

  private silence(step: Step): Bilingual {
    if (step.kind === "execute") return WORDS.noReturn;
    return step.kind === "synchronize" ? WORDS.rendezvous : WORDS.notRecorded;
  }

  private count(step: Step, act: Act, calls: readonly CallRecord[], failed: boolean): void {
    add(this.lanes, step.lane, calls, 1);
    add(this.acts, act, calls, 1);
    add(this.phases, step.phase, calls, 1);
    this.clock(calls);
    this.tolerated += calls.filter((call) => call.errno !== undefined).length - (failed ? 1 : 0);
  }

  private clock(calls: readonly CallRecord[]): void {
    for (const call of calls) {
      if (this.first === undefined || call.startNs < this.first) this.first = call.startNs;
      const end = call.startNs + call.durationNs;
      if (end > this.last) this.last = end;
    }
  }

  private headingFor(phase: Phase): string[] {
    if (phase === this.phase) return [""];
    this.phase = phase;
    const { name, sentence } = PHASES[phase];
    const title = ` ${this.say(name)} `;
    const rule = `──${title}${"─".repeat(Math.max(0, this.width - stringWidth(title) - 2))}`;
    return ["", this.paint(rule, "heading"), ...wrap(this.say(sentence), this.width), ""];
  }

  private titleLines(step: Step, number: number, act: Act, title: string): string[] {
    const head = `${padStart(number.toString(), this.numberWidth)} `;
    const lane = padEnd(this.say(LANES[step.lane]), this.laneWidth);
    const tag = `[${this.say(ACTS[act])}]`;
    const room = this.width - stringWidth(head) - this.laneWidth - 2 - stringWidth(tag) - 1;
    const lines = wrap(title, room);
    return lines.map((line, index) => {
      if (index > 0) return " ".repeat(stringWidth(head) + this.laneWidth + 2) + this.paint(line, "bold");
      const marked = this.paint(lane, step.lane === "parent" ? "green" : "cyan");
      return `${head}${marked}  ${this.paint(line, "bold")}${" ".repeat(Math.max(1, room + 1 - stringWidth(line)))}${this.paint(tag, "dim")}`;
    });
  }

  private margin(extra = 0): string {
    return " ".repeat(this.numberWidth + 1 + INDENT + extra);
  }

  private body(text: string, extra = 0): string[] {
    const margin = this.margin(extra);
    return wrap(text, this.width - margin.length).map((line) => margin + this.paint(line, "dim"));
  }

  /** A reader who has had a line once is not given it again. */
  private whyLines(why: string): string[] {
    const fresh = why.split("\n").filter((line) => line !== "" && !this.saidWhy.has(line));
    for (const line of fresh) this.saidWhy.add(line);
    return fresh.flatMap((line) => this.body(line));
  }

  private callLine(call: CallRecord, remark = ""): string[] {
    const { detail, arch } = this.options;
    const stringLimit = detail === "calls" ? Number.POSITIVE_INFINITY : 96;
    const whole = renderCall(call, { stringLimit, ...(arch === undefined ? {} : { arch }) }) + remark;
    const text = detail === "calls" ? whole : abbreviateIds(whole);
    const margin = this.margin();
    const time = microseconds(call.durationNs);
    const room = this.width - margin.length - 11;
    const lines = wrapCall(text, room, INDENT);
    const lastLine = lines.pop() ?? "";
    const style = call.errno !== undefined && remark === "" ? "red" : "cyan";
    const end = `${margin}${this.paint(lastLine, style)}${padStart(time, this.width - margin.length - stringWidth(lastLine))}`;
    return [...lines.map((line) => margin + this.paint(line, style)), end];
  }

  private callLines(step: Step, calls: readonly CallRecord[], failed: boolean): string[] {
    if (calls.length === 0) return this.body(this.say(this.silence(step)));
    const fatal = failed ? calls.at(-1) : undefined;
    const remarkOf = (call: CallRecord): string => (call.errno !== undefined && call !== fatal ? this.say(WORDS.tolerated) : "");
    if (this.options.detail === "calls") return calls.flatMap((call) => this.callLine(call, remarkOf(call)));
    const matters = calls.filter((call) => call === fatal || !isHousekeeping(call));
    const told = matters.length > 0 ? matters : calls;
    const out: string[] = [];
    for (const run of runsOf(told)) {
      const fold = run.length > 3;
      for (const call of fold ? run.slice(0, 2) : run) out.push(...this.callLine(call, remarkOf(call)));
      if (fold) out.push(...this.remark(this.say(WORDS.alike(run.length - 2)), run.slice(2)));
    }
    const rest = matters.length > 0 ? calls.filter((call) => !matters.includes(call)) : [];
    if (rest.length > 0) out.push(...this.remark(this.say(WORDS.further(tally(rest))), rest));
    return out;
  }

  private remark(text: string, calls: readonly CallRecord[]): string[] {
    const margin = this.margin();
    const time = microseconds(calls.reduce((sum, call) => sum + call.durationNs, 0n));
    const lines = wrap(text, this.width - margin.length - 11);
    const lastLine = lines.pop() ?? "";
    return [
      ...lines.map((line) => margin + this.paint(line, "dim")),
      margin + this.paint(lastLine, "dim") + padStart(time, this.width - margin.length - stringWidth(lastLine)),
    ];
  }

  private others(calls: readonly CallRecord[]): string[] {
    if (calls.length === 0) return [];
    this.clock(calls);
    for (const lane of ["parent", "child"] as const) {
      const own = calls.filter((call) => call.lane === lane);
      if (own.length > 0) add(this.lanes, lane, own, 0);
    }
    return ["", this.paint(this.say(WORDS.elsewhere), "heading"), ...calls.flatMap((call) => this.callLine(call))];
  }

  /** Totals: per act, per lane, per phase, and from the first call to the last. */
  closing(): string[] {
    const title = ` ${this.say(WORDS.totals)} `;
    const out = ["", this.paint(`──${title}${"─".repeat(Math.max(0, this.width - stringWidth(title) - 2))}`, "heading")];
    const row = (name: string, sum: Sum, note: string): void => {
      const count = this.say(WORDS.count(sum.steps, sum.calls));
      const time = microseconds(sum.ns);
      const left = padEnd(name, 17) + padEnd(count, 20) + padStart(time, 11);
      const whole = note === "" ? left : `${left}  ${note}`;
      if (stringWidth(whole) <= this.width) out.push(whole);
      else if (stringWidth(left) <= this.width) out.push(left);
      else out.push(...wrap(`${name}${this.say(WORDS.colon)}${count}, ${time}`, this.width));
    };
    for (const act of ACT_ORDER) row(this.say(ACTS[act]), this.acts.get(act) ?? newSum(), this.say(ACT_MEANING[act]));
    out.push("");
    for (const lane of ["parent", "child"] as const) row(this.say(LANES[lane]), this.lanes.get(lane) ?? newSum(), "");
    out.push("");
    for (const [phase, sum] of this.phases) row(this.say(PHASES[phase].name), sum, "");
    const last: string[] = [];
    if (this.first !== undefined) {
      const span = microseconds(this.last - this.first);
      last.push(`${this.say(WORDS.wall)}${this.say(WORDS.colon)}${span}`);
    }
    if (this.tolerated > 0) last.push(this.say(WORDS.failed(this.tolerated)));
    if (last.length > 0) out.push("", ...last.flatMap((line) => wrap(line, this.width)));
    return out;
  }
}

export interface NarrateWhole extends NarrateOptions {
  trace: Trace;
  /** Step at which the start failed: what comes after it was not reached. */
  failedStepId?: string | undefined;
}

/**
 * The whole story of a start: opening, every step of the plan with its calls, totals. Steps keep the plan's order;
 * records of steps that the plan does not have come at the end.
 */
export function narrate(options: NarrateWhole): string[] {
  const narrator = new Narrator(options);
  const byStep = new Map<string, CallRecord[]>();
  for (const record of options.trace) {
    const list = byStep.get(record.stepId);
    if (list === undefined) byStep.set(record.stepId, [record]);
    else list.push(record);
  }
  const out = narrator.opening();
  const { steps } = options.plan;
  const failedAt = steps.findIndex(({ id }) => id === options.failedStepId);
  const reached = failedAt === -1 ? steps : steps.slice(0, failedAt + 1);
  for (const { id } of reached) {
    out.push(...narrator.step(id, byStep.get(id) ?? [], id === options.failedStepId));
    byStep.delete(id);
  }
  if (reached.length < steps.length) out.push(...narrator.unreached(reached.length + 1, steps.length));
  for (const [id, calls] of byStep) out.push(...narrator.step(id, calls));
  out.push(...narrator.closing());
  return out;
}
