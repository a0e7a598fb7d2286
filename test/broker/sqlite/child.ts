import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { until } from '../../../src/testing/kit.ts'

const FLAGS = ['--conditions=source', '--disable-warning=ExperimentalWarning']

/** A process of its own that runs a file of `children/`, and what it said. */
export class Child {
  readonly said: Record<string, unknown>[] = []
  readonly process: ChildProcess
  readonly ended: Promise<[code: number | null, signal: string | null]>

  constructor(file: string, args: readonly (string | number)[]) {
    const path = fileURLToPath(new URL(`../children/${file}`, import.meta.url))
    this.process = fork(path, args.map(String), { execArgv: FLAGS })
    this.process.on('message', (message: Record<string, unknown>) => this.said.push(message))
    this.ended = once(this.process, 'exit') as Promise<[number | null, string | null]>
  }

  tell(command: Record<string, unknown>): void {
    this.process.send(command)
  }

  /** What it says under this key, now or later. */
  async says(key: string): Promise<unknown> {
    const found = (): Record<string, unknown> | undefined => this.said.find((message) => key in message)
    await until(`child says ${key}`, () => found() !== undefined, 25_000)
    return found()?.[key]
  }

  /** Disconnect: the child ends by itself when it has nothing left to do. Its exit code. */
  async end(): Promise<number | null> {
    if (this.process.connected) this.process.disconnect()
    return (await this.ended)[0]
  }

  /** Whatever state it is in. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
  }
}
