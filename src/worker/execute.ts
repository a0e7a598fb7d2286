import type { Ended } from '../app/afterTask.ts'
import type { App } from '../app/app.ts'
import type { Stores } from '../app/link.ts'
import type { Emit } from '../app/outlet.ts'
import { retryStopped } from '../app/run.ts'
import type { Settlement } from '../backend/joint.ts'
import type { Delivery } from '../broker/broker.ts'
import { errorInfo } from '../protocol/exception.ts'
import { isoTime } from '../protocol/iso.ts'
import type { Outcome } from '../protocol/outcome.ts'
import { STARTED } from '../protocol/states.ts'
import { backoffDelay } from '../std/backoff.ts'
import { StoreUnavailableError } from '../std/errors.ts'
import { Handouts, type HandoutsTo } from './handouts.ts'
import type { Pool, RunOptions } from './pool/pool.ts'
import type { Postponed } from './postponed.ts'
import { type Receiver, receive } from './receive.ts'
import { Request } from './request.ts'
import { settlementOf } from './settle.ts'

/** What the life of a task needs of its worker. */
export interface Bench extends Receiver {
  readonly app: App
  readonly stores: Stores
  readonly pool: Pool
  /** Requests that run, by id: what a revoke looks for. */
  readonly running: Map<string, Request>
  readonly postponed: Postponed
  /** Aborts when the worker is to end at once: a store that is away is then not waited for. */
  readonly hurry: AbortSignal
}

/** The life of a task, from its arrival to its settlement. Never rejects. */
export async function execute(delivery: Delivery, bench: Bench): Promise<void> {
  const { signals } = bench.app
  try {
    const request = receive(delivery, bench)
    if (!(request instanceof Request)) {
      if (!(await settle(request.settlement, bench))) return
      request.tell()
      if (request.ended) await bench.app.taskEnded(request.ended)
      return
    }
    signals.emit('task:received', request.facts)
    if (isEarly(request)) {
      await postpone(request, bench)
      return
    }
    if (!request.definition.options.acksLate && !(await acknowledge(request, bench))) return
    begin(request, bench)
    const ended = await bench.pool.run(request.job, runOptions(request, bench))
    end(request, bench)
    const outcome = ended.kind === 'stopped' ? retryStopped(request.definition, request.job, ended) : ended
    if (request.handouts) await request.handouts.drain()
    const concluded = await conclude(request, outcome, bench)
    const hooks = concluded && bench.app.taskEnded(endedOf(request, concluded))
    if (hooks !== undefined) await hooks
  } catch (error) {
    signals.emit('worker:error', { error, doing: 'executing a task' })
  }
}

/** Clocks and timers differ by a little: what is due within this time is due, ms. */
const CLOSE = 50

/** A broker without delays delivers before the time. */
function isEarly({ message }: Request): boolean {
  return message.eta !== undefined && isoTime(message.eta) > Date.now() + CLOSE
}

/** Back into the queue until its time. A revoke that came meanwhile has found it nowhere. */
async function postpone({ delivery, message }: Request, bench: Bench): Promise<void> {
  const route = { exchange: '', routingKey: delivery.queue }
  const later = { envelope: delivery.envelope, route, notBefore: isoTime(message.eta as string) }
  if (!(await settle({ delivery, publish: [later], end: 'ack' }, bench))) return
  bench.postponed.add(message.id, delivery.queue)
  if (bench.revoked.has(message.id)) await retract(message.id, bench)
}

/** One that was put back, and is revoked: out of the queue, where the store can find it there, and to its end. Never rejects. */
export async function retract(id: string, bench: Bench): Promise<void> {
  try {
    const delivery = await bench.stores.broker.take?.(id, bench.postponed.queueOf(id))
    if (delivery) await execute(delivery, bench)
  } catch (error) {
    bench.app.signals.emit('worker:error', { error, doing: 'revoking a task' })
  }
}

