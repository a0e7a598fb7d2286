import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

/** A file system in memory: ext4 makes files slowly for some seconds after many were removed, as tests do all the time. */
const MEMORY = '/dev/shm'
const PREFIX = 'celeriac-tests-'
/** How much room there and how much memory must be free, bytes: a run needs less than 1 GB. */
const LEAST = { room: 4 * 2 ** 30, memory: 8 * 2 ** 30 }

/**
 * Where the tests of this run make their folders, as `TMPDIR` of this process and its children: in memory where there
 * is room. The folder is removed at the end of this process; those of killed runs are removed by the next one.
 */
export function useTemporaryFolder(): void {
  if (process.env.TMPDIR !== undefined || !isRoomy()) return
  for (const name of readdirSync(MEMORY)) {
    if (name.startsWith(PREFIX) && !isRunning(Number(name.slice(PREFIX.length)))) remove(join(MEMORY, name))
  }
  const folder = join(MEMORY, `${PREFIX}${process.pid}`)
  mkdirSync(folder, { recursive: true })
  // As /tmp: servers run as other users.
  chmodSync(folder, 0o1777)
  process.env.TMPDIR = folder
  process.once('exit', () => remove(folder))
}

function isRoomy(): boolean {
  if (process.platform !== 'linux') return false
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const [, , type, options = ''] = mounts.find((line) => line.split(' ')[1] === MEMORY)?.split(' ') ?? []
  if (type !== 'tmpfs' || /\bnoexec\b|\bro\b/.test(options)) return false
  const { bavail, bsize } = statfsSync(MEMORY)
  return bavail * bsize >= LEAST.room && process.availableMemory() >= LEAST.memory
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
