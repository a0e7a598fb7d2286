import type { Duration } from '../std/duration.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { bytesOf, requireFlag, requireString } from '../std/validate.ts'

const MIB = 1024 * 1024
const MIN_BYTES = 8 * MIB
const MAX_BYTES = 1024 * 1024 * MIB

/** What is kept of a fleet, where, and for how long. */
export interface RecorderOptions {
  // <RECORDER_OPTIONS> written by `npm run docs:api` from the table in src/config/recorderOptions.ts
  /**
   * SQLite file of the recorder, relative to the working directory. Default: beside a SQLite broker, as
   * `shop-recorder.db` for `shop.db`; else `recorder-<broker>.db`, as `recorder-redis-localhost-6379-0-1a2b3c4d.db`,
   * beside a SQLite result backend or in the folder `.celeriac` of the application; in memory with `memory:`.
   */
  file?: string | undefined
  /** Size of its data: above it, the oldest events and jobs are dropped. Default `'1 GiB'`. */
  maxBytes?: number | string | undefined
  /** How long a job is kept after it was first seen. Default `'7d'`. */
  jobs?: Duration | undefined
  /** How long each event is kept as it came. Default `'1d'`. */
  events?: Duration | undefined
  /** How long the hours of the statistics, and the audit log, are kept. Default `'90d'`. */
  stats?: Duration | undefined
  // </RECORDER_OPTIONS>
}

/** Parsed: times in ms. */
export interface RecorderLimits {
  readonly file: string | undefined
  readonly maxBytes: number
  readonly jobs: number
  readonly events: number
  readonly stats: number
}

/** `on`: workers, servers and beats of the app record. `asked`: only what is started for it. `off`: nothing may. */
export interface RecorderConfig extends RecorderLimits {
  readonly mode: 'on' | 'asked' | 'off'
}

export const RECORDER_OPTIONS: OptionTable<RecorderOptions, RecorderLimits> = {
  file: {
    kind: 'value',
    type: 'string',
    check: requireString,
    absent:
      'beside a SQLite broker, as `shop-recorder.db` for `shop.db`; else `recorder-<broker>.db`, as `recorder-redis-localhost-6379-0-1a2b3c4d.db`, beside a SQLite result backend or in the folder `.celeriac` of the application; in memory with `memory:`',
    doc: 'SQLite file of the recorder, relative to the working directory',
  },
  maxBytes: {
    kind: 'value',
    type: 'number | string',
    parse: (value, where) => bytesOf(value, where, MIN_BYTES, MAX_BYTES),
    default: '1 GiB',
    doc: 'size of its data: above it, the oldest events and jobs are dropped',
  },
  jobs: { kind: 'duration', default: '7d', doc: 'how long a job is kept after it was first seen' },
  events: { kind: 'duration', default: '1d', doc: 'how long each event is kept as it came' },
  stats: {
    kind: 'duration',
    default: '90d',
    doc: 'how long the hours of the statistics, and the audit log, are kept',
  },
}

/** The option `recorder` of an app. Throws ArgumentError. */
export function parseRecorder(value: boolean | RecorderOptions | undefined): RecorderConfig {
  if (typeof value !== 'object') {
    if (value !== undefined) requireFlag(value, 'recorder')
    const mode = value === undefined ? 'asked' : value ? 'on' : 'off'
    return { ...readOptions(RECORDER_OPTIONS, {}, 'recorder'), mode }
  }
  return { ...readOptions(RECORDER_OPTIONS, value, 'recorder'), mode: 'on' }
}
