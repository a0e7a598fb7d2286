import type { Ended } from '../../app/afterTask.ts'
import type { Signals } from '../../app/signals.ts'
import type { Settlement } from '../../backend/unitOfWork.ts'
import type { Delivery } from '../../broker/broker.ts'
import { errorInfo } from '../../protocol/exception.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { STARTED } from '../../protocol/states.ts'
import { isoOf } from '../../std/clock.ts'
import type { Emitter } from '../../std/emitter.ts'
import { asError } from '../../std/thrown.ts'
import type { Emit } from '../../tasks/outputBuffer.ts'
import type { Pool, RunOptions } from '../pool/pool.ts'
import { stopped } from '../pool/stopped.ts'
import { hasInputElsewhere, type Refusal, readInput, receive } from './admit.ts'
import { nextOf } from './losses.ts'
import { outputOf } from './outputWriter.ts'
import type { Postponement } from './postponement.ts'
import { Request } from './request.ts'
import { fallbacksOf, laterOf, lessOf, settlementOf } from './settlement.ts'
import { settleSurely } from './settler.ts'
import { timeLimitsOf } from './timeLimits.ts'
import type { Turn } from './turns.ts'
import type { WorkerContext } from './workerContext.ts'

/** The life of a task, from its arrival to its settlement, which it comes to whatever happens. Never rejects. */
export async function execute(delivery: Delivery, context: WorkerContext): Promise<void> {
  const input = hasInputElsewhere(delivery) ? await readInput(delivery, context) : undefined
  const request = receive(delivery, context, input?.message)
  if (!(request instanceof Request)) return refuse(request, context)
  try {
    const isUncertain = delivery.redelivered && context.stores.broker.takeOldest !== undefined
    if (isUncertain && (await (await import('./dropped.ts')).isDropped(request, context))) return
    await (input?.outcome ? conclude(request, input.outcome, context) : live(request, context))
  } catch (thrown) {
    const error = asError(thrown)
    context.app.signals.emit('worker:error', { error, doing: 'executing a task' })
    end(request, context)
    if (!request.settled) await conclude(request, { kind: 'failure', error: errorInfo(error) }, context)
  }
}

async function refuse({ settlement, dead, ended, tell }: Refusal, context: WorkerContext): Promise<void> {
  const settled = await settleSurely(
    () => settlement,
    () => lessOf(settlement, dead),
    context,
  )
  if (!settled?.done) return
  if (settled.step > 0) context.app.signals.emit('worker:error', { error: settled.reason, doing: 'settling a task' })
  tell()
  if (ended) await context.app.taskEnded(ended)
}

/** Not async, since every task passes through it. */
function live(request: Request, context: WorkerContext): Promise<unknown> {
  const { app, turns, pools } = context
  const { postponement } = request
  if (postponement?.kind === 'unknown') return postpone(request, postponement, context)
  const parking = postponement ? undefined : context.limits?.parking(request)
  // To its queue at once, where it waits in a lane.
  if (parking) return postpone(request, untilThen(app.config.clock.now(), parking), context)
  const turn = postponement ? undefined : turns.of(request, app.config.clock.now())
  if (typeof turn === 'number') return postpone(request, untilThen(turn), context)
  const { signals } = app
  if (signals.has('task:received')) signals.emit('task:received', { ...request.facts, lost: request.delivery.lost })
  context.events.received(request)
  if (postponement) return postpone(request, postponement, context)
  return turn ? liveIn(turn, request, context) : run(request, pools.main, context, context.lend)
}

/** In a pool whose slots are shared out here. */
async function liveIn(turn: Turn, request: Request, context: WorkerContext): Promise<void> {
  const waited = turn.wait && (await slotOf(turn.wait, turn, request, context))
  if (waited === false) return
  let ran: Request | undefined
  try {
    if (request.delivery.gone) return lose(request, context)
    // It may have been revoked, or have expired, while it waited.
    const decided = waited ? receive(request.delivery, context, request.message) : request
    if (!(decided instanceof Request)) return await refuse(decided, context)
    ran = request
    await run(request, turn.pool, context)
  } finally {
    turn.end(ran?.runtime)
  }
}