/** Early acknowledgement: from here on, a crash loses the task. False when it was another's already: then it runs there. */
async function acknowledge(request: Request, bench: Bench): Promise<boolean> {
  // Found by a revoke from now on: it will not be read again whether one has come meanwhile.
  bench.running.set(request.id, request)
  request.acked = await settle({ delivery: request.delivery, end: 'ack' }, bench)
  if (!request.acked) {
    bench.running.delete(request.id)
    bench.app.signals.emit('task:lost', request.facts)
  }
  return request.acked
}

function begin(request: Request, bench: Bench): void {
  const { definition, message } = request
  const { config, signals } = bench.app
  request.begin()
  if (!message.ignoreResult && (definition.options.trackStarted ?? config.trackStarted)) {
    record(request, STARTED, startedBy(request), bench)
  }
  bench.running.set(request.id, request)
  signals.emit('task:prerun', request.facts)
}

/** The message's limits, else the task's own: whoever sends by name alone does not know them. */
function runOptions(request: Request, bench: Bench): RunOptions {
  const { message, definition } = request
  const softTimeLimit = message.softTimeLimit ?? definition.options.softTimeLimit
  const timeLimit = message.timeLimit ?? definition.options.timeLimit
  if (softTimeLimit !== undefined) request.after(softTimeLimit, () => request.abort('soft time limit'))
  if (timeLimit !== undefined) {
    request.after(timeLimit, () => {
      request.kill('time limit')
      // Where a pool can only abandon it, it is told at least.
      request.abort('soft time limit')
    })
  }
  return {
    signal: request.signal,
    kill: request.killed,
    report: ({ state, meta }) => {
      beginAgain(request, bench)
      record(request, state, meta, bench)
    },
    emit: message.ignoreResult || !bench.stores.backend.emit ? undefined : emitter(request, bench),
  }
}

/** The first that a run says where another was lost is STARTED: whoever follows sees that what came before is told anew. */
function beginAgain(request: Request, bench: Bench): void {
  if (!request.stored && request.delivery.redelivered) record(request, STARTED, startedBy(request), bench)
}

/** The first that is handed out begins with STARTED, unless the run has a state already: whoever follows sees where each run begins. */
function emitter(request: Request, bench: Bench): Emit {
  return (emission, taken) => {
    if (!request.handouts) {
      if (!request.stored) record(request, STARTED, startedBy(request), bench)
      request.handouts = handoutsOf(request, bench)
    }
    request.handouts.emit(emission, taken)
  }
}

function handoutsOf(request: Request, { stores, app: { signals }, hurry }: Bench): Handouts {
  const to: HandoutsTo = {
    id: request.id,
    delivery: request.acked ? undefined : request.delivery,
    emit: (handout, delivery) => stores.joint.emit(handout, delivery),
    store: (meta) => stores.backend.store(meta, request.reply),
    fail: (error, doing) => signals.emit('worker:error', { error, doing }),
    hurry,
  }
  return new Handouts(to, request.stored)
}

function end(request: Request, { running, app: { signals } }: Bench): void {
  request.end()
  if (running.get(request.id) === request) running.delete(request.id)
  if (signals.has('task:postrun')) signals.emit('task:postrun', { ...request.facts, runtime: request.runtime })
}

/** Store a state on the way, without waiting: the end waits behind it in the same line. */
function record(request: Request, state: string, meta: unknown, bench: Bench): void {
  if (request.message.ignoreResult) return
  if (request.handouts) {
    request.handouts.state(request.meta(state, meta))
    return
  }
  request.stored = bench.stores.backend.store(request.meta(state, meta), request.reply).catch((error: unknown) => {
    bench.app.signals.emit('worker:error', { error, doing: `storing ${state} of task ${request.id}` })
  })
}

function startedBy({ hostname }: Request): { readonly pid: number; readonly hostname: string } {
  return { pid: process.pid, hostname }
}

