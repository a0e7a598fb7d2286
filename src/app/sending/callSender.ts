import { AsyncResult, Submission } from '../../calls/asyncResult.ts'
import { checkedCall, refuseIds } from '../../calls/checkedCall.ts'
import type { Guard } from '../../calls/keys/guard.ts'
import type { OnceHost, Submitted } from '../../calls/keys/submitOnce.ts'
import { type Call, type Prepared, prepare, prepareAll, type Sender, sentFacts } from '../../calls/prepareCall.ts'
import type { AppStores, Stores } from '../../calls/stores.ts'
import type { AnyTask } from '../../calls/task.ts'
import { refuseKeyed } from '../../canvas/check.ts'
import type { CallOptions } from '../../config/callOptions.ts'
import type { Config } from '../../config/config.ts'
import { onceRuleOf } from '../../config/task/onceOptions.ts'
import { NOTHING_EMBEDDED } from '../../protocol/message.ts'
import type { Emitter } from '../../std/emitter.ts'
import { compose } from '../../std/middleware.ts'
import type { Given } from '../../tasks/bind.ts'
import { childrenHere } from '../../tasks/current.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import type { EagerHost } from '../eagerWorkflow.ts'
import type { Layers } from '../lifeCycle/layers.ts'
import type { Signals } from '../signals.ts'

/** What sending calls needs of the app. */
export interface CallHost {
  readonly config: Config
  readonly sender: Sender
  readonly stores: AppStores
  readonly layers: Layers
  readonly signals: Emitter<Signals>
  /** Gets each call that the store has. */
  sent(prepared: Prepared): void
  eager(stores: Stores): EagerHost
  /** By name. */
  readonly tasks: ReadonlyMap<string, AnyTask>
}

/** Sends the calls of an app. */
export class CallSender {
  readonly #host: CallHost

  constructor(host: CallHost) {
    this.#host = host
  }

  /** Wrong arguments throw here and now, unless the schema is asynchronous; the rest is in the promise. */
  send(build: () => Call | Promise<Call>): Submission<unknown> {
    const { config, layers } = this.#host
    const call = build()
    if (call instanceof Promise || layers.send.length > 0 || config.alwaysEager)
      return Submission.resolve(this.#sendThrough(call)) as Submission<unknown>
    const prepared = this.#prepare(call)
    return new Submission((resolve, reject) => {
      this.#submit(prepared).then(resolve, reject)
    })
  }

  async #sendThrough(call: Call | Promise<Call>): Promise<AsyncResult> {
    const core = (given: Call): Promise<AsyncResult> => this.#submit(this.#prepare(given))
    return compose(this.#host.layers.send, core)(await call)
  }

  async sendMany(definition: TaskDefinition, calls: readonly Given[], options: CallOptions): Promise<AsyncResult[]> {
    const { config, layers, sender, stores: appStores } = this.#host
    refuseIds(definition, options)
    const built = await Promise.all(calls.map((given) => checkedCall(definition, given, options)))
    if (layers.send.length > 0 || config.alwaysEager || onceRuleOf(definition.options))
      return Promise.all(built.map((call) => this.#sendThrough(call)))
    const prepared = prepareAll(built, config, sender)
    // The options of all are the same.
    if (prepared[0]) this.#checkLinks(prepared[0])
    const { unitOfWork, broker } = appStores.sending ?? (await appStores.openSending())
    for (const one of prepared) this.#beforeSending(one)
    const sent = await layers.written('batch', prepared, broker.url, (ready) => {
      const submissions = ready.map(({ submission }) => submission)
      return unitOfWork.submitMany?.(submissions) ?? Promise.all(submissions.map((one) => unitOfWork.submit(one)))
    })
    return prepared.map((one, at) => this.afterSending(one, sent[at] === true))
  }

  #prepare(call: Call): Prepared {
    const { config, sender } = this.#host
    const prepared = prepare(call, config, sender)
    this.#checkLinks(prepared)
    return prepared
  }

  /** A worker sends them, and it asks for no key. */
  #checkLinks({ message: { embed, task } }: Prepared): void {
    if (embed === NOTHING_EMBEDDED) return
    for (const link of [...(embed.callbacks ?? []), ...(embed.errbacks ?? [])])
      refuseKeyed(link, this.#host.tasks, `task ${task}: link`)
  }

  #submit(prepared: Prepared): Promise<AsyncResult> {
    // Before it is sent: the caller need not await that, and the task around may have ended by then.
    childrenHere()?.push(prepared.id)
    const { stores: appStores } = this.#host
    const { sending } = appStores
    return sending
      ? this.#handIn(prepared, sending)
      : appStores.openSending().then((stores) => this.#handIn(prepared, stores))
  }

  /** Without a promise more than it takes: every call pays for them. */
  #handIn(prepared: Prepared, stores: Stores): Promise<AsyncResult> {
    const { signals, layers } = this.#host
    signals.emit('task:before-publish', sentFacts(prepared))
    const { guard } = prepared
    if (guard) return this.#handInGuarded(prepared, guard, stores)
    const write = (ready: Prepared): Promise<boolean> => this.#write(ready, stores)
    const sending = layers.writtenAlone(prepared, stores.broker.url, write)
    return sending.then((sent) => this.afterSending(prepared, sent))
  }

  #write(ready: Prepared, stores: Stores): Promise<boolean> {
    return this.#host.config.alwaysEager
      ? import('../eagerWorkflow.ts').then(({ runAlone }) => runAlone(ready, this.#host.eager(stores)))
      : stores.unitOfWork.submit(ready.submission)
  }

  /** Of another job's handle, where that has its key. */
  async #handInGuarded(prepared: Prepared, guard: Guard, stores: Stores): Promise<AsyncResult> {
    const { submitOnce } = await import('../../calls/keys/submitOnce.ts')
    const { typedJson, trackStarted, alwaysEager, clock } = this.#host.config
    const facts = { tracked: guard.options?.trackStarted ?? trackStarted, acksLate: guard.options?.acksLate ?? true }
    let submitted: Submitted = { id: prepared.id, sent: false }
    const write = async (ready: Prepared): Promise<boolean> => {
      const send: OnceHost['write'] = (submission) => this.#write({ ...ready, submission }, stores)
      // In the eager mode the job runs in its turn, and may call its own task.
      const host = { stores, typedJson, facts, takesTurns: !alwaysEager, now: () => clock.now(), write: send }
      submitted = await submitOnce({ ...ready, guard }, host)
      return submitted.sent
    }
    const sent = await this.#host.layers.writtenAlone(prepared, stores.broker.url, write)
    if (sent || submitted.id === prepared.id) return this.afterSending(prepared, sent)
    // Another job is not a child of the task around.
    const children = childrenHere()
    const at = children?.indexOf(prepared.id) ?? -1
    if (at !== -1) children?.splice(at, 1)
    return new AsyncResult(submitted.id, this.#host.stores, prepared.ignored, false)
  }

  #beforeSending(prepared: Prepared): void {
    childrenHere()?.push(prepared.id)
    this.#host.signals.emit('task:before-publish', sentFacts(prepared))
  }

  afterSending(prepared: Prepared, sent: boolean): AsyncResult {
    const { signals, stores } = this.#host
    if (sent) signals.emit('task:after-publish', sentFacts(prepared))
    if (sent) stores.sentListener?.sent(prepared)
    if (sent) this.#host.sent(prepared)
    return new AsyncResult(prepared.id, stores, prepared.ignored, sent)
  }
}