function lose(request: Request, { app: { signals } }: WorkerContext): void {
  request.settled = true
  signals.emit('task:lost', request.facts)
}

/** Wait for the slot of a request; false when it ended without one: then the request is settled. */
async function slotOf(
  wait: NonNullable<Turn['wait']>,
  turn: Turn,
  request: Request,
  context: WorkerContext,
): Promise<boolean> {
  context.state.waiting.add(request)
  try {
    const end = await wait
    if (end === 'slot') return true
    if (end === 'late')
      await postpone(request, untilThen(context.turns.later(turn, context.app.config.clock.now())), context)
    else await conclude(request, stopped(request.id, 'shutdown'), context)
  } catch (error) {
    turn.end()
    await conclude(request, { kind: 'failure', error: errorInfo(error) }, context)
  } finally {
    context.state.waiting.delete(request)
  }
  return false
}

/** Put back for lack of a slot, or by its rate limit. `notBefore`: ms since the epoch. */
function untilThen(notBefore: number, headers: Postponement['headers'] = {}): Postponement {
  return { kind: 'early', notBefore, headers }
}

/** Loaded for the first message of an app with such layers. */
let processing: Promise<typeof import('./processing.ts')> | undefined

/** `lend`: as of RunOptions, where its slot is the pool's own. */
function run(
  request: Request,
  pool: Pick<Pool, 'run'>,
  context: WorkerContext,
  lend?: NonNullable<RunOptions['lend']>,
): Promise<unknown> {
  const process = (): Promise<Outcome | undefined> => processIn(pool, request, context, lend)
  if (context.app.layers.process.length === 0) return process()
  processing ??= import('./processing.ts')
  return processing.then(({ throughLayers }) => throughLayers(request, context, process))
}

/** Run it and settle it. Resolves with its end; undefined where it is another worker's, or was not settled. */
async function processIn(
  pool: Pick<Pool, 'run'>,
  request: Request,
  context: WorkerContext,
  lend: RunOptions['lend'],
): Promise<Outcome | undefined> {
  if (!request.definition.options.acksLate && !(await acknowledge(request, context))) return undefined
  begin(request, context)
  const ended = await pool.run(request.job, runOptions(request, context, lend))
  end(request, context)
  const outcome = nextOf(request, ended, context)
  if (request.output) await request.output.drain()
  return conclude(request, outcome, context)
}

/** Back into the queue until this moment. A revoke that came meanwhile has found it nowhere. */
async function postpone(request: Request, postponement: Postponement, context: WorkerContext): Promise<void> {
  const { delivery, message } = request
  const { notBefore, headers, reason } = postponement
  const same = laterOf(request, notBefore)
  const { envelope } = same
  const later = { ...same, envelope: { ...envelope, headers: { ...envelope.headers, ...headers } } }
  const back = (): Settlement => ({ delivery, publish: [later], end: 'ack' })
  const settled = await settleSurely(
    back,
    (reason) => fallbacksOf(request, { kind: 'ignore' }, reason, context, context.app.config.clock.now()),
    context,
  )
  request.settled = settled !== undefined
  if (!settled?.done) return
  if (settled.step > 0) {
    await tellEnd(request, { kind: 'failure', error: errorInfo(settled.reason) }, context)
    return
  }
  if (reason !== undefined) context.app.signals.emit('task:postponed', { ...request.facts, reason })
  context.state.postponed.add(message.id, delivery.queue)
  if (context.state.revoked.has(message.id)) await retract(message.id, context)
}

/**
 * One that was put back, and is revoked: out of the queue, where the store can find it there, and to its end. Never
 * rejects.
 */
