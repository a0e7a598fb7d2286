import { hostname } from 'node:os'
import { AsyncResult, type Submission } from '../calls/asyncResult.ts'
import { checkedCall, namedCall } from '../calls/checkedCall.ts'
import type { Extension } from '../calls/extension.ts'
import type { RetryCall } from '../calls/jobs/retryJobs.ts'
import { type Sender, sentFacts } from '../calls/prepareCall.ts'
import { type AnyValue, signatureFrom } from '../calls/signatureFrom.ts'
import { AppStores, type Stores } from '../calls/stores.ts'
import {
  type AnyTask,
  type BatchResultOf,
  type BatchTask,
  type Calls,
  type InputTask,
  makeTask,
  type ObjectTask,
  objectDefinition,
  type ProgressOf,
  positionalDefinition,
  type ResultOf,
  type Task,
} from '../calls/task.ts'
import { openWait } from '../calls/wait.ts'
import type { Signature } from '../calls/workflow.ts'
import type { SignatureOptions } from '../calls/workflowOptions.ts'
import { workflowRules } from '../canvas/advance.ts'
import type { CallOptions } from '../config/callOptions.ts'
import { type CeleriacOptions, type Config, parseConfig } from '../config/config.ts'
import type { ContextValues } from '../config/requestValues.ts'
import type { TaskOptions } from '../config/taskOptions.ts'
import type { Job } from '../protocol/job.ts'
import { LogicalClock } from '../protocol/logicalClock.ts'
import type { Outcome } from '../protocol/outcome.ts'
import type { SignatureLike } from '../protocol/signature.ts'
import type { RequestContext } from '../request/requestContext.ts'
import { absoluteUrl, type UrlQuery } from '../request/urlFor.ts'
import { sealContext } from '../request/wire.ts'
import { Emitter } from '../std/emitter.ts'
import { ArgumentError, ConfigError, NotRegistered } from '../std/errors.ts'
import { requireNode } from '../std/node.ts'
import type { InferInput, InferOutput, Schema } from '../std/schema.ts'
import { requireText } from '../std/validate.ts'
import { contextHere, requestContext, runWithin } from '../tasks/current.ts'
import type { TaskDefinition } from '../tasks/definition.ts'
import type { JobHost } from '../tasks/jobContext.ts'
import type { JobServices } from '../tasks/jobServices.ts'
import { notRegistered, runJob } from '../tasks/runJob.ts'
import type { TaskHooks } from '../tasks/taskHooks.ts'
import { type Ended, runAfterTask } from './afterTask.ts'
import { builtinTasks } from './builtins.ts'
import type { EagerHost } from './eagerWorkflow.ts'
import { defineInternals } from './internals.ts'
import { type LayerOptions, Layers } from './lifeCycle/layers.ts'
import { LifeCycle } from './lifeCycle/lifeCycle.ts'
import type { Override } from './override.ts'
import { runHere } from './runHere.ts'
import { type CallHost, CallSender } from './sending/callSender.ts'
import type { Signals } from './signals.ts'
import { addToChord, sendWorkflow, type WorkflowHost } from './workflows.ts'

requireNode()

const BRAND: symbol = Symbol.for('celeriac.app')

/** True for an app, also one of another copy of this package. */
export function isApp(value: unknown): value is App {
  return typeof value === 'object' && value !== null && (value as { brand?: unknown }).brand === BRAND
}

