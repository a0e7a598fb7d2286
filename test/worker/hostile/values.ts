import { random } from '../../random.ts'

/** What a hostile getter, trap or method does: it throws something that is hostile itself. */
function refuse(): never {
  throw revoked()
}

/** Throws whatever is done with it. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** The same for an instance of Error. */
function trapped(target: object): object {
  return new Proxy(target, {
    get: refuse,
    has: refuse,
    ownKeys: refuse,
    getPrototypeOf: refuse,
    getOwnPropertyDescriptor: refuse,
  })
}

/** The first `times` reads are harmless. */
function turning(times: number, then: () => unknown): object {
  let reads = 0
  return Object.defineProperty({}, 'value', { enumerable: true, get: () => (++reads > times ? then() : 1) })
}

function circular(): object {
  const value: Record<string, unknown> = {}
  value.self = value
  return value
}

function deep(levels: number): object {
  let value: object = {}
  for (let level = 0; level < levels; level++) value = { value }
  return value
}

function named(name: unknown, message: unknown, more: object = {}): Error {
  const error = new Error('ordinary')
  Object.defineProperties(error, { name: { value: name }, message: { value: message } })
  return Object.assign(error, more)
}

class Impostor extends Error {
  static override [Symbol.hasInstance](): boolean {
    return refuse()
  }
  override get message(): string {
    return refuse()
  }
  override get stack(): string {
    return refuse()
  }
  override toString(): string {
    return refuse()
  }
}

class Declared extends Error {
  static readonly pythonClass: unknown = 'ValueError'
  readonly args: readonly unknown[]
  constructor(args: readonly unknown[]) {
    super('declared')
    this.args = args
  }
}

type Then = (resolve: unknown, reject: (reason: unknown) => void) => void

function thenable(then: Then): object {
  return Object.defineProperty({}, 'then', { value: then })
}

type Make = (inner: unknown) => unknown

/** Each makes one value, with another in it where it can hold one. */
const MAKERS: Readonly<Record<string, Make>> = {
  undefined: () => undefined,
  null: () => null,
  symbol: () => Symbol('hostile'),
  bigint: () => 10n ** 5000n,
  nan: () => Number.NaN,
  surrogate: () => 'half \ud800 a pair',
  long: () => 'x'.repeat(100_000),
  function: () => () => 1,
  revoked,
  trappedObject: () => trapped({}),
  trappedError: () => trapped(new Error('trapped')),
  withoutPrototype: (inner) => Object.assign(Object.create(null), { inner }),
  notPrimitive: () => ({ toString: 1, valueOf: 1 }),
  hostileMethods: () => ({ toString: refuse, valueOf: refuse, toJSON: refuse, [Symbol.toPrimitive]: refuse }),
  turningOnce: () => turning(1, refuse),
  turningTwice: () => turning(2, refuse),
  turningIntoFunction: () => turning(1, () => refuse),
  turningIntoSelf: () => turning(2, circular),
  circular,
  deep: () => deep(2000),
  deepCause: () => new Error('deep', { cause: deep(2000) }),
  list: (inner) => [inner, inner],
  object: (inner) => ({ inner }),
  toJson: (inner) => ({ toJSON: () => inner }),
  thenable: () => thenable(refuse),
  thenGetter: () => Object.defineProperty({}, 'then', { get: refuse }),
  rejecting: (inner) => thenable((_, reject) => reject(inner)),
  map: (inner) => new Map([[inner, inner]]),
  weak: () => new WeakRef({}),
  shared: () => new SharedArrayBuffer(8),
  detached: () => {
    const bytes = new Uint8Array(8)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    return bytes
  },
  badDate: () => new Date(Number.NaN),
  error: (inner) => new Error('ordinary', { cause: inner }),
  aggregate: (inner) => new AggregateError([inner, revoked(), inner], 'many'),
  badAggregate: (inner) => Object.assign(new AggregateError([]), { errors: inner }),
  oddNames: (inner) => named(inner, inner, { stack: inner, code: inner }),
  emptyNames: () => named('', '', { stack: '' }),
  impostor: () => new Impostor(),
  declared: (inner) => new Declared([inner, revoked(), inner]),
  declaredArgs: (inner) => Object.assign(new Declared([]), { args: inner, pythonClass: inner }),
  hostileConstructor: () => Object.defineProperty(new Error('made'), 'constructor', { get: refuse }),
}

const NAMES = Object.keys(MAKERS)

/** The names of all plain ones. */
export const KINDS: readonly string[] = NAMES

/** The same value for the same name: one of `KINDS`, or the number of a random one that holds others. */
export function hostile(name: string): unknown {
  const make = MAKERS[name]
  if (make) return make(revoked())
  const next = random(Number(name))
  let value: unknown = 1
  for (let levels = Math.floor(next() * 4); levels >= 0; levels--)
    value = (MAKERS[NAMES[Math.floor(next() * NAMES.length)] as string] as Make)(value)
  return value
}
