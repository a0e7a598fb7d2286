// @ts-check
// npm run test:fresh [-- --times N]: what somebody meets who has never seen the project. The last commit is cloned into a
// temporary folder; HOME and npm's cache are empty; of the environment only what the network needs is kept. There
// `npm start` must serve and `npm test` pass, N times in a row (default 1). Uncommitted changes are not tried.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fail, root } from './lib.mjs'

/** Certificates, proxies, and npm's settings but for its cache and files. */
const NETWORK =
  /^(?:NODE_EXTRA_CA_CERTS|SSL_CERT_(?:FILE|DIR)|(?:https?|no|all)_proxy|npm_config_(?!cache$|userconfig$|globalconfig$|prefix$|local_prefix$).*)$/i

/** Longest time, ms: to install and serve, and for one run of the tests. */
const LIMITS = { start: 10 * 60_000, test: 40 * 60_000 }

const [option, value = '1'] = process.argv.slice(2)
const times = Number(value)
if ((option !== undefined && option !== '--times') || !Number.isInteger(times) || times < 1)
  fail('usage: npm run test:fresh [-- --times N]', 2)
const folder = mkdtempSync(join(tmpdir(), 'celeriac-fresh-'))
const clone = join(folder, 'celeriac')
const kept = Object.entries(process.env).filter(([name]) => NETWORK.test(name))
const env = {
  ...Object.fromEntries(kept),
  PATH: ownPath(),
  HOME: mkdtempSync(join(folder, 'home-')),
  npm_config_cache: mkdtempSync(join(folder, 'npm-')),
}

try {
  const { status } = spawnSync('git', ['clone', '-q', root, clone], { stdio: 'inherit', timeout: 60_000 })
  if (status !== 0) fail('git clone failed')
  await serves()
  for (let time = 1; time <= times; time++) {
    console.log(`\n== npm test in a new clone: ${time} of ${times}`)
    const code = await ended(start(['test'], 'inherit'), LIMITS.test)
    if (code !== 0) fail(`npm test in a new clone: failed (exit code ${code})`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

/** `npm start` answers at the address that it prints, and ends in order. */
async function serves() {
  console.log('== npm start in a new clone')
  const child = start(['start', '--', '--port', '0'], 'pipe')
  const url = await address(child)
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) })
  if (!response.ok) fail(`npm start: GET ${url}: expected 200, got ${response.status}`)
  console.log(`it serves at ${url}`)
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM')
  await ended(child, 60_000)
}

/** @param {import('node:child_process').ChildProcess} child @returns {Promise<string>} */
function address(child) {
  return new Promise((resolve) => {
    let text = ''
    const late = setTimeout(() => fail(`npm start: no address within ${LIMITS.start} ms: ${text}`), LIMITS.start)
    const read = (/** @type {Buffer} */ chunk) => {
      process.stdout.write(chunk)
      text += chunk
      const found = / is at (http:\S+\d)/.exec(text)
      if (!found) return
      clearTimeout(late)
      resolve(found[1] ?? '')
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('exit', (code) => {
      if (!/ is at http/.test(text)) fail(`npm start ended (exit code ${code}): ${text}`)
    })
  })
}

/** @param {string[]} args @param {'inherit' | 'pipe'} output */
function start(args, output) {
  // A group of its own, which ends as a whole.
  return spawn('npm', args, { cwd: clone, env, stdio: ['ignore', output, output], detached: true })
}

/** Its exit code; a program that is late is killed, with its children. @param {import('node:child_process').ChildProcess} child @param {number} limit */
async function ended(child, limit) {
  const late = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), limit)
  const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', (status) => resolve(status ?? 1))))
  clearTimeout(late)
  return code
}

/** The PATH without this repository's own programs, which npm has put there. */
function ownPath() {
  return (process.env.PATH ?? '')
    .split(':')
    .filter((part) => !part.includes('node_modules'))
    .join(':')
}
