import { type ChildProcess, spawn } from 'node:child_process'

/** Ends $1 and removes the folder $2, if there is one, when nobody holds the other end of its input any more. */
const WATCH = 'read -r _; kill -s KILL -- "$1" 2>/dev/null; [ -z "$2" ] || { sleep 1; rm -rf "$2"; }'

export interface GuardOptions {
  /** Removed after the child's end. */
  readonly folder?: string
  /** The child leads a process group, which ends with it. */
  readonly group?: boolean
}

/** Have a child end when this process has ended, however it ends (SIGKILL too). */
export function guard(child: ChildProcess, { folder = '', group = false }: GuardOptions = {}): void {
  if (child.pid === undefined) return
  const watch = spawn('sh', ['-c', WATCH, 'guard', `${group ? '-' : ''}${child.pid}`, folder], {
    // In a group of its own: what ends us at the terminal must leave it alone.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watch.unref()
  watch.stdin.on('error', () => undefined)
  ;(watch.stdin as unknown as { unref(): void }).unref()
  child.once('exit', () => watch.kill('SIGKILL'))
}
