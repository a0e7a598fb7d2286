import type { Event } from '../protocol/event.ts'
import { countIn, numberIn, textIn } from './limits.ts'

/** Celery's default for a worker that has sent events of tasks alone, s. */
const DEFAULT_FREQUENCY_S = 60
/** A worker is alive for so many intervals of its heartbeats after the last one. */
const ALIVE_INTERVALS = 2
/** Longest interval that is accepted, s. */
const MAX_FREQUENCY_S = 86_400
const MAX_TEXT_LENGTH = 200

/** A worker, as its events describe it. */
export class ClusterWorker {
  readonly hostname: string
  /** Pause between its heartbeats, s. */
  freq: number = DEFAULT_FREQUENCY_S
  pid: number | undefined
  /** How many tasks run. */
  active: number | undefined
  /** How many runs have begun. */
  processed: number | undefined
  /** Of its machine, over 1, 5 and 15 minutes. */
  loadavg: readonly number[] | undefined
  /** `py-celery`, or `celeriac`. */
  software: string | undefined
  version: string | undefined
  system: string | undefined
  /** When its last sign of life came, ms since the epoch, by the clock here; 0 after its end. */
  seen = 0

  constructor(hostname: string) {
    this.hostname = hostname
  }

  /** Celery's rule. `now`: ms since the epoch. */
  isAlive(now: number): boolean {
    return now < this.seen + this.freq * ALIVE_INTERVALS * 1000
  }

  /** An event of this worker came. `now`: ms since the epoch. */
  see(now: number): void {
    if (now > this.seen) this.seen = now
  }

  /** It has stopped. */
  end(): void {
    this.seen = 0
  }

  /** It says this of itself. What is of a wrong type is left as it was. */
  update(event: Event): void {
    const { freq, pid, active, processed, loadavg, sw_ident, sw_ver, sw_sys } = event
    this.freq = numberIn(freq, 0, MAX_FREQUENCY_S) ?? this.freq
    this.pid = countIn(pid) ?? this.pid
    this.active = countIn(active) ?? this.active
    this.processed = countIn(processed) ?? this.processed
    this.loadavg = loadIn(loadavg) ?? this.loadavg
    this.software = textIn(sw_ident, MAX_TEXT_LENGTH) ?? this.software
    this.version = textIn(sw_ver, MAX_TEXT_LENGTH) ?? this.version
    this.system = textIn(sw_sys, MAX_TEXT_LENGTH) ?? this.system
  }
}

function loadIn(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value)) return undefined
  const numbers = value.slice(0, 3).filter((one) => typeof one === 'number')
  return numbers.length === 3 ? numbers : undefined
}
