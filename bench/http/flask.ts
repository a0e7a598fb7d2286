import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../test/redis/server.ts'
import { exited } from '../harness/child.ts'
import { PYTHON } from '../harness/pythonChild.ts'
import type { Order, Ready } from './order.ts'
import type { Service } from './sides.ts'

const VERSIONS =
  'import celery, flask, gunicorn; print(f"Flask {flask.__version__}, gunicorn {gunicorn.__version__}, Celery {celery.__version__}")'

/** gunicorn with two workers before the Flask application, or a Celery worker of its tasks, which then take no time. */
export class FlaskService implements Service {
  readonly ready: Ready
  readonly #process: ChildProcess

  private constructor(child: ChildProcess, ready: Ready) {
    this.#process = child
    this.ready = ready
  }

  /** Throws where something is not installed. */
  static version(): string {
    try {
      return execFileSync(PYTHON, ['-W', 'ignore', '-c', VERSIONS], { encoding: 'utf8', stdio: 'pipe' }).trim()
    } catch (error) {
      throw new Error('something is missing: apt-get install python3-flask gunicorn python3-celery python3-redis', {
        cause: error,
      })
    }
  }

  static async start({ role, url }: Order): Promise<FlaskService> {
    const port = role === 'serve' ? await freePort() : undefined
    const args =
      role === 'serve'
        ? ['gunicorn', '--workers', '2', '--bind', `127.0.0.1:${port}`, '--log-level', 'error', 'seed_server:app']
        : ['celery', '-A', 'seed_server.celery', 'worker', '--concurrency=1', '--loglevel=error']
    const child = spawn(PYTHON, ['-W', 'ignore', '-m', ...args], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, BENCH_URL: url, BENCH_SECONDS: '0', PYTHONDONTWRITEBYTECODE: '1', C_FORCE_ROOT: '1' },
    })
    await once(child, 'spawn')
    if (port !== undefined) await listening(port, child)
    return new FlaskService(child, port === undefined ? {} : { port })
  }

  get pid(): number {
    return this.#process.pid as number
  }

  async end(): Promise<void> {
    this.#process.kill('SIGTERM')
    await exited(this.#process)
  }
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`gunicorn ended with ${child.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return
    } catch {
      await sleep(50)
    } finally {
      socket.destroy()
    }
  }
}
