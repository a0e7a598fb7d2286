import { requireFunction, requireText } from '../../std/validate.ts'
import { parseResourceOptions, type Resource, type ResourceOptions } from '../../tasks/resource.ts'
import { Resources } from '../../tasks/resources.ts'
import type { AfterTask } from '../afterTask.ts'
import { StoreAccess } from '../storeAccess.ts'
import type { HookOptions } from './hookOptions.ts'
import { type ChildHook, Hooks, type WorkerHook } from './hooks.ts'

/** What an app makes and runs around its tasks, beside their calls: its resources and its hooks. */
export abstract class LifeCycle extends StoreAccess {
  protected readonly resources: Resources = new Resources(() => this.config.logger)
  protected readonly hooks: Hooks = new Hooks()
  protected readonly afterTaskHooks: Set<AfterTask> = new Set()

  /**
   * Provide a resource to the tasks, such as a pool of database connections: `ctx.get` and `app.get` take the key that
   * this returns. Throws ArgumentError for a name that is taken, and for options that cannot be.
   */
  provide<Value>(name: string, options: ResourceOptions<Value>): Resource<Value> {
    requireText(name, 'resource name')
    const resource = { name, options: parseResourceOptions(name, options) }
    this.resources.add(resource)
    return resource
  }

  /** A resource outside of a task: as `ctx.get`. It is disposed of by `close`, or with the last worker of this app. */
  get<Value>(resource: Resource<Value>): Promise<Value> {
    return this.resources.get(resource)
  }

  /**
   * Run this in each worker of this app that starts, before it opens anything; one after the other, awaited. If it
   * throws, or takes longer than its `timeout`, the worker does not start. A stop waits for it as long as for tasks:
   * then `start` rejects with code `STOPPED`. The returned function takes it back.
   * Celery's `worker_init`.
   */
  onWorkerInit(hook: WorkerHook, options: HookOptions = {}): () => void {
    return this.hooks.workerInit.add(hook, options)
  }

  /**
   * Run this when a worker takes tasks; `start` resolves afterwards. What it throws is logged. A stop does not wait for
   * it. Celery's `worker_ready`.
   */
  onWorkerReady(hook: WorkerHook, options: HookOptions = {}): () => void {
    return this.hooks.workerReady.add(hook, options)
  }

  /**
   * Run this at the end of each worker that had started, after its last task and its pool; the last that was added
   * first. Resources are still there. What it throws is logged. Celery's `worker_shutdown`.
   */
  onWorkerShutdown(hook: WorkerHook, options: HookOptions = {}): () => void {
    return this.hooks.workerShutdown.add(hook, options)
  }

  /**
   * Run this where the tasks run, before the first: in each thread or process of a pool that starts; with `inline` and
   * `solo` in the worker's thread. If it throws, that thread or process does not start, and at the start of a worker
   * neither does the worker. Celery's `worker_process_init`.
   */
  onChildInit(hook: ChildHook, options: HookOptions = {}): () => void {
    return this.hooks.childInit.add(hook, options)
  }

  /**
   * Run this where the tasks run, after the last, before the resources are disposed of; not in a thread or process that
   * dies or is ended by force. What it throws is logged. Celery's `worker_process_shutdown`.
   */
  onChildShutdown(hook: ChildHook, options: HookOptions = {}): () => void {
    return this.hooks.childShutdown.add(hook, options)
  }

  /**
   * Do something in the worker whenever a task of this app has ended and its end is stored; the returned function takes
   * it back. It runs within the task's request, in the worker's own thread. What it throws is logged and changes
   * nothing.
   */
  afterTask(hook: AfterTask): () => void {
    requireFunction(hook, 'afterTask')
    this.afterTaskHooks.add(hook)
    return () => {
      this.afterTaskHooks.delete(hook)
    }
  }
}
