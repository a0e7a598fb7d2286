import type { Arg } from './connection/connection.ts'

/**
 * Named arguments of a script: their order is stated once, for the Lua that reads them and the TypeScript that writes
 * them.
 */
export class ScriptArguments<Name extends string> {
  /** Takes them into locals of these names: from ARGV[at] on, and moves the script's local `at` behind them. */
  readonly lua: string
  /** The same for locals that are there. */
  readonly assigned: string
  /** How many. */
  readonly count: number
  readonly #names: readonly Name[]

  constructor(...names: readonly Name[]) {
    this.#names = names
    this.count = names.length
    const taken = names.map((_, number) => `ARGV[at + ${number}]`)
    this.assigned = `${names.join(', ')} = ${taken.join(', ')} at = at + ${names.length}`
    this.lua = `local ${this.assigned}`
  }

  of(values: Readonly<Record<Name, Arg>>): Arg[] {
    return this.#names.map((name) => values[name])
  }
}

/** A record, as `store` and `unwritable` of `recordScript.ts` want it. `record_key` is empty where there is none. */
export const RECORD: ScriptArguments<'record_key' | 'record' | 'status' | 'record_ttl'> = new ScriptArguments(
  'record_key',
  'record',
  'status',
  'record_ttl',
)

/**
 * A note. `note_key` is empty where there is none. `note_ttl`: ms; then, if the note under its key must have a value,
 * `=` and that value; else there must be none. (One argument: staged members lie in Redis with as many as these.)
 */
export const NOTE: ScriptArguments<'note_key' | 'note' | 'note_ttl'> = new ScriptArguments(
  'note_key',
  'note',
  'note_ttl',
)

/** Submission metadata, and where the index has the job. `metadata_key` is empty where there is none. */
export const METADATA: ScriptArguments<'metadata_key' | 'metadata' | 'metadata_ttl' | 'id' | 'score'> =
  new ScriptArguments('metadata_key', 'metadata', 'metadata_ttl', 'id', 'score')

/**
 * A message, as `send` of `broker/sending.ts` wants it. `kind` is `push`, into the list `target`; `route`, to an
 * exchange, or `lane`, into a lane, as `target` says; `park`, kept under the tag `target` until `time`, seconds since
 * the epoch; `park lane`, the same for lanes, where the tag follows the time; `bury`, kept as a dead letter; or empty
 * where there is none.
 */
export const MESSAGE: ScriptArguments<'kind' | 'target' | 'time' | 'text'> = new ScriptArguments(
  'kind',
  'target',
  'time',
  'text',
)

/**
 * How a delivery ends, `ack` or `requeue` (`write`: there is none), and how many other records and messages follow its
 * record.
 */
export const ENDING: ScriptArguments<'ending' | 'others' | 'messages'> = new ScriptArguments(
  'ending',
  'others',
  'messages',
)

/**
 * What a settlement does to chords: how many parts and opened chords follow its messages; the group of the chord that
 * it closes ('': none); and the name of its staged messages ('': none), with their number.
 */
export const JOINING: ScriptArguments<'parts' | 'opens' | 'closes' | 'staged' | 'staged_count'> = new ScriptArguments(
  'parts',
  'opens',
  'closes',
  'staged',
  'staged_count',
)

/**
 * The usual settlement of a member of a header, `ending` being `member`: in place of ENDING, JOINING and PART. It is
 * acknowledged, and has a record and one part of the same chord as the last part before it.
 */
export const MEMBER: ScriptArguments<'ending' | 'part_index' | 'part_name' | 'part'> = new ScriptArguments(
  'ending',
  'part_index',
  'part_name',
  'part',
)
