import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { CeleriacError } from '../std/errors.ts'
import { codeOf } from '../std/thrown.ts'

/**
 * Write the id of this process into a file, until it ends. A file of a process that does not run any more is replaced.
 * Throws COMMAND_FAILED where that process runs, where the file holds something else, and where it cannot be written.
 */
export function holdPidFile(path: string): void {
  // Beside it and then linked: the file is there with its content, or not at all.
  const own = `${path}.${process.pid}`
  try {
    writeFileSync(own, `${process.pid}\n`)
    while (!linked(own, path)) removeStale(path)
  } catch (error) {
    if (error instanceof CeleriacError) throw error
    throw failure(path, `cannot be written: ${(error as Error).message}`, error)
  } finally {
    rmSync(own, { force: true })
  }
  process.on('exit', () => {
    if (pidIn(path) === process.pid) rmSync(path, { force: true })
  })
}

/** False where the file is there already. */
function linked(own: string, path: string): boolean {
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Another process may do the same at this moment: what is moved away is looked at again. */
function removeStale(path: string): void {
  refuseLive(path, path)
  const moved = `${path}.${process.pid}.stale`
  try {
    renameSync(path, moved)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw error
  }
  try {
    refuseLive(path, moved)
  } catch (error) {
    renameSync(moved, path)
    throw error
  }
  rmSync(moved)
}

/** `path`: for people; `file`: what is read. */
function refuseLive(path: string, file: string): void {
  const pid = pidIn(file)
  if (pid === undefined) return
  if (Number.isNaN(pid)) throw failure(path, 'expected the id of a process in it, or no such file, got another text')
  // In a container every first process has the same id.
  if (pid !== process.pid && isRunning(pid))
    throw failure(path, `expected no other process, got process ${pid}, which runs`)
}

/** Undefined where there is no file, NaN where it holds something else. */
function pidIn(file: string): number | undefined {
  try {
    const text = readFileSync(file, 'utf8').trim()
    return /^[1-9]\d*$/.test(text) ? Number(text) : Number.NaN
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // One of another user.
    return codeOf(error) === 'EPERM'
  }
}

function failure(path: string, why: string, cause?: unknown): CeleriacError {
  return new CeleriacError('COMMAND_FAILED', `--pidfile ${path}: ${why}`, { cause })
}
