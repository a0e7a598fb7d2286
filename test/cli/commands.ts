import { type ChildProcess, fork } from 'node:child_process'
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { within } from '../wait.ts'
import type { CommandAnswer, CommandRequest } from './commandsProcess.ts'

const program = fileURLToPath(new URL('commandsProcess.ts', import.meta.url))

/** Of Node, for the sources of celeriac. */
export const FLAGS: readonly string[] = ['--conditions=source', '--disable-warning=ExperimentalWarning']

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** One command line to run. */
export interface CommandLine {
  readonly cwd: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly input: string
}

/**
 * Runs commands one after the other in a process that stays, so that the modules are loaded once: a process for each
 * would take a quarter of a second of processor time. See commandsProcess.ts for what is the same as in a process of
 * its own, and what is not.
 */
export class Commands {
  #child: ChildProcess | undefined
  #files: readonly [stdout: number, stderr: number] = [-1, -1]
  #last: Promise<unknown> = Promise.resolve()

  run(line: CommandLine): Promise<Ended> {
    const ended = this.#last.then(() => this.#run(line))
    this.#last = ended.catch(() => undefined)
    return ended
  }

  async #run({ args, ...rest }: CommandLine): Promise<Ended> {
    const child = this.#child ?? this.#start()
    const request: CommandRequest = { ...rest, args: [...args], env: { ...process.env, ...rest.env } }
    const { code, hasLeft } = await within(() => `the end of celeriac ${args.join(' ')}`, ask(child, request)).catch(
      (error: Error) => {
        const text = this.#files.map(textOf).join('')
        this.#stop(child)
        throw new Error(`celeriac ${args.join(' ')}: ${error.message}\n${text}`)
      },
    )
    const [stdout, stderr] = this.#files.map(textOf) as [string, string]
    if (hasLeft) this.#stop(child)
    return { code, stdout, stderr }
  }

  #start(): ChildProcess {
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-commands-'))
    this.#files = [openSync(join(folder, 'stdout'), 'a+'), openSync(join(folder, 'stderr'), 'a+')]
    rmSync(folder, { recursive: true })
    const child = fork(program, { execArgv: [...FLAGS], stdio: ['ignore', ...this.#files, 'ipc'] })
    // It ends with this process, which does not wait for it.
    child.unref()
    child.channel?.unref()
    this.#child = child
    return child
  }

  #stop(child: ChildProcess): void {
    child.kill('SIGKILL')
    for (const file of this.#files) closeSync(file)
    this.#child = undefined
  }
}

function ask(child: ChildProcess, request: CommandRequest): Promise<CommandAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandAnswer>()
  const onExit = (code: number | null, signal: string | null): void =>
    reject(new Error(`its process ended with ${code ?? signal}`))
  child.channel?.ref()
  child.once('message', resolve).once('exit', onExit)
  child.send(request, (error) => error && reject(error))
  return promise.finally(() => {
    child.off('message', resolve).off('exit', onExit)
    child.channel?.unref()
  })
}

function textOf(file: number): string {
  const bytes = Buffer.alloc(fstatSync(file).size)
  readSync(file, bytes, 0, bytes.length, 0)
  return bytes.toString()
}
