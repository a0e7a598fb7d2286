import { AsyncLocalStorage } from 'node:async_hooks'
import { inTime } from '../std/deadline.ts'
import { ArgumentError, CeleriacError } from '../std/errors.ts'
import type { Logger } from '../std/log.ts'
import { asError } from '../std/thrown.ts'
import { shown } from '../std/validate.ts'
import { runOutside } from './current.ts'
import type { Resource } from './resource.ts'

// biome-ignore lint/suspicious/noExplicitAny: a resource of any value.
type AnyResource = Resource<any>

interface Made {
  readonly resource: AnyResource
  readonly value: unknown
}

/** The resources of an app in this thread: each is made when it is first needed, and kept until the end. */
export class Resources {
  readonly #log: () => Logger
  readonly #provided = new Set<AnyResource>()
  readonly #making = new Map<AnyResource, Promise<unknown>>()
  /** In the order in which they were completed: what a resource needs is before it. */
  readonly #made: Made[] = []
  /** What each resource that is being made waits for. */
  readonly #needs = new Map<AnyResource, Set<AnyResource>>()
  readonly #maker = new AsyncLocalStorage<AnyResource>()
  readonly #users = new Set<object>()

  constructor(log: () => Logger) {
    this.#log = log
  }

  /** How long `dispose` may take now, ms. */
  get limit(): number {
    return this.#made.reduce((sum, { resource }) => sum + resource.options.timeout, 0)
  }

  /** Throws ArgumentError for a name that is taken. */
  add<Value>(resource: Resource<Value>): void {
    for (const { name } of this.#provided)
      if (name === resource.name) throw new ArgumentError(`provide: resource ${name} is provided already in this app`)
    this.#provided.add(resource)
  }

  /**
   * The resource, made now if it is not there. Calls at the same time share one creation. Rejects with what the
   * creation threw: the next call then tries again; with ArgumentError for what is no resource of this app, and for
   * resources that need each other.
   */
  async get<Value>(resource: Resource<Value>): Promise<Value> {
    if (!this.#provided.has(resource))
      throw new ArgumentError(`get: expected a resource that this app provides, got ${shown(resource)}`)
    this.#addNeed(resource)
    return (this.#making.get(resource) ?? this.#make(resource)) as Promise<Value>
  }

  /** They are not disposed of while this user, a worker, runs; the returned function ends that. */
  use(): () => Promise<void> {
    const user = {}
    this.#users.add(user)
    return async () => {
      this.#users.delete(user)
      if (this.#users.size === 0) await this.dispose()
    }
  }

  /**
   * Dispose of all that were made, the last first, each within its time limit. Never rejects: errors are logged. What
   * is used afterwards is made again.
   */
  async dispose(): Promise<void> {
    this.#users.clear()
    this.#making.clear()
    for (const made of this.#made.splice(0).reverse()) await this.#end(made)
  }

  #make(resource: AnyResource): Promise<unknown> {
    const kept = (): boolean => this.#making.get(resource) === making
    const making = this.#create(resource).then(
      async (value) => {
        if (kept()) this.#made.push({ resource, value })
        else await this.#end({ resource, value })
        if (kept()) return value
        throw new CeleriacError('SHUTDOWN', `resource ${resource.name}: the app was closed while it was made`)
      },
      (error: unknown) => {
        if (kept()) this.#making.delete(resource)
        throw error
      },
    )
    this.#making.set(resource, making)
    return making
  }

  /** In no task: what it opens outlives the task that needs it first. */
  async #create(resource: AnyResource): Promise<unknown> {
    this.#needs.set(resource, new Set())
    try {
      return await runOutside(() => this.#maker.run(resource, () => resource.options.create()))
    } finally {
      this.#needs.delete(resource)
    }
  }

  /** Called while another one is made: that waits for this one. */
  #addNeed(resource: AnyResource): void {
    const maker = this.#maker.getStore()
    const needs = maker && this.#needs.get(maker)
    if (!needs) return
    if (this.#reaches(resource, maker))
      throw new ArgumentError(`get: resources ${maker.name} and ${resource.name} need each other`)
    needs.add(resource)
  }

  #reaches(from: AnyResource, to: AnyResource): boolean {
    return from === to || [...(this.#needs.get(from) ?? [])].some((next) => this.#reaches(next, to))
  }

  async #end({ resource: { name, options }, value }: Made): Promise<void> {
    try {
      const ending = runOutside(async () => options.dispose?.(value))
      await inTime(ending, options.timeout)
    } catch (error) {
      this.#log().error({ err: asError(error) }, `resource ${name} could not be disposed of`)
    }
  }
}
