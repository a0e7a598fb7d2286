import { readdirSync, readFileSync } from 'node:fs'

const RSS = /^VmRSS:\s+(\d+) kB$/m

/**
 * RSS of this process, and on Linux of all processes below it: children of a pool, and programs that tasks have
 * started. Bytes. Pages that several processes share count in each.
 */
export function treeMemory(): number {
  let total = process.memoryUsage.rss()
  for (const pid of below(process.pid)) total += rssOf(pid)
  return total
}

/** Ids of the processes that this one started, and those that they did. */
function* below(pid: number | string): Iterable<string> {
  for (const thread of look(() => readdirSync(`/proc/${pid}/task`)) ?? []) {
    const children = look(() => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')) ?? ''
    for (const child of children.split(' ').filter(Boolean)) {
      yield child
      yield* below(child)
    }
  }
}

/** One that has ended, and is known to its parent still, uses nothing. */
function rssOf(pid: string): number {
  const [, kilobytes = '0'] = RSS.exec(look(() => readFileSync(`/proc/${pid}/status`, 'utf8')) ?? '') ?? []
  return Number(kilobytes) * 1024
}

/** Undefined for a process or thread that has ended meanwhile, and where there is no such file system. */
function look<Value>(read: () => Value): Value | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
