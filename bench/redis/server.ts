import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** What the server has counted since it was started. */
export interface Counters {
  /** Calls of commands, those inside scripts included, by name. */
  readonly calls: Readonly<Record<string, number>>
  /** Processor time of the server, s. */
  readonly cpu: number
  /** Times that it has read from a socket: what was sent together counts once (up to 16 KiB). */
  readonly reads: number
}

/** How two states of the counters differ. */
export interface Served extends Counters {
  /** Calls of all commands. */
  readonly operations: number
}

/** Of the bench itself, and of getting connected. */
const NOT_COUNTED = /^(ping|info|client|hello|auth|select|config|command|dbsize|flushall|script|function)(\||$)/

/** A redis-server of our own: free port, empty folder, nothing written to disk. */
export class Server {
  readonly port: number
  readonly #process: ChildProcess
  readonly #folder: string
  readonly #socket: Socket

  private constructor(port: number, folder: string, child: ChildProcess, socket: Socket) {
    this.port = port
    this.#folder = folder
    this.#process = child
    this.#socket = socket
  }

  static async start(): Promise<Server> {
    const port = await freePort()
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-redis-'))
    const settings = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
    ]
    const child = spawn('redis-server', settings, { stdio: ['ignore', 'ignore', 'inherit'] })
    await once(child, 'spawn')
    return new Server(port, folder, child, await connected(port))
  }

  static version(): string {
    return /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown'
  }

  async empty(): Promise<void> {
    await this.#ask('FLUSHALL SYNC')
  }

  /** How many keys there are: each side keeps one per task. */
  keys(): Promise<number> {
    return this.number('DBSIZE')
  }

  /** A command, in plain words, that answers a number. */
  async number(command: string): Promise<number> {
    const answer = await this.#ask(command)
    if (!answer.startsWith(':')) throw new Error(`${command}: expected a number, got ${answer.trim()}`)
    return Number(answer.slice(1))
  }

  async counters(): Promise<Counters> {
    const text = await this.#ask('INFO everything')
    const calls: Record<string, number> = {}
    for (const [, name, count] of text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
      if (name && !NOT_COUNTED.test(name)) calls[name] = Number(count)
    }
    const number = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1] ?? Number.NaN)
    const cpu = number('used_cpu_sys') + number('used_cpu_user')
    return { calls, cpu, reads: number('total_reads_processed') }
  }

  async stop(): Promise<void> {
    this.#socket.destroy()
    const gone = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await gone
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** One command in plain words; its answer as it came. */
  async #ask(command: string): Promise<string> {
    this.#socket.write(`${command}\r\n`)
    let answer = ''
    do answer += String((await once(this.#socket, 'data'))[0])
    while (answer.length < expectedLength(answer))
    return answer
  }
}

export function difference(before: Counters, after: Counters): Served {
  const changes = Object.entries(after.calls).map(([name, calls]) => [name, calls - (before.calls[name] ?? 0)] as const)
  const calls = Object.fromEntries(changes.filter(([, count]) => count > 0))
  const operations = Object.values(calls).reduce((sum, count) => sum + count, 0)
  return { calls, operations, cpu: after.cpu - before.cpu, reads: after.reads - before.reads }
}

function expectedLength(answer: string): number {
  const [head, length] = /^\$(\d+)\r\n/.exec(answer) ?? []
  return head === undefined ? 1 : head.length + Number(length) + 2
}

async function connected(port: number): Promise<Socket> {
  for (let attempt = 0; ; attempt++) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return socket
    } catch (error) {
      if (attempt === 100) throw error
      await sleep(50)
    }
  }
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
