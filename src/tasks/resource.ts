import type { Duration } from '../std/duration.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { requireFunction } from '../std/validate.ts'

/**
 * The key of a resource, such as a pool of database connections: `app.provide` makes it, `ctx.get` and `app.get` take
 * it. `Value` is what they resolve with.
 */
export interface Resource<Value> {
  readonly name: string
  readonly options: ParsedResourceOptions<Value>
}

/** How a resource is made and disposed of: `app.provide(name, options)`. */
export interface ResourceOptions<Value = unknown> {
  // <RESOURCE_OPTIONS> written by `npm run docs:api` from the table below
  /**
   * Makes it, when a task first needs it: once per process, and per thread of a pool. Calls at the same time share one
   * creation. What it throws is thrown by `get`, and the next `get` tries again.
   */
  create: () => Value | Promise<Value>
  /**
   * Ends it, at the end of the worker, thread or process, or at `app.close()`; the last that was made first. It is
   * awaited. What it throws is logged. After a death or an end by force it is not called. Default: nothing is done.
   */
  dispose?: ((value: Value) => unknown) | undefined
  /** How long `dispose` may take; then the end goes on without it. Default `'2s'`. */
  timeout?: Duration | undefined
  // </RESOURCE_OPTIONS>
}

/** Parsed: the time in ms. */
export interface ParsedResourceOptions<Value = unknown> {
  create(): Value | Promise<Value>
  dispose?(value: Value): unknown
  readonly timeout: number
}

export const RESOURCE_OPTIONS: OptionTable<ResourceOptions, ParsedResourceOptions> = {
  create: {
    kind: 'value',
    type: '() => Value | Promise<Value>',
    required: true,
    doc: 'makes it, when a task first needs it: once per process, and per thread of a pool',
    more: 'Calls at the same time share one creation. What it throws is thrown by `get`, and the next `get` tries again.',
  },
  dispose: {
    kind: 'value',
    type: '(value: Value) => unknown',
    check: requireFunction,
    absent: 'nothing is done',
    doc: 'ends it, at the end of the worker, thread or process, or at `app.close()`; the last that was made first',
    more: 'It is awaited. What it throws is logged. After a death or an end by force it is not called.',
  },
  timeout: {
    kind: 'duration',
    default: '2s',
    doc: 'how long `dispose` may take; then the end goes on without it',
  },
}

/** Throws ArgumentError. */
export function parseResourceOptions<Value>(
  name: string,
  options: ResourceOptions<Value>,
): ParsedResourceOptions<Value> {
  requireFunction(options?.create, `resource ${name}: create`)
  return readOptions(RESOURCE_OPTIONS, options as ResourceOptions, `resource ${name}`) as ParsedResourceOptions<Value>
}
