import { EncodeError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { asError } from '../std/thrown.ts'
import { inPythonYears, pythonIso } from './iso.ts'
import { standIn } from './nonFinite.ts'
import { PythonValue, textOf, typedObject } from './pythonValue.ts'

/*
 * Which values may be sent, and how JSON carries those that it has no word for: Celery's
 * {"__type__": …, "__value__": …} (kombu >= 5.3). What cannot be carried faithfully is refused with its path.
 */

/** Deepest nesting that is sent or read; a body counts as one level, its args as the second. */
export const MAX_DEPTH = 100
/** Longest integer that is sent or read: the limit of Python's own parser. */
export const MAX_DIGITS = 4300

/** Where a container hangs, for the path in an error. Only containers get one, so that primitives cost nothing. */
interface Place {
  readonly parent: Place | undefined
  readonly key: string | number
  readonly container: object
  readonly depth: number
}

/**
 * How one format holds the values beyond plain JSON. Each method answers what is written instead,
 * or throws EncodeError by `refuse` where the format cannot hold the value.
 */
interface Carrier {
  /** Any number that is not a 32-bit integer, and negative zero. */
  number(value: number, parent: Place | undefined, key: string | number): unknown
  bigint(value: bigint, parent: Place | undefined, key: string | number): unknown
  date(value: Date, parent: Place | undefined, key: string | number): unknown
  bytes(value: Uint8Array, parent: Place | undefined, key: string | number): unknown
  python(value: PythonValue, parent: Place | undefined, key: string | number): unknown
  /** Texts and keys must be well-formed Unicode, and no key may be `__proto__`. */
  readonly strictText: boolean
  /** Undefined properties must be taken out beforehand, as the writer would not leave them out. */
  readonly dropUndefined: boolean
  /** `{__type__, __value__}` means something to the reader, so a caller's own must be refused. */
  readonly typed: boolean
}

/** Names of the serializers, as in Celery's `task_serializer`. */
export type SerializerName = 'json' | 'msgpack'

/**
 * Make a value ready for the serializer's writer; the same object where nothing had to change. `path` names the root in
 * the EncodeError for what cannot be carried faithfully; `depth` is how many levels will be wrapped around the value.
 * Symbol keys and undefined properties are left out, as JSON does. Not `typed`: JSON for readers that do not know
 * Celery's typed objects (kombu before 5.3), so that what needs them is refused.
 */
export function encodePlain(
  value: unknown,
  path: string,
  serializer: SerializerName = 'json',
  depth = 0,
  typed = true,
): unknown {
  const carrier = serializer === 'json' && !typed ? untypedCarrier : CARRIERS[serializer]
  return encodeRoot(carrier, value, depth === 0 ? undefined : outer(depth), path)
}

/** The same for what every JSON reader must understand: neither typed objects nor NaN nor infinities. */
export function encodeStrict(value: unknown, path: string): unknown {
  return encodeRoot(strictCarrier, value, undefined, path)
}

/** Throw EncodeError if the value cannot be sent. Undefined alone can: a task that returns nothing results in null. */
export function assertEncodable(value: unknown, path: string, serializer: SerializerName): void {
  if (value !== undefined) encodePlain(value, path, serializer, 1)
}

/** A place without a name: the wrappers (message body) around the value, which count as depth only. */
function outer(depth: number): Place {
  return { parent: undefined, key: '', container: OUTSIDE, depth }
}
const OUTSIDE = {}

function encodeRoot(carrier: Carrier, value: unknown, parent: Place | undefined, path: string): unknown {
  try {
    return encodeValue(carrier, value, parent, path)
  } catch (thrown) {
    throw unreadable(thrown, path)
  }
}

/** The error for what reading a value threw: its getters, and the traps of a Proxy, may throw anything. */
export function unreadable(thrown: unknown, path: string): Error {
  const error = asError(thrown)
  return error === thrown ? error : new EncodeError(`${path}: cannot be read: ${error.message}`)
}

function encodeValue(carrier: Carrier, value: unknown, parent: Place | undefined, key: string | number): unknown {
  switch (typeof value) {
    case 'string':
      if (carrier.strictText && !value.isWellFormed())
        refuse(parent, key, 'text with half a surrogate pair cannot be sent')
      return value
    case 'boolean':
      return value
    case 'number':
      if ((value | 0) === value && (value !== 0 || 1 / value > 0)) return value
      return carrier.number(value, parent, key)
    case 'bigint':
      return carrier.bigint(value, parent, key)
    case 'object':
      return value === null ? null : encodeObject(carrier, value, parent, key)
    case 'undefined':
      return refuse(parent, key, 'undefined cannot be sent here; send null')
    default:
      return refuse(parent, key, `${typeof value}s cannot be sent`)
  }
}

function encodeObject(carrier: Carrier, value: object, parent: Place | undefined, key: string | number): unknown {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (Array.isArray(value)) {
    // Any realm's Array.prototype is an array itself; that of a class extending Array is not.
    if (prototype !== Array.prototype && !Array.isArray(prototype)) return refuseInstance(value, parent, key)
    return encodeArray(carrier, value, enter(value, parent, key))
  }
  if (prototype === Object.prototype || prototype === null)
    return encodeRecord(carrier, value, enter(value, parent, key))
  if (prototype === Date.prototype) {
    if (Number.isNaN((value as Date).getTime())) refuse(parent, key, 'an invalid Date cannot be sent')
    return carrier.date(value as Date, parent, key)
  }
  if (prototype === Uint8Array.prototype || prototype === Buffer.prototype) {
    return carrier.bytes(value as Uint8Array, parent, key)
  }
  if (value instanceof PythonValue) return carrier.python(value, parent, key)
  // Of another realm.
  if (isRecord(value)) return encodeRecord(carrier, value, enter(value, parent, key))
  return refuseInstance(value, parent, key)
}

function enter(container: object, parent: Place | undefined, key: string | number): Place {
  const depth = (parent?.depth ?? 0) + 1
  if (depth > MAX_DEPTH) refuseDepth(container, parent, key)
  return { parent, key, container, depth }
}

function encodeArray(carrier: Carrier, array: readonly unknown[], place: Place): unknown {
  let copy: unknown[] | undefined
  for (let i = 0; i < array.length; i++) {
    const item = array[i]
    if (item === undefined && !(i in array))
      refuse(place, i, 'sparse arrays cannot be sent; send null where nothing is')
    const kept = typeof item === 'boolean' ? item : encodeValue(carrier, item, place, i)
    if (copy) copy.push(kept)
    else if (kept !== item) {
      copy = array.slice(0, i)
      copy.push(kept)
    }
  }
  return copy ?? array
}

function encodeRecord(carrier: Carrier, record: object, place: Place): unknown {
  const source = record as Record<string, unknown>
  const keys = Object.keys(source)
  let copy: Record<string, unknown> | undefined
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string
    if (carrier.strictText) checkKey(key, place)
    const item = source[key]
    if (item === undefined) {
      if (carrier.dropUndefined) copy ??= copyOf(source, keys, i)
      continue
    }
    if (key === '__type__' && carrier.typed) checkTyped(source, keys, place)
    const kept = encodeValue(carrier, item, place, key)
    if (!copy && kept !== item) copy = copyOf(source, keys, i)
    if (copy) setOwn(copy, key, kept)
  }
  return copy ?? record
}

