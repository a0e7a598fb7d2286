import { type ChildProcess, spawn } from 'node:child_process'

/** With $3, the children of $1: it is halted first, so that it starts no more of them. */
const CHILDREN =
  '[ -z "$3" ] || { kill -s STOP -- "$1"; children=$(cat "/proc/$1/task/$1/children"); kill -s KILL -- $children; }'

/** Ends $1 and removes the folder $2, if there is one, when nobody holds the other end of its input any more. */
const WATCH = `read -r _; { ${CHILDREN}; kill -s KILL -- "$1"; } 2>/dev/null; [ -z "$2" ] || { sleep 1; rm -rf "$2"; }`

export interface GuardOptions {
  /** Removed after the child's end. */
  readonly folder?: string
  /** The child leads a process group, which ends with it. */
  readonly group?: boolean
  /** The child's own children end with it: each of them leads a group. */
  readonly children?: boolean
}

/** Have a child end when this process has ended, however it ends (SIGKILL too). */
export function guard(child: ChildProcess, { folder = '', group = false, children = false }: GuardOptions = {}): void {
  if (child.pid === undefined) return
  const args = [`${group ? '-' : ''}${child.pid}`, folder, children ? 'children' : '']
  const watch = spawn('sh', ['-c', WATCH, 'guard', ...args], {
    // In a group of its own: what ends us at the terminal must leave it alone.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watch.unref()
  watch.stdin.on('error', () => undefined)
  ;(watch.stdin as unknown as { unref(): void }).unref()
  child.once('exit', () => watch.kill('SIGKILL'))
}
