import { type FrameKind, frameKind, placeOf } from '../frame.ts'

/* A CPU profile, as a file `.cpuprofile` has it, as a tree of calls with their times. */

/** A function, called from the one above. Times in ms. */
export interface Call {
  readonly name: string
  /** File and line, as `/srv/tasks.ts:12`; empty for what has none. */
  readonly place: string
  readonly kind: FrameKind
  /** In itself; and with all that it calls. */
  self: number
  total: number
  readonly children: Call[]
}

export interface CallTree {
  /** Its total is the time in which the thread was busy. */
  readonly root: Call
  /** Time in which it waited, ms. */
  readonly idle: number
}

/** A function with the times of all its calls. */
export interface HotFunction extends Omit<Call, 'children'> {
  /** The same for all calls of it. */
  readonly key: string
}

interface RawNode {
  readonly name: string
  readonly url: string
  readonly line: number
  readonly hits: number
  readonly children: readonly number[]
}

/** Name that V8 gives to the time in which the thread waits. */
const IDLE = '(idle)'

/** The tree of a profile. Throws TypeError for what is none. */
export function callTree(profile: Readonly<Record<string, unknown>>): CallTree {
  const nodes = nodesOf(profile.nodes)
  const selfTimes = selfTimesOf(profile, nodes)
  const root: Call = { name: '(all)', place: '', kind: 'engine', self: 0, total: 0, children: [] }
  let idle = 0
  const calls = new Calls()
  const seen = new Set<number>()
  const first = nodes.keys().next().value
  const open: (readonly [id: number, parent: Call | undefined])[] = first === undefined ? [] : [[first, undefined]]
  for (let step = open.pop(); step; step = open.pop()) {
    const [id, parent] = step
    const node = nodes.get(id)
    // A node has one parent: anything else would be counted twice, or without an end.
    if (!node || seen.has(id)) continue
    seen.add(id)
    const self = selfTimes.get(id) ?? 0
    if (node.name === IDLE) {
      idle += self
      continue
    }
    const call = parent ? calls.childOf(parent, node) : root
    call.self += self
    for (const child of node.children) open.push([child, call])
  }
  for (const call of calls.order.toReversed()) call.total = call.self + sum(call.children)
  root.total = root.self + sum(root.children)
  return { root, idle }
}

/** The functions that took the most time themselves. */
export function hottest(root: Call, count: number): HotFunction[] {
  const found = new Map<string, HotFunction>()
  /** How often each is on the path to the call that is looked at: a recursion counts once. */
  const active = new Map<string, number>()
  const open: { readonly call: Call; readonly isEnd: boolean }[] = root.children.map((call) => ({ call, isEnd: false }))
  for (let step = open.pop(); step; step = open.pop()) {
    const { call, isEnd } = step
    const key = keyOf(call)
    const depth = active.get(key) ?? 0
    if (isEnd) {
      active.set(key, depth - 1)
      continue
    }
    const { name, place, kind } = call
    const hot = found.get(key) ?? { key, name, place, kind, self: 0, total: 0 }
    found.set(key, hot)
    hot.self += call.self
    if (depth === 0) hot.total += call.total
    active.set(key, depth + 1)
    open.push({ call, isEnd: true })
    for (const child of call.children) open.push({ call: child, isEnd: false })
  }
  return [...found.values()].sort((a, b) => b.self - a.self || b.total - a.total).slice(0, count)
}

/** The same for all calls of one function. */
export function keyOf({ name, place }: Pick<Call, 'name' | 'place'>): string {
  return `${name} ${place}`
}

/** The calls of a tree, while it is built. */
class Calls {
  /** Each before those that it makes. */
  readonly order: Call[] = []
  readonly #known = new Map<Call, Map<string, Call>>()

  /** The call of the same function that the parent has, or a new one. */
  childOf(parent: Call, { name, url, line }: RawNode): Call {
    const place = placeOf(url, line)
    const known = this.#known.get(parent) ?? new Map<string, Call>()
    this.#known.set(parent, known)
    const key = keyOf({ name, place })
    const present = known.get(key)
    if (present) return present
    const call: Call = { name, place, kind: frameKind(place, name), self: 0, total: 0, children: [] }
    known.set(key, call)
    parent.children.push(call)
    this.order.push(call)
    return call
  }
}

function sum(calls: readonly Call[]): number {
  return calls.reduce((all, { total }) => all + total, 0)
}

/** By id; the root is the first. */
function nodesOf(nodes: unknown): Map<number, RawNode> {
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw new TypeError('This is no CPU profile: expected a list of nodes')
  return new Map(
    nodes.map((node: unknown): [number, RawNode] => {
      const { id, callFrame, hitCount, children } = isObject(node) ? node : {}
      if (typeof id !== 'number' || !isObject(callFrame))
        throw new TypeError('This is no CPU profile: expected nodes with an id and a call frame')
      const { functionName, url, lineNumber } = callFrame
      return [
        id,
        {
          name: typeof functionName === 'string' && functionName !== '' ? functionName : '(anonymous)',
          url: typeof url === 'string' ? url : '',
          line: numberOf(lineNumber) + 1,
          hits: numberOf(hitCount),
          children: Array.isArray(children) ? children.filter((child) => typeof child === 'number') : [],
        },
      ]
    }),
  )
}

/** By node: from one sample to the next, ms; without times of samples, by the share of the samples. */
function selfTimesOf(
  { samples, timeDeltas, startTime, endTime }: Readonly<Record<string, unknown>>,
  nodes: ReadonlyMap<number, RawNode>,
): Map<number, number> {
  const times = new Map<number, number>()
  const length = Math.max(0, numberOf(endTime) - numberOf(startTime)) / 1000
  if (Array.isArray(samples) && Array.isArray(timeDeltas) && samples.length > 0) {
    let passed = 0
    samples.forEach((id: unknown, at) => {
      passed += at === 0 ? Math.max(0, numberOf(timeDeltas[0])) / 1000 : 0
      const isLast = at === samples.length - 1
      // V8 writes samples of one moment in any order: then a delta is below 0.
      const time = isLast ? Math.max(0, length - passed) : Math.max(0, numberOf(timeDeltas[at + 1])) / 1000
      passed += time
      if (typeof id === 'number') times.set(id, (times.get(id) ?? 0) + time)
    })
    return times
  }
  const hits = [...nodes.values()].reduce((all, node) => all + node.hits, 0)
  for (const [id, node] of nodes) if (hits > 0) times.set(id, (node.hits / hits) * length)
  return times
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}