/** The first `count` properties that are defined. */
function copyOf(source: Record<string, unknown>, keys: readonly string[], count: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (let i = 0; i < count; i++) {
    const item = source[keys[i] as string]
    if (item !== undefined) setOwn(copy, keys[i] as string, item)
  }
  return copy
}

/** Assignment that makes a property of every key, `__proto__` too. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  } else target[key] = value
}

function checkKey(key: string, place: Place): void {
  if (key === '__proto__') refuse(place, key, 'the key __proto__ cannot be sent by msgpack')
  if (!key.isWellFormed()) refuse(place, key, 'a key with half a surrogate pair cannot be sent')
}

function checkTyped(source: Record<string, unknown>, keys: readonly string[], place: Place): void {
  const defined = keys.filter((key) => source[key] !== undefined)
  if (defined.length === 2 && defined.includes('__value__')) {
    refuse(
      place.parent,
      place.key,
      'an object with just the keys __type__ and __value__ would be read as another value',
    )
  }
}

/** Refuse a value, naming its path: throws EncodeError. */
function refuse(parent: Place | undefined, key: string | number, reason: string): never {
  let path = ''
  let at = parent
  let step = key
  for (; at && at.container !== OUTSIDE; at = at.parent) {
    path = pathStep(step) + path
    step = at.key
  }
  throw new EncodeError(`${step}${path}: ${reason}`)
}

