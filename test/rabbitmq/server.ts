import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeCertificate } from '../certificate.ts'
import { guard } from '../redis/guard.ts'
import { untilWritten } from '../redis/launch.ts'
import { freePort } from '../redis/server.ts'

const MISSING = 'the tests need rabbitmq-server 3.10 or newer; please run: sudo apt-get install -y rabbitmq-server'

/** The server's own scripts: those on the PATH insist on another user. */
const BIN = '/usr/lib/rabbitmq/bin'

/** How many virtual hosts are made at once, and how few may be left before more are made. */
const POOL = 40
const FEW = 20

export interface RabbitServerOptions {
  /** How long a delivery may stay unacknowledged before its channel is closed, ms. Default: the server's, 30 minutes. */
  readonly consumerTimeout?: number
  /** Longest message that it takes, bytes (`max_message_size`). Default: the server's, 128 MiB. */
  readonly maxMessageSize?: number
  /** Where the last node lived, with its data. */
  readonly port?: number
  /** Listen for TLS too, with a certificate made for it (`tlsPort`, `certificate`). */
  readonly tls?: boolean
}

/** A real rabbitmq-server node with a name, ports and folders of its own; it ends with this process, however that ends. */
export class RabbitServer {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'celeriac-rabbitmq-'))
  readonly node: string = `celeriac-${randomBytes(6).toString('hex')}@localhost`
  readonly port: number
  readonly tlsPort: number
  readonly #ports: { readonly dist: number; readonly epmd: number }
  readonly #options: RabbitServerOptions
  readonly #vhosts: string[] = []
  #made = 0
  #making: Promise<void> | undefined
  #process: ChildProcess | undefined
  #epmd: ChildProcess | undefined

  /** Resolves when it takes connections: some three seconds. */
  static async start(options: RabbitServerOptions = {}): Promise<RabbitServer> {
    if (!existsSync(join(BIN, 'rabbitmq-server'))) throw new Error(MISSING)
    for (let attempt = 1; ; attempt++) {
      const [port, tls] = [options.port ?? (await freePort()), options.tls ? await freePort() : 0]
      const server = new RabbitServer(options, { port, tls }, { dist: await freePort(), epmd: await freePort() })
      try {
        if (options.tls) await writeCertificate({ key: server.#key, certificate: server.certificate })
        await server.start()
        return server
      } catch (error) {
        await server.stop()
        // Somebody may have taken a port between our look and the node's.
        if (attempt === 3) throw error
      }
    }
  }

  private constructor(
    options: RabbitServerOptions,
    { port, tls }: { port: number; tls: number },
    ports: { dist: number; epmd: number },
  ) {
    this.port = port
    this.tlsPort = tls
    this.#ports = ports
    this.#options = options
    for (const name of ['mnesia', 'log']) mkdirSync(join(this.folder, name))
    writeFileSync(join(this.folder, 'enabled_plugins'), '[].\n')
    writeFileSync(join(this.folder, 'env.conf'), '')
    const { maxMessageSize: size } = options
    const limit = size === undefined ? '' : `max_message_size = ${size}\n`
    writeFileSync(join(this.folder, 'rabbitmq.conf'), limit + (tls === 0 ? '' : this.#tlsSettings))
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** `amqp://guest:guest@127.0.0.1:<port>/<vhost>`; without a virtual host the server's own, `/`. */
  url(vhost = ''): string {
    return `amqp://guest:guest@127.0.0.1:${this.port}/${encodeURIComponent(vhost)}`
  }

  /** Of `tls`: signed by itself, for 127.0.0.1 and localhost. */
  get certificate(): string {
    return join(this.folder, 'certificate.pem')
  }

  /** The URL of a virtual host that nobody has used: nothing is in it. They are made many at a time, as asking the server takes a second. */
  async empty(): Promise<string> {
    while (this.#vhosts.length === 0) await this.#more()
    const vhost = this.#vhosts.shift()
    // In time for whoever comes next, who is also told where it fails.
    if (this.#vhosts.length < FEW) this.#more().catch(() => undefined)
    return this.url(vhost)
  }

  /** Make these virtual hosts, for the user guest. */
  async addVhosts(names: readonly string[]): Promise<void> {
    const list = names.map((name) => `<<"${name}"/utf8>>`).join(',')
    await this.ctl(
      'eval',
      `[begin ok = rabbit_vhost:add(V, <<"t">>), ok = rabbit_auth_backend_internal:set_permissions(<<"guest">>, V,
        <<".*">>, <<".*">>, <<".*">>, <<"t">>) end || V <- [${list}]].`,
    )
  }

  get #key(): string {
    return join(this.folder, 'key.pem')
  }

  get #tlsSettings(): string {
    const files = `ssl_options.certfile = ${this.certificate}\nssl_options.keyfile = ${this.#key}\n`
    return `listeners.ssl.default = 127.0.0.1:${this.tlsPort}\n${files}`
  }

  #more(): Promise<void> {
    const names = Array.from({ length: POOL }, (_, n) => `t${this.#made + n + 1}`)
    this.#making ??= this.addVhosts(names)
      .then(() => {
        this.#made += POOL
        this.#vhosts.push(...names)
      })
      .finally(() => {
        this.#making = undefined
      })
    return this.#making
  }

  /** What rabbitmqctl prints. Takes about a second. */
  async ctl(...args: readonly string[]): Promise<string> {
    const run = promisify(execFile)
    const { stdout } = await run(join(BIN, 'rabbitmqctl'), ['-q', '-n', this.node, ...args], {
      env: this.#env,
      maxBuffer: 64 * 1024 * 1024,
    })
    return stdout.trimEnd()
  }

  /** Start it (again) with what its folders hold. */
  async start(): Promise<void> {
    await this.#startNames()
    const child = spawn(join(BIN, 'rabbitmq-server'), { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process = child
    guard(child, { folder: this.folder })
    await untilWritten(child, 'Server startup complete', 'rabbitmq-server')
  }

  /** End it in order (SIGTERM: durable queues and persistent messages stay) or as a power cut does, and start it again on the same port. */
  async restart({ kill = false }: { kill?: boolean } = {}): Promise<void> {
    await (kill ? this.kill() : this.halt())
    await this.start()
  }

  /** End it in order. */
  halt(): Promise<void> {
    return this.#end('SIGTERM')
  }

  /** End it at once, as a power cut does. */
  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  /** Halt it without ending it: connections stay open and nothing answers, until `resume`. */
  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  /** End it and remove its folder. */
  async stop(): Promise<void> {
    // A rabbitmqctl that finds no epmd starts one of its own, which stays for good.
    await this.#making?.catch(() => undefined)
    await this.kill()
    const names = this.#epmd
    this.#epmd = undefined
    if (names) await ended(names, 'SIGKILL')
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child) await ended(child, signal)
  }

  /** Erlang's name server, for this node alone, so that nothing of it stays behind. */
  async #startNames(): Promise<void> {
    if (this.#epmd) return
    const child = spawn('epmd', ['-port', String(this.#ports.epmd), '-address', '127.0.0.1'], { stdio: 'ignore' })
    guard(child)
    this.#epmd = child
    for (let attempt = 1; !(await listens(this.#ports.epmd)); attempt++) {
      if (attempt === 200) throw new Error('epmd does not listen')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  get #env(): NodeJS.ProcessEnv {
    const at = (name: string): string => join(this.folder, name)
    const { consumerTimeout } = this.#options
    // Few processes share two cores here: one scheduler, and none that spins while it waits.
    const erl = ['+S', '1:1', '+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none']
    if (consumerTimeout) erl.push('-rabbit', 'consumer_timeout', `${consumerTimeout}`)
    if (consumerTimeout) erl.push('-rabbit', 'channel_tick_interval', '1000')
    return {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      HOME: this.folder,
      RABBITMQ_NODENAME: this.node,
      RABBITMQ_NODE_PORT: String(this.port),
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_DIST_PORT: String(this.#ports.dist),
      ERL_EPMD_PORT: String(this.#ports.epmd),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_MNESIA_BASE: at('mnesia'),
      RABBITMQ_LOG_BASE: at('log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
      RABBITMQ_CONF_ENV_FILE: at('env.conf'),
      RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: at('none'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: erl.join(' '),
      ERL_CRASH_DUMP: at('erl_crash.dump'),
      // The scripts then become the server instead of watching over it: its pid is ours.
      detached: 'true',
    }
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
