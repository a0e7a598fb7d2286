import { createHash } from 'node:crypto'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { Crash, CrashPoint } from './settings.ts'

/** Dies by SIGKILL at one point, when that is passed for the n-th time in this thread. */
export class Crasher {
  readonly #crash: Crash | undefined
  #hits = 0

  constructor(crash: Crash | undefined) {
    this.#crash = crash
  }

  /** Whether the next time is its last. */
  isNext(point: CrashPoint): boolean {
    return this.#crash?.point === point && this.#hits + 1 >= this.#crash.hit
  }

  pass(point: CrashPoint): void {
    if (this.#crash?.point !== point || ++this.#hits < this.#crash.hit) return
    process.kill(process.pid, 'SIGKILL')
    // Nothing more may happen in this thread while the signal is on its way.
    for (;;);
  }
}

type Kind = 'begin' | 'commit' | 'claim' | 'ack' | 'record' | 'publish'

const KINDS: readonly (readonly [Kind, RegExp])[] = [
  ['begin', /^BEGIN/],
  ['commit', /^COMMIT/],
  ['claim', /^UPDATE celeriac_message SET owner = \?/],
  ['ack', /^DELETE FROM celeriac_message WHERE seq/],
  ['record', /^(UPDATE|INSERT INTO) celeriac_result/],
  ['publish', /^INSERT INTO celeriac_message/],
]

/** Watches what this thread asks of its store, from outside: no hook in the program. */
export function watchStore(crasher: Crasher): void {
  watchSqlite(crasher)
  watchRedis(crasher)
  watchPostgres(crasher)
}

/** By the names of their statements. */
const TRANSACTIONS: readonly (readonly ['claim' | 'settle' | 'publish', RegExp])[] = [
  ['settle', /^settle_/],
  ['claim', /^claim_/],
  ['publish', /^send_/],
]

interface Wire {
  stream: { writableCorked: number; uncork(): void }
  bind(bound: { readonly statement: string }): void
  sync(): void
  prependOnceListener(event: 'readyForQuery', listener: () => void): void
}

function watchPostgres(crasher: Crasher): void {
  const { prototype } = pg.Connection as unknown as { prototype: Wire }
  const { bind, sync } = prototype
  const bound = new WeakMap<Wire, Set<'claim' | 'settle' | 'publish'>>()
  prototype.bind = function (given) {
    const kind = TRANSACTIONS.find(([, pattern]) => pattern.test(given.statement))?.[0]
    const kinds = bound.get(this) ?? new Set()
    bound.set(this, kind ? kinds.add(kind) : kinds)
    bind.call(this, given)
  }
  prototype.sync = function () {
    sync.call(this)
    const kinds = bound.get(this) ?? new Set()
    bound.delete(this)
    // What is sent is kept together until its end: it must be with the system now.
    while (this.stream.writableCorked > 0) this.stream.uncork()
    for (const kind of kinds) crasher.pass(`${kind}:sent`)
    this.prependOnceListener('readyForQuery', () => {
      for (const kind of kinds) crasher.pass(`${kind}:unread`)
    })
  }
}

const SCRIPTS: readonly (readonly ['claim' | 'settle' | 'publish', RegExp])[] = [
  ['claim', /'RPOP'/],
  ['publish', /once == '0'|before \.\. id/],
  ['settle', /local held = release/],
]

function watchRedis(crasher: Crasher): void {
  const kinds = new Map<string, 'claim' | 'settle' | 'publish'>()
  const sendCommand = Redis.prototype.sendCommand
  Redis.prototype.sendCommand = function (this: Redis, command, stream): unknown {
    const text = String(command.args[0])
    if (command.name === 'eval') {
      const kind = SCRIPTS.find(([, pattern]) => pattern.test(text))?.[0]
      if (kind) kinds.set(createHash('sha1').update(text).digest('hex'), kind).set(text, kind)
    }
    const answer = sendCommand.call(this, command, stream) as Promise<unknown>
    const kind = command.name.startsWith('eval') ? kinds.get(text) : undefined
    if (!kind) return answer
    // What a turn of the event loop sends is kept together until its end: what is to be sent must be with the system now.
    while (this.stream.writableCorked > 0) this.stream.uncork()
    crasher.pass(`${kind}:sent`)
    void answer.then(() => crasher.pass(`${kind}:unread`))
    return answer
  }
}

function watchSqlite(crasher: Crasher): void {
  const seen = new Set<Kind>()
  const before = (kind: Kind): void => {
    if (kind === 'begin') seen.clear()
    if (kind === 'record' && seen.has('ack')) crasher.pass('settle:torn')
    if (kind === 'publish' && seen.has('record')) crasher.pass('publish:torn')
    if (kind !== 'commit') return
    if (seen.has('claim')) crasher.pass('claim:before-commit')
    if (seen.has('ack')) crasher.pass('settle:before-commit')
    if (seen.has('publish')) crasher.pass('publish:before-commit')
  }
  const after = (kind: Kind): void => {
    if (kind === 'commit' && seen.has('ack')) crasher.pass('settle:after-commit')
    if (kind === 'commit' && seen.has('publish')) crasher.pass('publish:after-commit')
    seen.add(kind)
  }
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string): StatementSync {
    const statement = prepare.call(this, sql)
    const kind = KINDS.find(([, pattern]) => pattern.test(sql))?.[0]
    if (kind)
      watch(
        statement,
        () => before(kind),
        () => after(kind),
      )
    return statement
  }
}

function watch(statement: StatementSync, before: () => void, after: () => void): void {
  for (const method of ['run', 'get', 'all'] as const) {
    const original = statement[method].bind(statement) as (...values: unknown[]) => unknown
    Object.defineProperty(statement, method, {
      value: (...values: unknown[]) => {
        before()
        const result = original(...values)
        after()
        return result
      },
    })
  }
}