/** Write down how it ended, then tell; returns what was written, if anything. What cannot be written down (too large for the store, say) is a failure that says so. */
async function conclude(request: Request, outcome: Outcome, bench: Bench): Promise<Outcome | undefined> {
  try {
    const done = await settle(settlementOf(request, outcome, bench), bench, request.acked)
    tell(request, outcome, done, bench)
    return done ? outcome : undefined
  } catch (error) {
    if (error instanceof StoreUnavailableError) throw error
    const failure: Outcome = { kind: 'failure', error: errorInfo(error), children: outcome.children }
    const done = await settle(settlementOf(request, failure, bench), bench, request.acked)
    tell(request, failure, done, bench)
    return done ? failure : undefined
  }
}

/** For the hooks. What was acknowledged when it began does not come again, whatever it asks for. */
function endedOf({ facts, message, runtime, acked }: Request, outcome: Outcome): Ended {
  const { headers } = message
  if (acked && outcome.kind === 'reject') return { facts, headers, runtime, outcome: { ...outcome, requeue: false } }
  if (acked && outcome.kind === 'stopped' && outcome.by === 'shutdown')
    return { facts, headers, runtime, outcome: { kind: 'failure', error: outcome.error } }
  return { facts, headers, runtime, outcome }
}

/** The result of a task that was acknowledged when it began. */
async function storeOnly(settlement: Settlement, { stores }: Bench): Promise<boolean> {
  if (settlement.meta) await stores.backend.store(settlement.meta, settlement.reply)
  for (const meta of settlement.also ?? []) {
    const { reply } = settlement
    await stores.backend.store(meta, reply && { to: reply.to, correlationId: meta.task_id })
  }
  for (const { envelope, route, notBefore } of settlement.publish ?? [])
    await stores.broker.publish(envelope, route, { notBefore })
  return true
}

/** Settle, for as long as it takes: an outcome is not lost because the store is away for a while. Gives up only in a hurry. */
async function settle(settlement: Settlement, bench: Bench, acked = false): Promise<boolean> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (acked ? storeOnly(settlement, bench) : bench.stores.joint.settle(settlement))
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || bench.hurry.aborted) throw error
      bench.app.signals.emit('worker:error', { error, doing: 'settling a task' })
      const delay = backoffDelay({ kind: 'exponential', delay: 100, maxDelay: 1000, jitter: 'full' }, attempt)
      await new Promise((resolve) => setTimeout(resolve, delay))
    }
  }
}

/** Tell how it ended, once that is stored. */
function tell(request: Request, outcome: Outcome, done: boolean, { app: { signals } }: Bench): void {
  const { facts, runtime } = request
  if (!done) {
    signals.emit('task:lost', facts)
    return
  }
  switch (outcome.kind) {
    case 'success':
      if (signals.has('task:success')) signals.emit('task:success', { ...facts, result: outcome.result, runtime })
      break
    case 'failure':
      signals.emit('task:failure', { ...facts, error: outcome.error, runtime })
      break
    case 'retry':
      signals.emit('task:retry', { ...facts, error: outcome.error, delay: outcome.delay })
      break
    case 'reject':
      signals.emit('task:rejected', {
        ...facts,
        requeue: outcome.requeue && !request.acked,
        reason: outcome.reason,
      })
      break
    case 'stopped':
      tellStopped(request, outcome, signals)
      break
    case 'ignore':
      break
  }
}

function tellStopped(request: Request, outcome: Outcome & { kind: 'stopped' }, signals: App['signals']): void {
  const { facts, runtime } = request
  if (outcome.by === 'shutdown' && !request.acked) signals.emit('task:returned', facts)
  else if (outcome.by === 'revoke') {
    signals.emit('task:revoked', { ...facts, reason: outcome.terminated ? 'terminated' : 'revoked' })
  } else {
    signals.emit('task:failure', { ...facts, error: outcome.error, runtime })
  }
}