/** An application: its tasks, its stores, its settings. Nothing global: two apps live in one process. */
export class App<Context extends Schema<ContextValues> = Schema<ContextValues>> extends LifeCycle {
  /** What `isApp` looks for. */
  readonly brand: symbol = BRAND
  /** What happens, as typed events; see `on`. */
  readonly signals: Emitter<Signals>
  /**
   * Call options with what follows from them at the end of a task, as `Celeriac` adds them. Workers read the list when
   * they start.
   */
  readonly extensions: Extension[] = []
  readonly #tasks = new Map<string, AnyTask>()
  readonly #definition = (task: string): TaskDefinition | undefined =>
    this.#tasks.get(task)?.definition ?? this.#builtins.get(task)
  readonly #stores: AppStores
  readonly #origin = `gen${process.pid}@${hostname()}`
  #config: Config
  #options: CeleriacOptions
  #override: Override | undefined
  readonly #layers = new Layers()
  readonly #closers = new Set<() => Promise<void>>()
  readonly #sending: CallSender
  /** The same for all tasks: signatures of one app are known by it. */
  readonly #calls: Calls = {
    send: (own, given, options) => this.#sending.send(() => checkedCall(own, given, options)),
    sendMany: (own, calls, options) => this.#sending.sendMany(own, calls, options),
    runHere: (own, args) => runHere(own, args, this.#origin, this.#config, this.resources),
    sendWorkflow: (...workflow) => sendWorkflow(this.#workflows, ...workflow),
  }
  readonly #builtins = builtinTasks({
    callHere: (task, args) => {
      const definition = this.#definition(task)
      if (!definition) throw new NotRegistered(task)
      return this.#calls.runHere(definition, args)
    },
    workflows: () => this.#workflows,
  })
  readonly #eagerJobs: Pick<EagerHost, 'runJob' | 'taskEnded'> = {
    runJob: (job, host) => this.#runJob(job, host),
    taskEnded: (ended) => this.#taskEnded(ended),
  }
  readonly #services: JobServices = {
    resources: this.resources,
    openWait: (...wait) => openWait(this.#stores, this.#config, ...wait),
    addToChord: (...member) => addToChord(this.#workflows, ...member),
    completeWithin: (...completion) => this.#stores.completeWithin(...completion),
  }

  constructor(options: CeleriacOptions<Context> = {}) {
    super()
    this.#options = options
    this.#config = parseConfig(options)
    this.#stores = new AppStores(() => this.#config, this.extensions, this.#definition)
    this.#stores.rules = workflowRules(this, this.#origin)
    this.signals = new Emitter((error, event) => {
      this.#config.logger.error({ err: error }, `a listener of ${event} threw`)
    })
    this.#sending = new CallSender(this.#callHost())
    defineInternals(this, {
      logicalClock: new LogicalClock(),
      limitRules: this.#stores.limitRules,
      resources: this.resources,
      hooks: this.hooks,
      layers: this.#layers,
      stores: () => this.#stores.open(),
      sendThrough: (...sending) => this.#stores.through(...sending),
      revokeTree: (...tree) => this.#stores.revokeTree(...tree),
      ...this.#eagerJobs,
      onSent: (listener) => this.#stores.onSent(listener),
      onForget: (listener) => this.forgetListeners.add(listener),
      onClose: (close) => this.#closers.add(close),
      definition: this.#definition,
      override: (override) => this.#replace(override),
    })
  }

  get config(): Config {
    return this.#config
  }

  protected get appStores(): AppStores {
    return this.#stores
  }

  protected submitAgain({ task, given, queue, metadata, idempotencyKey }: RetryCall): Promise<AsyncResult> {
    const { owner, tags } = metadata ?? {}
    const { args, kwargs } = given
    return this.send(task, args, { kwargs, queue, owner, tags, keepInput: true, idempotencyKey })
  }

  /** Every task by name. */
  get tasks(): ReadonlyMap<string, AnyTask> {
    return this.#tasks
  }

  /** Define a task with positional arguments (Celery's args); its types are the function's. */
  task<Args extends readonly unknown[], Return, Name extends string = string>(
    name: Name,
    run: (...args: Args) => Return,
    options?: TaskOptions & TaskHooks<NoInfer<Awaited<Return>>>,
  ): Task<Args, Awaited<Return>, unknown, Args, Return, Name>
  /** Define a task with one input object (Celery's kwargs), checked by its schema on both sides. */
  task<
    Input extends Schema,
    Return,
    Output extends Schema | undefined = undefined,
    Progress extends Schema | undefined = undefined,
    Name extends string = string,
    Chunk extends Schema | undefined = undefined,
    const Params extends readonly (keyof InferInput<Input> & string)[] = readonly [],
  >(
    task: ObjectTask<Input, Output, Progress, Return, InferOutput<Context>, Name, Chunk, Params>,
  ): InputTask<Input, Params, ResultOf<Output, Return>, ProgressOf<Progress>, Name, ProgressOf<Chunk>>
  /** Define a task with one input object, whose function gets a list of calls. Each of them ends alone. */
  task<
    Input extends Schema,
    Return,
    Output extends Schema | undefined = undefined,
    Progress extends Schema | undefined = undefined,
    Name extends string = string,
    const Params extends readonly (keyof InferInput<Input> & string)[] = readonly [],
  >(
    task: BatchTask<Input, Output, Progress, Return, InferOutput<Context>, Name, Params>,
  ): InputTask<Input, Params, BatchResultOf<Output, Return>, ProgressOf<Progress>, Name>
  task(first: unknown, run?: unknown, options?: TaskOptions & TaskHooks): AnyTask {
    const definition =
      typeof first === 'object'
        ? objectDefinition(first as Parameters<typeof objectDefinition>[0])
        : positionalDefinition(first as string, run as () => unknown, options)
    if (this.#tasks.has(definition.name))
      throw new ArgumentError(`task ${definition.name} is defined already in this app`)
    if (definition.options.limits) this.#stores.limitRules.addTask(definition.name, definition.options.limits)
    const task = makeTask(definition, this.#calls)
    this.#tasks.set(definition.name, task)
    return task
  }

  /**
   * Send a task by name, also one whose code lives elsewhere. An array becomes positional arguments, an object keyword
   * arguments.
   */
  send<Result = unknown, Progress = unknown>(
    task: string,
    args: readonly unknown[] | Readonly<Record<string, unknown>> = [],
    options: CallOptions = {},
  ): Submission<Result, Progress> {
    requireText(task, 'task name')
    const call = namedCall(task, this.#tasks.get(task)?.definition, args, options)
    return this.#sending.send(() => call) as Submission<Result, Progress>
  }

  /**
   * The call of a task as a signature: of one by its name, also one whose code lives elsewhere, or of what
   * `JSON.stringify` made of a signature or a workflow. Throws ArgumentError for what is neither.
   */
  signature<Result = AnyValue, Takes = AnyValue>(
    task: string | SignatureLike,
    args: readonly unknown[] = [],
    options: SignatureOptions & Pick<CallOptions, 'kwargs'> = {},
  ): Signature<Result, Takes> {
    return signatureFrom(task, args, options, this.#calls) as Signature<Result, Takes>
  }

  /** The handle of a task from its id alone. */
  result<Result = unknown, Progress = unknown>(id: string): AsyncResult<Result, Progress> {
    requireText(id, 'task id')
    return new AsyncResult(id, this.#stores)
  }

  /** Add layers around what it sends, processes and runs; the first added is the outermost. */
  use(layers: LayerOptions): this {
    this.#layers.add(layers)
    return this
  }

  /**
   * Run a function in a request context with these values, added to those that are there: every task that it calls
   * carries them. They are checked and copied now: ValidationError, EncodeError with the path of what cannot be sent,
   * ArgumentError for a context that is too large.
   */
  withContext<Result>(values: InferInput<Context>, run: () => Result): Result {
    const around = contextHere()?.wire
    const merged = typeof values === 'object' ? { ...around?.values, ...values } : values
    const carried = sealContext({ ...around, values: merged }, this.#config.request)
    return runWithin({ carried }, run)
  }

  /** The request in which this runs, as `requestContext()`, with the types of this app's values. */
  requestContext(): RequestContext<InferOutput<Context>> | undefined {
    return requestContext() as RequestContext<InferOutput<Context>> | undefined
  }

  /**
   * The absolute URL of a path of this application: that of the request, else of the option `request.baseUrl`. Throws
   * ConfigError without either.
   */
  urlFor(path: string, query?: UrlQuery): string {
    return absoluteUrl(requestContext()?.baseUrl ?? this.#config.request.baseUrl, path, query)
  }

  /** Listen to a signal; the returned function ends it. */
  on<Name extends keyof Signals>(signal: Name, listener: (event: Signals[Name]) => unknown): () => void {
    return this.signals.on(signal, listener)
  }

  /**
   * Change settings before the stores are first used; later it is a ConfigError. `folder` says where the application
   * is: its default store belongs there.
   */
  configure(options: Pick<CeleriacOptions, 'broker' | 'backend' | 'logger'>, folder?: string): void {
    if (this.#stores.used) throw new ConfigError('configure: the stores of this app are in use already')
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
    this.#options = { ...this.#options, ...given }
    this.#config = parseConfig(this.#options, folder)
  }

  #runJob(job: Job, host: JobHost): Promise<Outcome> {
    const definition = this.#definition(job.task)
    if (!definition) return Promise.resolve({ kind: 'failure', error: notRegistered(job.task) })
    const run = (): Promise<Outcome> => runJob(definition, job, host, this.#layers.run, this.#config, this.#services)
    return this.#override ? this.#override.around(job.task, job.id, run) : run()
  }

  #taskEnded(ended: Ended): Promise<void> | undefined {
    if (this.afterTaskHooks.size === 0) return undefined
    const run = (): Promise<void> => runAfterTask(this.afterTaskHooks, ended, this.#config)
    return this.#override ? this.#override.around(ended.facts.task, ended.facts.id, run) : run()
  }

  #replace(override: Override): () => Promise<void> {
    if (this.#stores.used) throw new ConfigError('the stores of this app are in use already')
    const [options, config] = [this.#options, this.#config]
    this.configure(override.options)
    this.#stores.opener = override.open
    this.#override = override
    return async () => {
      await this.close()
      this.#stores.opener = undefined
      this.#override = undefined
      this.#options = options
      this.#config = config
    }
  }

  /** Dispose of the resources, then close the stores. */
  async close(): Promise<void> {
    await this.resources.dispose()
    for (const close of this.#closers) {
      this.#closers.delete(close)
      await close()
    }
    await this.#stores.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get #workflows(): WorkflowHost {
    return {
      config: this.#config,
      tasks: this.#tasks,
      stores: this.#stores,
      sender: this.#sender,
      layers: this.#layers,
      beforeSending: (prepared) => this.signals.emit('task:before-publish', sentFacts(prepared)),
      afterSending: (prepared, sent) => this.#sending.afterSending(prepared, sent),
      eager: this.#eagerJobs,
    }
  }

  get #sender(): Sender {
    return { origin: this.#origin, replyTo: this.#stores.replyTo, extensions: this.extensions }
  }

  #eager(stores: Stores): EagerHost {
    const app = { config: this.#config, tasks: this.#tasks }
    return { app, stores, origin: this.#origin, ...this.#eagerJobs }
  }

  #callHost(): CallHost {
    const config = (): Config => this.#config
    const sender = (): Sender => this.#sender
    return {
      get config() {
        return config()
      },
      get sender() {
        return sender()
      },
      stores: this.#stores,
      layers: this.#layers,
      signals: this.signals,
      tasks: this.#tasks,
      sent: (prepared) => this.#override?.sent(prepared),
      eager: (stores) => this.#eager(stores),
    }
  }
}
