import { ArgumentError } from '../std/errors.ts'
import { starGlob } from '../std/glob.ts'
import { type OptionTable, readGiven } from '../std/optionTable.ts'
import { requireText, shown } from '../std/validate.ts'
import type { CallOptions } from './callOptions.ts'
import { requireName } from './queueOptions.ts'
import { isPriority } from './task/taskTable.ts'

/** Where the calls of a task go. What a call or its task says for itself comes first. */
export interface TaskRoute {
  // <ROUTE_OPTIONS> written by `npm run docs:api` from the table below
  /** The queue. Default: the app's queue, unless there is an exchange. */
  queue?: string | undefined
  /** The exchange. Default: the queue's. */
  exchange?: string | undefined
  /** The routing key, for an exchange or for a queue that is bound to a topic exchange. Default: the queue's. */
  routingKey?: string | undefined
  /** The priority of calls where neither call nor task has one: 0 to 255. Default: none. */
  priority?: number | undefined
  // </ROUTE_OPTIONS>
}

/** What a router gets of a call. */
export interface RoutedCall {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  /** As the caller gave them. */
  readonly options: CallOptions
}

/**
 * Says where a task goes; undefined: the next one, or the app's queue. Without `call` it is asked where the calls of a
 * task go as a rule, as for the list of an app's queues.
 */
export type Router = (task: string, call?: RoutedCall) => string | TaskRoute | undefined

/** A pattern of task names, with where those tasks go: a queue or more. */
export type RouteRule = readonly [pattern: string | RegExp, route: string | TaskRoute]

/** The app's option `routes`. */
export type Routes = Readonly<Record<string, string | TaskRoute>> | Router | readonly (RouteRule | Router)[]

/** A router as parsed: what it answers is checked. */
export type ParsedRouter = (task: string, call?: RoutedCall) => TaskRoute | undefined

export const ROUTE_OPTIONS: OptionTable<TaskRoute> = {
  queue: {
    kind: 'text',
    absent: "the app's queue, unless there is an exchange",
    doc: 'the queue',
    celery: 'queue',
  },
  exchange: {
    kind: 'value',
    type: 'string',
    check: requireName,
    absent: "the queue's",
    doc: 'the [exchange](reference.md#exchanges)',
    celery: 'exchange',
  },
  routingKey: {
    kind: 'value',
    type: 'string',
    check: requireName,
    absent: "the queue's",
    doc: 'the routing key, for an exchange or for a queue that is bound to a topic exchange',
    celery: 'routing_key',
  },
  priority: {
    kind: 'value',
    type: 'number',
    check: requirePriority,
    absent: 'none',
    doc: 'the priority of calls where neither call nor task has one: 0 to 255',
    celery: 'priority',
  },
}

function requirePriority(priority: unknown, where: string): void {
  if (typeof priority !== 'number' || !isPriority(priority))
    throw new ArgumentError(`${where}: expected a whole number from 0 to 255, got ${shown(priority)}`)
}

/** Throws ArgumentError for a route that leads nowhere; `where` names it. */
type Check = (route: TaskRoute, where: string) => unknown

/** Parse the app's option `routes`. Throws ArgumentError, also for what a function answers later. */
export function parseRoutes(routes: Routes, check: Check): ParsedRouter {
  const where = 'routes'
  if (typeof routes === 'function') return checked(routes, where)
  if (typeof routes !== 'object' || routes === null)
    throw new ArgumentError(`${where}: expected an object, a list of pairs, or a function, got ${shown(routes)}`)
  const given: readonly unknown[] = Array.isArray(routes) ? routes : Object.entries(routes)
  const routers = given.map((one, at) => routerOf(one, Array.isArray(routes) ? `${where}: ${at}` : where, check))
  return (task, call) => {
    for (const router of routers) {
      const route = router(task, call)
      if (route !== undefined) return route
    }
    return undefined
  }
}

function routerOf(given: unknown, where: string, check: Check): ParsedRouter {
  if (typeof given === 'function') return checked(given as Router, where)
  if (!Array.isArray(given) || given.length !== 2)
    throw new ArgumentError(`${where}: expected [pattern, route] or a function, got ${shown(given)}`)
  const [pattern, target] = given as unknown as RouteRule
  const matches = matcherOf(pattern, where)
  const route = routeOf(target, `${where}: ${pattern}`)
  check(route, `${where}: ${pattern}`)
  return (task) => (matches(task) ? route : undefined)
}

/**
 * A regular expression is code of the application, as a function is: it is used as it stands, and not anchored. What it
 * costs on a hostile name is up to it, but names have at most 255 characters.
 */
function matcherOf(pattern: unknown, where: string): (task: string) => boolean {
  if (pattern instanceof RegExp) {
    if (pattern.global || pattern.sticky)
      throw new ArgumentError(`${where}: expected a regular expression without the flags g and y, got ${pattern}`)
    return (task) => pattern.test(task)
  }
  requireText(pattern, `${where}: pattern`)
  const glob = starGlob(pattern)
  return (task) => glob.matches(task)
}

function checked(router: Router, where: string): ParsedRouter {
  return (task, call) => {
    const route = router(task, call)
    return route === undefined || route === null ? undefined : routeOf(route, `${where}: ${task}`)
  }
}

function routeOf(target: unknown, where: string): TaskRoute {
  if (typeof target === 'string') {
    requireText(target, where)
    requireName(target, where)
    return { queue: target }
  }
  const route = readGiven<TaskRoute, TaskRoute>(ROUTE_OPTIONS, target as TaskRoute, where)
  if (Object.keys(route).length > 0) return route
  throw new ArgumentError(`${where}: expected a queue, an exchange, a routingKey or a priority, got none`)
}