export async function retract(id: string, context: WorkerContext): Promise<void> {
  try {
    const delivery = await context.stores.broker.take?.(id, context.state.postponed.queueOf(id))
    if (delivery) await execute(delivery, context)
  } catch (error) {
    context.app.signals.emit('worker:error', { error, doing: 'revoking a task' })
  }
}

/**
 * Early acknowledgement: from here on, a crash loses the task. False when it was another's already: then it runs there.
 */
async function acknowledge(request: Request, context: WorkerContext): Promise<boolean> {
  // Found by a revoke from now on: it will not be read again whether one has come meanwhile.
  context.state.running.set(request.id, request)
  const alone = (): Settlement => ({ delivery: request.delivery, end: 'ack' })
  const settled = await settleSurely(alone, () => [{ settlement: alone }], context)
  request.acked = settled?.done === true
  if (!request.acked) {
    request.settled = true
    context.state.end(request)
    context.app.signals.emit('task:lost', request.facts)
  }
  return request.acked
}

function begin(request: Request, context: WorkerContext): void {
  const { definition, message } = request
  const { config, signals } = context.app
  const now = config.clock.now()
  request.begin(now)
  const tracked = definition.options.trackStarted ?? config.trackStarted
  // Where another run was lost, its last state and progress are not this run's.
  if (!message.ignoreResult && (tracked || request.ranBefore)) {
    record(request, STARTED, startedBy(request), context)
  }
  context.state.begin(request)
  if (signals.has('task:prerun')) signals.emit('task:prerun', { ...request.facts, waited: request.waited(now) })
}

/** Limits of the task are in its message, too, if its sender knows them. Items of a batch have none of their own. */
function runOptions(request: Request, context: WorkerContext, lend: RunOptions['lend']): RunOptions {
  const { message, definition } = request
  const { config } = context.app
  const { clock } = config
  const { softTimeLimit, timeLimit } = timeLimitsOf(
    definition.options.batch ? {} : message,
    definition.options,
    context.timeLimits,
    config,
    context.state.timeLimits.get(definition.name),
  )
  if (softTimeLimit !== undefined) request.after(softTimeLimit, clock, () => request.abort('soft time limit'))
  if (timeLimit !== undefined) {
    request.after(timeLimit, clock, () => {
      request.kill('time limit')
      // A pool that can only abandon it at least asks it to stop.
      request.abort('soft time limit')
    })
  }
  return {
    signal: request.signal,
    kill: request.killed,
    lend,
    report: ({ state, meta, until }) => {
      beginAgain(request, context)
      record(request, state, meta, context, until)
    },
    sendEvent: (type, fields) => context.events.custom(type, request.id, fields),
    emit: message.ignoreResult || !context.stores.backend.events ? undefined : emitter(request, context),
    completing: async () => (await import('./completion.ts')).completionOf(request, context),
  }
}

/**
 * On redelivery, store STARTED before the first report, so that subscribers know that earlier output will be repeated.
 */
function beginAgain(request: Request, context: WorkerContext): void {
  if (!request.stored && request.ranBefore) record(request, STARTED, startedBy(request), context)
}

/**
 * Before the first emission, store STARTED, unless the run has stored a state already: subscribers see where each run
 * begins.
 */
function emitter(request: Request, context: WorkerContext): Emit {
  return (emission, taken) => {
    if (!request.output) {
      if (!request.stored) record(request, STARTED, startedBy(request), context)
      request.output = outputOf(request, context)
    }
    request.output.emit(emission, taken)
  }
}

function end(request: Request, { state, app: { signals } }: WorkerContext): void {
  request.end()
  state.end(request)
  if (signals.has('task:postrun')) signals.emit('task:postrun', { ...request.facts, runtime: request.runtime })
}

/**
 * Store a state on the way, without waiting: the end waits behind it in the same line. `until`: how long it may stay in
 * this state.
 */
