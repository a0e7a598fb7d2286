import { DecodeError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'

/**
 * A task call as data (celery/canvas.py): what chains, links and chords are made of. Fields that we do not know are
 * kept.
 */
export interface SignatureData {
  readonly task: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** `task_id`, `link`, `queue`, `countdown` and so on, in Celery's names and units. */
  readonly options: Readonly<Record<string, unknown>>
  /** `chain`, `group`, `chord`, … for a canvas, null for a plain task. */
  readonly subtask_type: string | null
  /** True: it does not take its predecessor's result as first argument. */
  readonly immutable: boolean
}

/** A signature as data, or what becomes one in JSON: `task.s(…)`, a chain, a group, a chord. */
export type SignatureLike = SignatureData | { toJSON(): SignatureData }

/** The data of a signature. Throws DecodeError for what is none; `path` names it. */
export function signatureOf(value: unknown, path: string): SignatureData {
  const json = isRecord(value) || typeof value !== 'object' || value === null ? value : toJson(value)
  return readSignature(json, path)
}

function toJson(value: { toJSON?: unknown }): unknown {
  return typeof value.toJSON === 'function' ? value.toJSON() : value
}

/**
 * Read one signature; absent fields get their defaults. `path` names it in the DecodeError for anything else. Nested
 * ones are not looked into. One that is complete is returned as it is.
 */
export function readSignature(value: unknown, path: string): SignatureData {
  if (isComplete(value)) return value
  if (!isRecord(value)) throw wrong(path, 'a signature object', value)
  const { task, args = [], kwargs = {}, options = {}, subtask_type = null, immutable = false } = value
  if (typeof task !== 'string' || task === '') throw wrong(`${path}.task`, 'a task name', task)
  if (args !== null && !Array.isArray(args)) throw wrong(`${path}.args`, 'an array', args)
  if (kwargs !== null && !isRecord(kwargs)) throw wrong(`${path}.kwargs`, 'an object', kwargs)
  if (options !== null && !isRecord(options)) throw wrong(`${path}.options`, 'an object', options)
  if (subtask_type !== null && typeof subtask_type !== 'string')
    throw wrong(`${path}.subtask_type`, 'text', subtask_type)
  return {
    ...value,
    task,
    args: args ?? [],
    kwargs: kwargs ?? {},
    options: options ?? {},
    subtask_type,
    immutable: immutable === true,
  }
}

/** Read what may be nothing, one signature or a list of them, as `callbacks` and `link` are. Null for nothing. */
export function readSignatures(value: unknown, path: string): readonly SignatureData[] | null {
  if (value === undefined || value === null) return null
  return Array.isArray(value) ? readSignatureList(value, path) : [readSignature(value, path)]
}

/** Read each signature of a list. */
export function readSignatureList(list: readonly unknown[], path: string): readonly SignatureData[] {
  return list.every(isComplete) ? list : list.map((item, index) => readSignature(item, `${path}[${index}]`))
}

function isComplete(value: unknown): value is SignatureData {
  if (!isRecord(value)) return false
  const { task, args, kwargs, options, subtask_type, immutable } = value
  return (
    typeof task === 'string' &&
    task !== '' &&
    Array.isArray(args) &&
    isRecord(kwargs) &&
    isRecord(options) &&
    (subtask_type === null || typeof subtask_type === 'string') &&
    typeof immutable === 'boolean'
  )
}

/** Which options of a signature a search leaves out, by name. */
export type SkippedOption = (name: string, options: Readonly<Record<string, unknown>>) => boolean

/** Bounds of one search: a message may be built to make the search endless. */
const MAX_DEPTH = 100
const MAX_VALUES = 100_000
const MAX_IDS = 10_000

/**
 * Ids of all tasks that these values would send, at any depth: plain data from outside, signatures or not. Each with
 * its task's name. Arguments of a plain task are not searched; those of a canvas are made of signatures. Bounded: of a
 * huge value, the first ones. `isSkipped`: options that are not searched.
 */
export function idsWithin(values: readonly unknown[], isSkipped: SkippedOption = () => false): Map<string, string> {
  const ids = new Map<string, string>()
  let level: unknown[] = [...values]
  let left = MAX_VALUES
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    const next: unknown[] = []
    for (const value of level) {
      if (left-- <= 0 || ids.size >= MAX_IDS) return ids
      const inner = Array.isArray(value) ? value : isRecord(value) ? withinRecord(value, ids, isSkipped) : []
      for (const one of inner) if (typeof one === 'object' && one !== null) next.push(one)
    }
    level = next
  }
  return ids
}

/** What is to be searched in an object; the id of a signature is noted. */
function withinRecord(
  value: Readonly<Record<string, unknown>>,
  ids: Map<string, string>,
  isSkipped: SkippedOption,
): unknown[] {
  const { task, options, subtask_type, args, kwargs } = value
  if (typeof task !== 'string') return Object.values(value)
  const canvas = canvasOf({ task, subtask_type: typeof subtask_type === 'string' ? subtask_type : null }) !== undefined
  const inner = canvas ? [args, kwargs] : []
  if (!isRecord(options)) return inner
  const { task_id: id, ignore_result: ignored, headers: _, ...links } = options
  if (typeof id === 'string' && id !== '' && ignored !== true) ids.set(id, task)
  return [...inner, ...Object.keys(links).flatMap((name) => (isSkipped(name, options) ? [] : [links[name]]))]
}

const CANVAS = /^celery\.(group|chain|chord)$/

/** The kind of canvas that a signature is, as `group`; undefined for a plain task. */
export function canvasOf({ task, subtask_type }: Pick<SignatureData, 'task' | 'subtask_type'>): string | undefined {
  return subtask_type || (task.startsWith('celery.') ? CANVAS.exec(task)?.[1] : undefined)
}

function wrong(path: string, expected: string, got: unknown): DecodeError {
  return new DecodeError(
    `${path}: expected ${expected}, got ${Array.isArray(got) ? 'an array' : got === null ? 'null' : typeof got}`,
  )
}
