import { ArgumentError } from '../../std/errors.ts'
import { requireText, shown } from '../../std/validate.ts'
import { parseResourceOptions, type Resource, type ResourceOptions } from '../../tasks/resource.ts'
import { Resources } from '../../tasks/resources.ts'
import type { AfterTask } from '../afterTask.ts'
import { StoreAccess } from '../storeAccess.ts'

/** What an app makes and runs around its tasks, beside their calls: its resources and its hooks. */
export abstract class LifeCycle extends StoreAccess {
  protected readonly resources: Resources = new Resources(() => this.config.logger)
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
   * Do something in the worker whenever a task of this app has ended and its end is stored; the returned function takes
   * it back. It runs within the task's request, in the worker's own thread. What it throws is logged and changes
   * nothing.
   */
  afterTask(hook: AfterTask): () => void {
    if (typeof hook !== 'function') throw new ArgumentError(`afterTask: expected a function, got ${shown(hook)}`)
    this.afterTaskHooks.add(hook)
    return () => {
      this.afterTaskHooks.delete(hook)
    }
  }
}
