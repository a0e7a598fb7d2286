// The process of commands.ts. A command has its own words, folder, environment, standard input, exit code and
// listeners of `process`, and loads its task module anew; its output is what it writes to the files 1 and 2. As in a
// process of its own, a command ends by `process.exit`, or when nothing is left for it to wait for: one that leaves a
// connection open without an exit never ends here either. The modules of celeriac are loaded once for all commands.
import { fstatSync, ftruncateSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

export interface CommandRequest {
  readonly cwd: string
  readonly args: readonly string[]
  readonly env: Readonly<NodeJS.ProcessEnv>
  readonly input: string
}

export interface CommandAnswer {
  readonly code: number
  /** Something of the command is left, as a connection, which its exit would have ended: this process is of no more use. */
  readonly hasLeft: boolean
}

/** Thrown by `process.exit`: nothing after it runs. */
class Exit extends Error {}

const repository = new URL('../..', import.meta.url).href
const main = new URL('src/cli/main.ts', repository)
/** Of Node, where the module awaits what never comes. */
const UNSETTLED_EXIT_CODE = 13
const OUTPUTS = [1, 2]
/** How long after its exit what a command waits for may take to end, ms. */
const REST = 100

const { send } = process

/** How many commands were run. */
let count = 0
/** The one that runs. */
let current: Command | undefined

class Command {
  readonly #listeners = listenersOf()
  #isSettled = false
  #exit: { readonly code: number; readonly sizes: readonly number[] } | undefined

  constructor({ cwd, args, env, input }: CommandRequest) {
    for (const file of OUTPUTS) ftruncateSync(file)
    process.chdir(cwd)
    for (const name of Object.keys(process.env)) if (env[name] === undefined) delete process.env[name]
    for (const [name, value] of Object.entries(env)) if (process.env[name] !== value) process.env[name] = value
    process.argv = [process.execPath, fileURLToPath(main), ...args]
    process.exitCode = undefined
    const stdin = Readable.from(input === '' ? [] : [Buffer.from(input)])
    Object.defineProperty(process, 'stdin', { value: stdin, configurable: true })
  }

  async start(): Promise<void> {
    try {
      await import(`${main.href}?${++count}`)
    } catch (error) {
      if (!(error instanceof Exit)) throw error
    } finally {
      this.#isSettled = true
    }
  }

  exit(code: number): void {
    if (this.#exit !== undefined) return
    this.#exit = { code, sizes: OUTPUTS.map((file) => fstatSync(file).size) }
    setTimeout(() => answer(this, true), REST).unref()
  }

  /** What the command wrote after its exit is removed, as it would not have written it. */
  end(): number {
    const { code, sizes } = this.#exit ?? {}
    for (const [at, size] of sizes?.entries() ?? []) ftruncateSync(OUTPUTS[at] as number, size)
    restore(this.#listeners)
    // The folder of the command is removed.
    process.chdir('/')
    return code ?? (this.#isSettled ? Number(process.exitCode ?? 0) : UNSETTLED_EXIT_CODE)
  }
}

/** The listeners of the process and of its outputs. */
function listenersOf(): ReadonlyMap<NodeJS.EventEmitter, ReadonlyMap<string | symbol, readonly unknown[]>> {
  const emitters: NodeJS.EventEmitter[] = [process, process.stdout, process.stderr]
  return new Map(emitters.map((one) => [one, new Map(one.eventNames().map((name) => [name, one.rawListeners(name)]))]))
}

function restore(kept: ReturnType<typeof listenersOf>): void {
  type Listener = (...args: unknown[]) => void
  for (const [emitter, before] of kept) {
    for (const name of new Set([...before.keys(), ...emitter.eventNames()])) {
      const [own, now] = [before.get(name) ?? [], emitter.rawListeners(name)]
      for (const one of now) if (!own.includes(one)) emitter.removeListener(name, one as Listener)
      for (const one of own) if (!now.includes(one as Listener)) emitter.on(name, one as Listener)
    }
  }
}

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    const isOfTest = found.url.startsWith('file:') && !found.url.startsWith(repository)
    return isOfTest ? { ...found, url: `${found.url}?${count}` } : found
  },
})

process.exit = (code) => {
  current?.exit(Number(code ?? process.exitCode ?? 0))
  throw new Exit()
}
// Any other error ends this process, as it would end that of the command.
process.on('uncaughtException', (error) => {
  if (error instanceof Exit) return
  console.error(error)
  process.kill(process.pid, 'SIGKILL')
})
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.on('message', (request: CommandRequest) => {
  connect(false)
  current = new Command(request)
  void current.start()
})
process.on('beforeExit', () => answer(current, false))

function answer(command: Command | undefined, hasLeft: boolean): void {
  if (command === undefined || command !== current) return
  current = undefined
  const answer: CommandAnswer = { code: command.end(), hasLeft }
  connect(true)
  process.send?.(answer)
}

/** A command does not see the channel, nor wait for it: it is no child of a process of celeriac. */
function connect(isConnected: boolean): void {
  process.connected = isConnected
  process.send = isConnected ? send : undefined
  if (isConnected) process.channel?.ref()
  else process.channel?.unref()
}