function pathStep(key: string | number): string {
  if (typeof key === 'number') return `[${key}]`
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

/**
 * Nesting came to its limit: because it is a circle, which is then named by its first repetition, or else just deep.
 */
function refuseDepth(container: object, parent: Place | undefined, key: string | number): never {
  const chain: { at: Place | undefined; key: string | number; container: object }[] = [{ at: parent, key, container }]
  for (let at = parent; at; at = at.parent) chain.push({ at: at.parent, key: at.key, container: at.container })
  const seen = new Set<object>()
  for (const link of chain.reverse()) {
    if (seen.has(link.container)) refuse(link.at, link.key, 'circular structures cannot be sent')
    seen.add(link.container)
  }
  return refuse(parent, key, `nested deeper than ${MAX_DEPTH} levels`)
}

const ADVICE: Readonly<Record<string, string>> = {
  Map: 'send Object.fromEntries(it) or an array of entries',
  Set: 'send an array',
  RegExp: 'send its source',
  URL: 'send its href',
}

function refuseInstance(value: object, parent: Place | undefined, key: string | number): never {
  if (value instanceof Promise) refuse(parent, key, 'promises cannot be sent: did you forget an await?')
  const maker: unknown = Reflect.get(value, 'constructor')
  const name = typeof maker === 'function' && maker.name !== '' ? maker.name : 'a class'
  const advice = value instanceof Error ? 'send its message' : (ADVICE[name] ?? 'send plain data')
  return refuse(parent, key, `instances of ${name} cannot be sent; ${advice}`)
}

/** Refuses a bigint that would come back as a number: only those outside the safe integers come back as bigint. */
function refuseSafe(value: bigint, parent: Place | undefined, key: string | number): void {
  if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) {
    refuse(parent, key, `${value}n would arrive as the number ${value}; send Number(${value}n)`)
  }
}

const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown }

const jsonCarrier: Carrier = {
  strictText: false,
  dropUndefined: false,
  typed: true,
  number(value) {
    if (!Number.isFinite(value)) return standIn(value)
    if (value === 0) return Object.is(value, -0) ? rawJSON('-0.0') : value
    // With an exponent, as a bare run of digits is read back as a bigint.
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? rawJSON(value.toExponential()) : value
  },
  bigint(value, parent, key) {
    refuseSafe(value, parent, key)
    const text = value.toString()
    if (text.length > MAX_DIGITS) refuse(parent, key, `an integer of more than ${MAX_DIGITS} digits cannot be sent`)
    return rawJSON(text)
  },
  date(value, parent, key) {
    if (!inPythonYears(value)) refuse(parent, key, 'a Date outside the years 1 to 9999 cannot be sent')
    return { __type__: 'datetime', __value__: textOf(value) ?? pythonIso(value) }
  },
  bytes: (value) => ({
    __type__: 'base64',
    __value__: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
  }),
  python: typedObject,
}

const UNTYPED = 'by JSON without types (the option typedJson is off)'

/** JSON for readers that take `{__type__, __value__}` for a plain object. */
const untypedCarrier: Carrier = {
  ...jsonCarrier,
  date: (_value, parent, key) => refuse(parent, key, `a Date cannot be sent ${UNTYPED}; send its toISOString()`),
  bytes: (_value, parent, key) => refuse(parent, key, `bytes cannot be sent ${UNTYPED}; send them as base64 text`),
}

const strictCarrier: Carrier = {
  ...untypedCarrier,
  number(value, parent, key) {
    if (!Number.isFinite(value)) refuse(parent, key, `${value} cannot be sent here`)
    return untypedCarrier.number(value, parent, key)
  },
  python: (value, parent, key) =>
    refuse(parent, key, `a PythonValue cannot be sent here; send ${JSON.stringify(value.text)}`),
}

const INT64_MIN = -(2n ** 63n)
const UINT64_MAX = 2n ** 64n - 1n

const msgpackCarrier: Carrier = {
  strictText: true,
  dropUndefined: true,
  typed: false,
  // The packer writes integers beyond 32 bits as floats, which would be floats in Python.
  number: (value) => (Number.isSafeInteger(value) && value !== 0 ? BigInt(value) : value),
  bigint(value, parent, key) {
    refuseSafe(value, parent, key)
    if (value < INT64_MIN || value > UINT64_MAX)
      refuse(parent, key, 'an integer beyond 64 bits cannot be sent by msgpack')
    return value
  },
  date: (value) => value,
  bytes: (value) => value,
  python: (value) => value.toPlain(),
}

const CARRIERS: Readonly<Record<SerializerName, Carrier>> = { json: jsonCarrier, msgpack: msgpackCarrier }
