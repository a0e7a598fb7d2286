import { ArgumentError, DecodeError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { NO_HEADERS } from './callHeaders.ts'
import { decompress } from './compression.ts'
import { encodePlain } from './encoding.ts'
import { CODEC_HEADER, type Envelope, unopened } from './envelope.ts'
import { isoTime } from './iso.ts'
import { type BodyParts, readMemberBody } from './memberBody.ts'
import { reprArgs, reprKwargs } from './repr.ts'
import { CONTENT_TYPES, deserialize, type SerializerName, write } from './serializer.ts'
import { readSignature, readSignatures, type SignatureData } from './signature.ts'

/*
 * A task call as data, and its two forms on the wire: Celery's message protocol 2, written and read,
 * and protocol 1, which is only read (celery-wire §1).
 */

/** What follows from a task: third part of the body. */
export interface Embed {
  readonly callbacks: readonly SignatureData[] | null
  readonly errbacks: readonly SignatureData[] | null
  /** The rest of the chain, reversed: the next task is the last element. */
  readonly chain: readonly SignatureData[] | null
  readonly chord: SignatureData | null
}

/** No links, no chain, no chord. */
export const NOTHING_EMBEDDED: Embed = { callbacks: null, errbacks: null, chain: null, chord: null }

/** What is known of a task before its body is read. */
export interface TaskHead {
  readonly id: string
  readonly task: string
  /** Not before this time: ISO 8601, kept as text for its microseconds. `isoTime` reads it. */
  readonly eta?: string
  /** Not after this time: ISO 8601. */
  readonly expires?: string
  /** How often it was retried before: 0 at the first attempt. */
  readonly retries: number
  /** Hard limit in milliseconds. */
  readonly timeLimit?: number
  /** Soft limit in milliseconds. */
  readonly softTimeLimit?: number
  /** Id of the first task of the tree; its own id there. */
  readonly rootId: string
  /** Id of the task that sent this one. */
  readonly parentId?: string
  readonly group?: string
  readonly groupIndex?: number
  /** Who sent it, as `gen123@host`. */
  readonly origin?: string
  readonly ignoreResult: boolean
  readonly priority?: number
  /** Queue for results by rpc. */
  readonly replyTo?: string
  /** Custom headers: plain JSON data. */
  readonly headers: Readonly<Record<string, unknown>>
  /** Name shown to people in place of the task's. */
  readonly shadow?: string
  /** How often the task replaced itself. */
  readonly replacedTaskNesting?: number
  /** Names of the stamps, and their values. */
  readonly stampedHeaders?: readonly string[]
  readonly stamps?: Readonly<Record<string, unknown>>
  /** Arguments for people to read; when encoding, absent means made from the arguments. */
  readonly argsrepr?: string
  readonly kwargsrepr?: string
  /** Milliseconds from sending until `expires`, for brokers that drop what is too old. */
  readonly expiration?: number
  /** 2 (the default) is persistent, 1 is not. */
  readonly deliveryMode?: 1 | 2
}

/** A task call as data. */
export interface TaskMessage extends TaskHead {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly embed: Embed
}

/** Headers that mean something to Celery: a custom header may not bear such a name. */
const PROTOCOL_HEADERS: ReadonlySet<string> = new Set(
  `lang task id shadow eta expires group group_index retries timelimit root_id parent_id argsrepr kwargsrepr origin
  ignore_result replaced_task_nesting stamped_headers stamps compression ${CODEC_HEADER}`.split(/\s+/),
)

/**
 * Write protocol 2. Throws EncodeError for arguments that cannot be sent, ArgumentError for a custom header with a
 * protocol name. `typed`: whether its readers know Celery's typed JSON (kombu >= 5.3).
 */
export function encodeTask(message: TaskMessage, serializer: SerializerName, typed = true): Envelope {
  const { id, args, kwargs, embed } = message
  const body = [
    encodePlain(args, 'args', serializer, 1, typed),
    encodePlain(kwargs, 'kwargs', serializer, 1, typed),
    encodePlain(embed, 'embed', serializer, 1, typed),
  ]
  const written = write(body, serializer)
  return {
    headers: encodeHeaders(message),
    properties: {
      contentType: written.contentType,
      contentEncoding: written.contentEncoding,
      correlationId: id,
      replyTo: message.replyTo,
      priority: message.priority,
      expiration: message.expiration === undefined ? undefined : String(Math.max(0, Math.round(message.expiration))),
      deliveryMode: message.deliveryMode ?? 2,
    },
    body: written.body,
  }
}

/** Encodes messages that differ from an encoded one in id, arguments and place in their group alone. */
export class LikeEncoder {
  readonly #first: Envelope
  readonly #embed: Embed
  readonly #typed: boolean
  /** How the body ends, as JSON. */
  #end: string | undefined

  /** `typed`: as for `encodeTask`. */
  constructor({ embed }: Pick<TaskMessage, 'embed'>, first: Envelope, typed: boolean) {
    this.#first = first
    this.#embed = embed
    this.#typed = typed
  }

  /** Throws EncodeError for arguments that cannot be sent. */
  encode(message: TaskMessage): Envelope {
    const { headers, properties } = this.#first
    if (properties.contentType !== CONTENT_TYPES.json) return encodeTask(message, 'msgpack', this.#typed)
    const { id, groupIndex, args, kwargs } = message
    this.#end ??= `,${this.#text(this.#embed, 'embed')}]`
    return {
      headers: {
        ...headers,
        id,
        group_index: groupIndex ?? null,
        argsrepr: message.argsrepr ?? reprArgs(args),
        kwargsrepr: message.kwargsrepr ?? reprKwargs(kwargs),
      },
      properties: { ...properties, correlationId: id },
      body: `[${this.#text(args, 'args')},${this.#text(kwargs, 'kwargs')}${this.#end}`,
    }
  }

  #text(value: unknown, path: string): string {
    return write(encodePlain(value, path, 'json', 1, this.#typed), 'json').body as string
  }
}

/** In Celery's order. */
function encodeHeaders(message: TaskMessage): Record<string, unknown> {
  const headers: Record<string, unknown> = {
    lang: 'py',
    task: message.task,
    id: message.id,
    shadow: message.shadow ?? null,
    eta: message.eta ?? null,
    expires: message.expires ?? null,
    group: message.group ?? null,
    group_index: message.groupIndex ?? null,
    retries: message.retries,
    timelimit: [seconds(message.timeLimit), seconds(message.softTimeLimit)],
    root_id: message.rootId,
    parent_id: message.parentId ?? null,
    argsrepr: message.argsrepr ?? reprArgs(message.args),
    kwargsrepr: message.kwargsrepr ?? reprKwargs(message.kwargs),
    origin: message.origin ?? null,
    ignore_result: message.ignoreResult,
    replaced_task_nesting: message.replacedTaskNesting ?? 0,
    stamped_headers: message.stampedHeaders ?? null,
    stamps: message.stamps ?? {},
  }
  if (message.headers === NO_HEADERS) return headers
  for (const name of Object.keys(message.headers)) addCustom(headers, name, message.headers[name])
  return headers
}

/** Headers are carried as they are, without the types of the body's encoding: what that would change is refused. */
function addCustom(headers: Record<string, unknown>, name: string, value: unknown): void {
  if (PROTOCOL_HEADERS.has(name) || name === '__proto__') {
    throw new ArgumentError(`headers: expected custom names, got ${JSON.stringify(name)}, which the protocol uses`)
  }
  if (value === undefined) return
  if (encodePlain(value, `headers.${name}`) !== value) {
    throw new ArgumentError(
      `headers.${name}: expected plain JSON data, got dates, bytes, bigint, NaN, an infinity or negative zero in it`,
    )
  }
  headers[name] = value
}

function seconds(milliseconds: number | undefined): number | null {
  return milliseconds === undefined ? null : milliseconds / 1000
}

/** Read a message of either protocol. Throws DecodeError where it cannot be read, or its parts have the wrong shape. */
export function decodeTask(envelope: Envelope, accept: ReadonlySet<string>): TaskMessage {
  if (envelope.headers[CODEC_HEADER] !== undefined) throw unopened('the message')
  if (envelope.headers.task === undefined) {
    const fields = readV1(envelope, accept)
    return {
      ...headOfV1(envelope, fields),
      ...call(fields.args ?? [], fields.kwargs ?? {}, { ...fields, chain: null }),
    }
  }
  const head = headOf(envelope, envelope.headers)
  const body = memberBody(envelope, accept) ?? readBody(envelope, accept, EMBED_INDEX)
  if (!Array.isArray(body) || body.length < 2) {
    throw new DecodeError(`task body: expected [args, kwargs, embed], got ${kindOf(body)}`)
  }
  return { ...head, ...call(body[0], body[1], body[2] ?? {}) }
}

/**
 * What a message would send after its task, unchanged: also of one that `decodeTask` refuses. Empty where its body
 * cannot be read.
 */
export function linksOf(envelope: Envelope, accept: ReadonlySet<string>): readonly unknown[] {
  try {
    const body = readBody(envelope, accept)
    if (Array.isArray(body)) return body.slice(2, 3)
    if (!isRecord(body)) return []
    const { callbacks, errbacks, chord } = body
    return [callbacks, errbacks, chord]
  } catch {
    // Without a readable body there is no way to find the ids that the sender gave.
    return []
  }
}

/** Which item of the body says what follows: it is passed on. */
const EMBED_INDEX = 2

function memberBody({ headers, properties, body }: Envelope, accept: ReadonlySet<string>): BodyParts | undefined {
  const isMember = typeof headers.group === 'string' && (headers.compression ?? null) === null
  const isJson = typeof body === 'string' && properties.contentType === CONTENT_TYPES.json
  return isMember && isJson && accept.has(CONTENT_TYPES.json) ? readMemberBody(body) : undefined
}

function readBody(envelope: Envelope, accept: ReadonlySet<string>, kept?: number): unknown {
  const { compression } = envelope.headers
  const { contentType, contentEncoding } = envelope.properties
  const isPlain = compression === undefined || compression === null
  const body = isPlain ? envelope.body : decompress(envelope.body, compression)
  return deserialize(body, contentType, contentEncoding, accept, kept)
}

/** The parts of the body, checked. */
function call(args: unknown, kwargs: unknown, embed: unknown): Pick<TaskMessage, 'args' | 'kwargs' | 'embed'> {
  if (!Array.isArray(args)) throw new DecodeError(`args: expected an array, got ${kindOf(args)}`)
  if (!isRecord(kwargs)) throw new DecodeError(`kwargs: expected an object, got ${kindOf(kwargs)}`)
  if (!isRecord(embed)) throw new DecodeError(`embed: expected an object, got ${kindOf(embed)}`)
  if (CODEC_HEADER in kwargs) throw unopened('a message without the header of its codec')
  return { args, kwargs, embed: readEmbed(embed) }
}

function readEmbed(embed: Readonly<Record<string, unknown>>): Embed {
  const { callbacks = null, errbacks = null, chain = null, chord = null } = embed
  if (callbacks === null && errbacks === null && chain === null && chord === null) return NOTHING_EMBEDDED
  return {
    callbacks: readSignatures(callbacks, 'embed.callbacks'),
    errbacks: readSignatures(errbacks, 'embed.errbacks'),
    chain: readSignatures(chain, 'embed.chain'),
    chord: chord === null ? null : readSignature(chord, 'embed.chord'),
  }
}

type Fields = Readonly<Record<string, unknown>>

/** The body of protocol 1: one object with everything. */
function readV1(envelope: Envelope, accept: ReadonlySet<string>): Fields {
  const body = readBody(envelope, accept)
  if (isRecord(body) && body.task !== undefined) return body
  throw new DecodeError(
    `expected a task message, got neither a header nor a body with the key "task" (body is ${kindOf(body)})`,
  )
}

/** Names of protocol 1 that differ; its times have no offset and are UTC where `utc` says so, which is the default. */
function headOfV1(envelope: Envelope, fields: Fields): TaskHead {
  const { utc = true, taskset, group } = fields
  const time = (value: unknown) =>
    utc && typeof value === 'string' && !/(?:Z|[+-]\d\d:?\d\d)$/.test(value) ? `${value}+00:00` : value
  const head = headOf(envelope, {
    ...fields,
    group: taskset ?? group,
    eta: time(fields.eta),
    expires: time(fields.expires),
  })
  return { ...head, headers: envelope.headers }
}

function headOf(envelope: Envelope, fields: Fields): TaskHead {
  const { properties } = envelope
  const id = required(fields, 'id')
  const [hard, soft] = limits(fields.timelimit)
  return {
    id,
    task: required(fields, 'task'),
    eta: time(fields, 'eta'),
    expires: time(fields, 'expires'),
    retries: count(fields, 'retries') ?? 0,
    timeLimit: hard,
    softTimeLimit: soft,
    rootId: text(fields, 'root_id') ?? id,
    parentId: text(fields, 'parent_id'),
    group: text(fields, 'group'),
    groupIndex: count(fields, 'group_index'),
    origin: text(fields, 'origin'),
    ignoreResult: fields.ignore_result === true,
    priority: properties.priority,
    replyTo: properties.replyTo,
    headers: customHeaders(envelope.headers),
    shadow: text(fields, 'shadow'),
    replacedTaskNesting: count(fields, 'replaced_task_nesting'),
    ...stamps(fields),
    argsrepr: text(fields, 'argsrepr'),
    kwargsrepr: text(fields, 'kwargsrepr'),
    expiration: properties.expiration === undefined ? undefined : Number(properties.expiration),
    deliveryMode: properties.deliveryMode,
  }
}

/** In one walk. `NO_HEADERS` where there are none. */
function customHeaders(headers: Fields): Fields {
  let custom: [name: string, value: unknown][] | undefined
  for (const name of Object.keys(headers)) {
    if (PROTOCOL_HEADERS.has(name)) continue
    custom ??= []
    custom.push([name, headers[name]])
  }
  return custom ? Object.fromEntries(custom) : NO_HEADERS
}

function stamps(fields: Fields): Pick<TaskHead, 'stampedHeaders' | 'stamps'> {
  const { stamped_headers: names, stamps: values } = fields
  if (names === undefined || names === null) return {}
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    throw wrong('stamped_headers', 'a list of names', names)
  if (values !== undefined && values !== null && !isRecord(values)) throw wrong('stamps', 'an object', values)
  return { stampedHeaders: names, stamps: values ?? {} }
}

function required(fields: Fields, name: string): string {
  const value = text(fields, name)
  if (value === undefined || value === '') throw wrong(name, 'text', fields[name])
  return value
}

function text(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw wrong(name, 'text', value)
  return value
}

function time(fields: Fields, name: string): string | undefined {
  const value = text(fields, name)
  if (value !== undefined) isoTime(value)
  return value
}

function count(fields: Fields, name: string): number | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(name, 'a whole number', value)
  return value as number
}

/** `[hard, soft]` in seconds: the order of the code; Celery's protocol page has it the wrong way round. */
function limits(value: unknown): [hard: number | undefined, soft: number | undefined] {
  if (value === undefined || value === null) return [undefined, undefined]
  if (!Array.isArray(value)) throw wrong('timelimit', '[hard, soft]', value)
  return [limit(value[0]), limit(value[1])]
}

function limit(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !(value >= 0)) throw wrong('timelimit', 'seconds', value)
  return Math.round(value * 1000)
}

function wrong(name: string, expected: string, got: unknown): DecodeError {
  return new DecodeError(`header ${name}: expected ${expected}, got ${kindOf(got)}`)
}

function kindOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}
