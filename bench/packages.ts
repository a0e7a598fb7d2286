import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** The peers that npm installs, each set in a folder of its own: one that cannot be installed leaves the others. */
const PEERS = {
  bullmq: { bullmq: '6.7.0', ioredis: '6.0.0' },
  plainjob: { plainjob: '0.0.14', 'better-sqlite3': '13.2.0' },
  bullmqPostgres: { bullmq: '6.7.0', pg: '8.23.1' },
  graphileWorker: { 'graphile-worker': '0.17.3' },
  pgBoss: { 'pg-boss': '12.38.0' },
  fastify: { fastify: '5.12.8', bullmq: '6.7.0', ioredis: '6.0.0' },
} as const

export type PeerSet = keyof typeof PEERS

/** The longest installation, ms: it may compile. */
const LIMIT_MS = 5 * 60_000

/** Peers and other commits are kept here: `BENCH_CACHE`, or `celeriac-bench` in the user's cache folder. */
export function cacheFolder(): string {
  return process.env.BENCH_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'celeriac-bench')
}

/** Install a set of peers, unless it is there; its folder. Rejects with one line. */
export async function installPeers(name: PeerSet): Promise<string> {
  const manifest = JSON.stringify({
    private: true,
    dependencies: PEERS[name],
    allowScripts: { 'better-sqlite3': true },
  })
  const hash = createHash('sha256').update(manifest).digest('hex').slice(0, 8)
  // A native part is for one version of Node.
  const folder = join(cacheFolder(), 'peers', `${name}-${process.versions.modules}-${hash}`)
  const stamp = join(folder, '.installed')
  if (existsSync(stamp)) return folder
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), manifest)
  try {
    await runNpm(folder, ['install'])
  } catch (error) {
    throw new Error(`npm could not install ${name}: ${reasonOf(error)}`, { cause: error })
  }
  writeFileSync(stamp, '')
  return folder
}

/** npm in a folder, on this Node. */
export async function runNpm(folder: string, args: readonly string[]): Promise<void> {
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) }
  await promisify(execFile)('npm', [...args, ...quiet], { cwd: folder, env, timeout: LIMIT_MS })
}

function reasonOf(error: unknown): string {
  const { stderr = '', message } = error as { stderr?: string; message: string }
  return (stderr || message).split('\n').find((line) => line.trim() !== '') ?? ''
}