function record(request: Request, state: string, meta: unknown, context: WorkerContext, until?: number): void {
  if (request.message.ignoreResult) return
  const plain = request.meta(state, meta)
  const full = until === undefined ? plain : { ...plain, date_due: isoOf(until) }
  if (request.output) {
    request.output.state(full)
    return
  }
  request.stored = context.stores.unitOfWork.write({ meta: full, reply: request.reply }).catch((error: unknown) => {
    context.app.signals.emit('worker:error', { error, doing: `storing ${state} of task ${request.id}` })
  })
}

function startedBy({ hostname }: Request): { readonly pid: number; readonly hostname: string } {
  return { pid: process.pid, hostname }
}

/**
 * Write its end, then report it. An outcome that the store refuses for its content becomes a failure that says so.
 * Resolves with the end that was written; undefined where none was.
 */
async function conclude(request: Request, given: Outcome, context: WorkerContext): Promise<Outcome | undefined> {
  const { completion } = request
  const outcome = completion ? await completion.decide(given) : given
  if (!outcome) {
    request.settled = true
    return undefined
  }
  const now = context.app.config.clock.now()
  context.events.ending(request, outcome)
  // Before it is settled: that write claims the next message.
  const counted = context.limits?.ended(request, outcome)
  if (counted !== undefined) await counted
  const settled = await settleSurely(
    () => settlementOf(request, outcome, context, now),
    (reason) => fallbacksOf(request, outcome, reason, context, now),
    context,
    request.acked,
  )
  request.settled = true
  if (!settled?.done) {
    const own = settled && (await completion?.committed(outcome))
    if (own) await tellEnd(request, own, context)
    else if (settled) context.app.signals.emit('task:lost', request.facts)
    return own
  }
  const ended: Outcome =
    settled.step === 0 ? outcome : { kind: 'failure', error: errorInfo(settled.reason), children: outcome.children }
  await tellEnd(request, ended, context)
  return ended
}

/** It is stored: to the signals, and to the hooks where there are any. */
async function tellEnd(request: Request, outcome: Outcome, { app }: WorkerContext): Promise<void> {
  tell(request, outcome, app.signals)
  const hooks = app.taskEnded(endedOf(request, outcome))
  if (hooks !== undefined) await hooks
}

/** For the hooks. A message that was acknowledged at the beginning is not delivered again. */
function endedOf({ facts, message, runtime, acked }: Request, outcome: Outcome): Ended {
  const { headers } = message
  if (acked && outcome.kind === 'reject') return { facts, headers, runtime, outcome: { ...outcome, requeue: false } }
  if (acked && outcome.kind === 'stopped' && outcome.by === 'shutdown')
    return { facts, headers, runtime, outcome: { kind: 'failure', error: outcome.error } }
  return { facts, headers, runtime, outcome }
}

const EXPECTED = { expected: true }

/** Report its end, once that is stored. */
function tell(request: Request, outcome: Outcome, signals: Emitter<Signals>): void {
  const { facts, runtime } = request
  switch (outcome.kind) {
    case 'success':
      if (signals.has('task:success')) signals.emit('task:success', { ...facts, result: outcome.result, runtime })
      break
    case 'failure':
      signals.emit('task:failure', { ...facts, error: outcome.error, runtime, ...(outcome.expected && EXPECTED) })
      break
    case 'retry':
      signals.emit('task:retry', { ...facts, error: outcome.error, delay: outcome.delay })
      break
    case 'snooze':
      signals.emit('task:snoozed', { ...facts, delay: outcome.delay })
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
    case 'replace':
      break
  }
}

function tellStopped(request: Request, outcome: Outcome & { kind: 'stopped' }, signals: Emitter<Signals>): void {
  const { facts, runtime } = request
  if (outcome.by === 'shutdown' && !request.acked) signals.emit('task:returned', facts)
  else if (outcome.by === 'revoke') {
    signals.emit('task:revoked', { ...facts, reason: outcome.terminated ? 'terminated' : 'revoked' })
  } else {
    signals.emit('task:failure', { ...facts, error: outcome.error, runtime })
  }
}
